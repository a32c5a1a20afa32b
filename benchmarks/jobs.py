"""Many files by several processes against one; write benchmarks/results/jobs.json.

    python benchmarks/jobs.py FOLDER… [--rounds 3] [--jobs 2]

The files of the folders are recognised by `emotrace predict`, each time in a new process, with one job and
with several, in turn. Times include the start. The file has the medians, the ratio and the memory of all
processes together, each page that several share counted once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from emotrace.inference.batch import find_audio
from emotrace.system.files import write_text

HERE = Path(__file__).parent
MODEL = "emotrace-emodb-1"


def run(folders: list[Path], jobs: int) -> tuple[float, float]:
    """Seconds and peak MiB of one call."""
    command = [sys.executable, "-m", "emotrace", "predict", *map(str, folders), "--model", MODEL]
    command += ["--format", "jsonl"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started_s = time.perf_counter()
    process = subprocess.Popen([*command, "--jobs", str(jobs)], stdout=subprocess.DEVNULL, env=environment)
    peak = [0.0]
    watcher = threading.Thread(target=watch, args=(process, peak), daemon=True)
    watcher.start()
    if process.wait():
        sys.exit(f"emotrace predict ended with code {process.returncode}; see its messages above")
    seconds = time.perf_counter() - started_s
    watcher.join()
    return seconds, peak[0]


def watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    """Sample the memory of a process and of those below it, until it ends."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(memory_mib, family(process.pid))))
        time.sleep(0.25)


def family(pid: int) -> list[int]:
    """A process and all that descend from it, by /proc."""
    try:
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return [pid, *(descendant for child in children for descendant in family(child))]


def memory_mib(pid: int) -> float:
    """Proportional set size: shared pages are divided by the number of processes that share them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    measured: dict[int, list[tuple[float, float]]] = {1: [], arguments.jobs: []}
    load = os.getloadavg()[0]
    for _ in range(arguments.rounds):
        for jobs, found in measured.items():
            found.append(run(arguments.folders, jobs))
            print(jobs, found[-1], flush=True)
    seconds = {jobs: statistics.median(time_s for time_s, _ in found) for jobs, found in measured.items()}
    result = {
        "files": sum(len(find_audio(folder)) for folder in arguments.folders),
        "jobs": arguments.jobs,
        "processors": os.cpu_count(),
        "load_before": round(load, 2),
        "seconds": {str(jobs): [round(time_s, 2) for time_s, _ in found] for jobs, found in measured.items()},
        "ratio_of_medians": round(seconds[1] / seconds[arguments.jobs], 3),
        "peak_mib": {str(jobs): round(max(mib for _, mib in found)) for jobs, found in measured.items()},
    }
    write_text(HERE / "results" / "jobs.json", json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
