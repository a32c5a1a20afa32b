"""Clips, calls of the command on them, and a table of findings, for research/faults.py."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import soundfile

from emotrace.experiments.report import table
from emotrace.system.files import write_text

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "distributed"))
from faulty_storage import environment

MODEL = "emotrace-emodb-1"
CLIP_S = 1.0


@dataclass
class Finding:
    """What was injected, and what came of it."""

    fault: str
    clips: int
    calls: int
    exit_codes: str
    rows: int
    twice: int
    missing: int
    errors: int
    expected_errors: int
    workers_lost: int
    failed_reads: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether each clip has one row, only the expected ones have errors, and the last call says so."""
        whole = not (self.twice or self.missing) and self.errors == self.expected_errors
        return whole and self.exit_codes.split()[-1] == str(int(self.errors > 0))


class Bench:
    """A folder with clips, and calls of the command on them."""

    def __init__(self, corpus: Path, folder: Path, clips: int) -> None:
        self.folder, self.clips = folder, folder / "clips"
        cut(corpus, self.clips, clips)
        self.environment = {**os.environ, **environment(folder), "OMP_NUM_THREADS": "1"}

    def call(
        self,
        source: str,
        output: Path,
        *options: str,
        during: Callable[[int], None] | None = None,
        **more: str,
    ) -> int:
        """One call; `during` runs beside it with its process number. Returns the exit code."""
        command = [sys.executable, "-m", "emotrace", "predict", "--engine", "ray", "--model", MODEL]
        command += ["--input", source, "--output", str(output), *options]
        process = subprocess.Popen(
            command,
            env={**self.environment, **more},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if during is not None:
            threading.Thread(target=during, args=(process.pid,), daemon=True).start()
        _, messages = process.communicate()
        for line in messages.splitlines()[-3:]:
            print("   ", line[:200], flush=True)
        return process.returncode

    def finding(
        self, fault: str, codes: list[int], output: Path, started_s: float, errors: int = 0
    ) -> Finding:
        """Count the rows of an output folder."""
        seconds = time.monotonic() - started_s
        rows = [
            json.loads(line)
            for part in (output / "jsonl").iterdir()
            for line in part.read_text().splitlines()
        ]
        counts = Counter(row["file"].removeprefix("faulty://") for row in rows)
        clips = {str(path) for path in self.clips.iterdir()}
        report = json.loads((output / "report.json").read_text())
        assert set(counts) <= clips
        return Finding(
            fault, len(clips), len(codes), " ".join(map(str, codes)), len(rows),
            sum(count > 1 for count in counts.values()), len(clips - set(counts)),
            sum(row["error"] is not None for row in rows), errors,
            report["events"]["workers_lost"] + report["events"]["workers_replaced"],
            report["events"]["failed_reads"], round(seconds, 1),
        )  # fmt: skip

    @contextmanager
    def extra(self, make: Callable[[Path], object], *names: str) -> Iterator[None]:
        """Clips that are there for one run only."""
        paths = [self.clips / name for name in names]
        for path in paths:
            make(path)
        yield
        for path in paths:
            path.unlink()


def cut(corpus: Path, folder: Path, count: int) -> None:
    """Cut `count` different clips from the recordings of a corpus, at evenly spaced starts."""
    folder.mkdir(parents=True)
    files = sorted(corpus.rglob("*.wav"))
    each = -(-count // len(files))
    for number in range(count):
        file = files[number % len(files)]
        length = soundfile.info(file).frames
        rate_hz = soundfile.info(file).samplerate
        start = max(0, round(length - CLIP_S * rate_hz)) * (number // len(files)) // each
        samples, _ = soundfile.read(file, frames=round(CLIP_S * rate_hz), start=start, dtype="int16")
        soundfile.write(folder / f"{number:05}.wav", samples, rate_hz)


def processes(pid: int, name: str) -> list[int]:
    """The processes below one whose command line contains `name`."""
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if name in Path(f"/proc/{child}/cmdline").read_text():
                    found.append(child)
                found += processes(child, name)
    except OSError:
        pass
    return found


def kill_workers(times: int, name: str = "BatchWorker.recognise") -> Callable[[int], None]:
    """Kill a worker that works, several times, two seconds apart."""

    def kill(pid: int) -> None:
        for _ in range(times):
            while Path(f"/proc/{pid}").exists() and not (found := processes(pid, name)):
                time.sleep(0.05)
            if Path(f"/proc/{pid}").exists():
                os.kill(found[0], signal.SIGKILL)
                time.sleep(2)

    return kill


def when(condition: Callable[[], bool], act: Callable[[int], None]) -> Callable[[int], None]:
    """Act once a condition holds."""

    def wait(pid: int) -> None:
        while Path(f"/proc/{pid}").exists() and not condition():
            time.sleep(0.05)
        act(pid)

    return wait


def read_findings(path: Path) -> list[Finding]:
    """The findings of a table; none if it does not exist."""
    if not path.exists():
        return []
    types = {"str": str, "int": int, "float": float}
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Finding(**{field.name: types[str(field.type)](row[field.name]) for field in fields(Finding)})
            for row in csv.DictReader(file)
        ]


def write_report(found: Sequence[Finding], output: Path) -> None:
    """Write the table as CSV and Markdown; earlier findings of other faults stay."""
    found = list({one.fault: one for one in [*read_findings(output / "faults.csv"), *found]}.values())
    names = [field.name for field in fields(Finding)]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([names, *map(astuple, found)])
    write_text(output / "faults.csv", file.getvalue())
    head = (
        "fault", "clips", "calls", "exit codes", "rows", "twice", "missing", "errors (expected)",
        "workers lost", "reads repeated", "time", "clips a second", "one row each",
    )  # fmt: skip
    rows = [
        (
            one.fault, one.clips, one.calls, one.exit_codes, one.rows, one.twice, one.missing,
            f"{one.errors} ({one.expected_errors})", one.workers_lost, one.failed_reads,
            f"{one.seconds:.0f} s", f"{one.clips / one.seconds:.0f}", "yes" if one.holds else "**no**",
        )
        for one in found
    ]  # fmt: skip
    lines = [
        "# Faults",
        "",
        "Written by `python research/faults.py`: clips of one second, cut from EmoDB. The machine has",
        f"{os.cpu_count()} processors, which had other work too: the load of the last 15 minutes was",
        f"{os.getloadavg()[2]:.1f} at the end. Times include the start of Ray and all calls. Workers lost",
        "and reads repeated are those of the last call.",
        "",
        *table(head, rows),
    ]
    write_text(output / "report.md", "\n".join(lines) + "\n")
