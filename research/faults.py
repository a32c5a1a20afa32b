"""Inject faults into bulk predictions and check that each clip has one row; write a table of them.

    python research/faults.py CORPUS OUTPUT [--clips 600] [--large 20000] [--only NAME]

CORPUS is a folder of WAV files, from which clips of one second are cut. OUTPUT is a folder for faults.csv and
report.md. `--large` is the number of clips of the run on two Ray nodes of this machine, of which one worker
is killed in the middle; `predict --jobs 2` works on a fifth of them before and after. Needs Linux; the full
and the read-only disk need the right to mount.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fault_bench import MODEL, Bench, Finding, kill_workers, processes, when, write_report

HANG_S = 5.0  # --timeout of the runs with a file that hangs


def none(bench: Bench, output: Path) -> Finding:
    """No fault."""
    started_s = time.monotonic()
    return bench.finding("none", [bench.call(str(bench.clips), output)], output, started_s)


def workers(bench: Bench, output: Path) -> Finding:
    """Workers killed with SIGKILL while they work."""
    started_s = time.monotonic()
    code = bench.call(str(bench.clips), output, during=kill_workers(3))
    return bench.finding("a worker killed, three times", [code], output, started_s)


def interrupted(bench: Bench, output: Path) -> Finding:
    """Ctrl-C while workers work, then the same call."""
    started_s = time.monotonic()

    def stop(pid: int) -> None:
        time.sleep(2)
        os.kill(pid, signal.SIGINT)

    stopping = lambda pid: when(lambda: bool(processes(pid, "BatchWorker.recognise")), stop)(pid)  # noqa: E731
    codes = [bench.call(str(bench.clips), output, during=stopping), bench.call(str(bench.clips), output)]
    return bench.finding("Ctrl-C, then the same call", codes, output, started_s)


def driver(bench: Bench, output: Path) -> Finding:
    """The driver killed after its first part, then the same call."""
    started_s = time.monotonic()
    part = output / "parquet" / "part-000000.parquet"
    killing = when(part.exists, lambda pid: os.kill(pid, signal.SIGKILL))
    codes = [bench.call(str(bench.clips), output, during=killing), bench.call(str(bench.clips), output)]
    return bench.finding("the driver killed, then the same call", codes, output, started_s)


def unreadable(bench: Bench, output: Path) -> Finding:
    """Every hundredth file is no audio."""
    names = [f"{number:05}-text.wav" for number in range(0, len(list(bench.clips.iterdir())), 100)]
    started_s = time.monotonic()
    with bench.extra(lambda path: path.write_text("Dear reader, this is not audio."), *names):
        code = bench.call(str(bench.clips), output)
        return bench.finding("every hundredth file is no audio", [code], output, started_s, len(names))


def reads(bench: Bench, output: Path) -> Finding:
    """An object store that fails one read in twenty, a third of these silently."""
    started_s = time.monotonic()
    code = bench.call(f"faulty://{bench.clips}", output, FAULTY_RATE="0.05")
    return bench.finding("one read in twenty fails or is cut short", [code], output, started_s)


def hanging(bench: Bench, output: Path) -> Finding:
    """A pipe that nobody writes to."""
    started_s = time.monotonic()
    with bench.extra(os.mkfifo, "00100-pipe.wav"):
        code = bench.call(str(bench.clips), output, "--timeout", str(HANG_S))
        return bench.finding("a file that hangs", [code], output, started_s, 1)


def deadly(bench: Bench, output: Path) -> Finding:
    """A file that kills its worker each time."""
    started_s = time.monotonic()
    with bench.extra(Path.touch, "00200-deadly.wav"):
        code = bench.call(f"faulty://{bench.clips}", output, FAULTY_RATE="0")
        return bench.finding("a file that kills each worker that reads it", [code], output, started_s, 1)


@contextmanager
def disk(folder: Path) -> Iterator[None]:
    """A disk of its own at a folder."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder), "-o", "size=300k"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def full(bench: Bench, output: Path) -> Finding:
    """A disk that is full before the results are written; then there is room, and the same call."""
    started_s = time.monotonic()
    with disk(output):
        (output / "results").mkdir()
        ballast = output / "ballast"
        ballast.write_bytes(bytes(260 << 10))
        codes = [bench.call(str(bench.clips), output / "results")]
        ballast.unlink()
        subprocess.run(["mount", "-o", "remount,size=50m", str(output)], check=True)
        codes.append(bench.call(str(bench.clips), output / "results"))
        return bench.finding("full disk, then room and the same call", codes, output / "results", started_s)


def read_only(bench: Bench, output: Path) -> Finding:
    """An output that cannot be written; then it can, and the same call."""
    started_s = time.monotonic()
    with disk(output):
        (output / "results").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(output)], check=True)
        codes = [bench.call(str(bench.clips), output / "results")]
        subprocess.run(["mount", "-o", "remount,rw,size=50m", str(output)], check=True)
        codes.append(bench.call(str(bench.clips), output / "results"))
        return bench.finding("read-only output, then the same call", codes, output / "results", started_s)


def node(bench: Bench, output: Path) -> Finding:
    """Two nodes of one processor, of which one leaves while it works and another one comes."""
    started_s = time.monotonic()
    with (
        two_nodes(bench) as (cluster, second),
        ThreadPoolExecutor(1) as thread,
    ):  # nodes start in the main thread
        call = thread.submit(bench.call, str(bench.clips), output, RAY_ADDRESS=cluster.address)
        while not call.done() and len(processes(os.getpid(), "BatchWorker.recognise")) < 2:
            time.sleep(0.05)
        time.sleep(2)
        cluster.remove_node(second, allow_graceful=False)
        time.sleep(2)
        cluster.add_node(num_cpus=1, object_store_memory=80 << 20, include_dashboard=False)
        code = call.result()
    return bench.finding("one of two nodes leaves, another one comes", [code], output, started_s)


@contextmanager
def two_nodes(bench: Bench) -> Iterator[tuple[Any, Any]]:
    """Two Ray nodes of this machine, of one processor each."""
    os.environ.update(bench.environment | {"RAY_USAGE_STATS_ENABLED": "0"})
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    arguments = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    cluster.add_node(**arguments)
    second = cluster.add_node(**arguments)
    try:
        yield cluster, second
    finally:
        cluster.shutdown()


SMALL = {
    run.__name__: run
    for run in (none, workers, interrupted, unreadable, reads, hanging, deadly, full, read_only, node)
}


def local(bench: Bench, folder: Path, name: str, count: int) -> Finding:
    """The local engine on the first clips."""
    clips = folder / name
    clips.mkdir()
    for path in sorted(bench.clips.iterdir())[:count]:
        os.link(path, clips / path.name)
    started_s = time.monotonic()
    command = [sys.executable, "-m", "emotrace", "predict", str(clips), "--model", MODEL, "--jobs", "2"]
    command += ["--format", "jsonl"]
    done = subprocess.run(command, env=bench.environment, stdout=subprocess.PIPE, check=False)
    seconds = round(time.monotonic() - started_s, 1)
    rows = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    different = len(set(rows))
    return Finding(
        f"none: predict --jobs 2, {name}", count, 1, str(done.returncode), len(rows), len(rows) - different,
        count - different, 0, 0, 0, 0, seconds,
    )  # fmt: skip


def large(bench: Bench, folder: Path) -> Iterator[Finding]:
    """Two Ray nodes with a worker killed in the middle, and the local engine on a part before and after."""
    count = len(list(bench.clips.iterdir()))
    output = folder / "large"
    yield local(bench, folder, "before", count // 5)

    def half_done() -> bool:
        return len(list(output.glob("parquet/*.parquet"))) * 2000 >= count / 2

    def kill(_: int) -> None:
        os.kill(processes(os.getpid(), "BatchWorker.recognise")[0], signal.SIGKILL)

    with two_nodes(bench) as (cluster, _):
        started_s = time.monotonic()
        code = bench.call(str(bench.clips), output, during=when(half_done, kill), RAY_ADDRESS=cluster.address)
        yield bench.finding("two Ray nodes, a worker killed in the middle", [code], output, started_s)
    yield local(bench, folder, "after", count // 5)


def main() -> None:
    """Run all faults."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--large", type=int, default=20_000)
    parser.add_argument("--only", choices=[*SMALL, "driver", "large"])
    arguments = parser.parse_args()
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        small = Bench(arguments.corpus, folder / "small", arguments.clips)
        for fault, run in SMALL.items():
            if arguments.only in (None, fault):
                found.append(run(small, folder / f"{fault}-out"))
                print(found[-1], flush=True)
        if arguments.only in (None, "driver"):
            found.append(driver(Bench(arguments.corpus, folder / "driver", 5000), folder / "driver-out"))
            print(found[-1], flush=True)
        if arguments.only in (None, "large") and arguments.large:
            for one in large(Bench(arguments.corpus, folder / "big", arguments.large), folder):
                found.append(one)
                print(one, flush=True)
    write_report(found, arguments.output)


if __name__ == "__main__":
    main()
