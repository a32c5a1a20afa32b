"""A model of bulk prediction on many machines: measured costs, a simulation, and what it extrapolates.

    python research/scale.py CORPUS FAULTS OUTPUT

CORPUS is a folder of WAV files. FAULTS is the faults.csv of research/faults.py, whose run on two Ray nodes
the simulation is compared with. OUTPUT is a folder for scale.json and scale.md.

The simulation is of events: workers take batches and compute, each after it has fetched its files; one driver
receives the rows of each batch and writes them, one batch at a time; workers die at random, and their files
are done again one by one. It knows no network and no disk but the time that a fetch takes.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import json
import os
import pickle
import random
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from emotrace.distributed.inputs import BATCH_FILES, BATCH_S
from emotrace.distributed.output import Output
from emotrace.distributed.worker import BatchResult
from emotrace.experiments.report import table
from emotrace.inference.recogniser import load
from emotrace.system.files import write_text

MODEL = "emotrace-emodb-1"
ROWS = 2000
HOUR_S = 3600.0
WORKERS = (1, 2, 16, 128, 1024, 8192)
CLIP_S = 5.0  # of the extrapolation: the turns of a call
HOURS = 1e6
PRICES = {  # of a core-hour, in dollars: assumptions, not quotations
    "cloud machine, compute-optimised x86, on demand": 0.05,
    "the same, spot": 0.02,
    "own server of 64 cores: 12,000 over four years, 400 W at 0.25 a kWh": 12_000 / (4 * 365 * 24 * 64)
    + 0.1 / 64,
}


@dataclass(frozen=True)
class Costs:
    """Seconds of a processor.

    Attributes:
        file_s: of a worker, for each file
        audio_s: of a worker, for each second of audio
        row_s: of the driver, for each row
        batch_s: of the driver, for each batch
        fetch_s: that a worker waits for each file of an object store
        start_s: until a worker has its model
        death_s: mean time until a worker dies; 0: never
    """

    file_s: float
    audio_s: float
    row_s: float
    batch_s: float
    fetch_s: float = 0.0
    start_s: float = 3.0
    death_s: float = 0.0


def measure(corpus: Path) -> Costs:
    """Costs on this machine, in processor time, which other processes disturb less."""
    recogniser = load(MODEL)
    rate_hz = recogniser.config.sampling_rate
    files = sorted(corpus.rglob("*.wav"))
    speech = np.concatenate([soundfile.read(file)[0] for file in files[:40]])
    times: dict[float, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (1.0, 5.0):
            taken = []
            for number in range(12):
                start = number * round(seconds * rate_hz)
                path = Path(folder, f"{seconds}-{number}.wav")
                soundfile.write(path, speech[start : start + round(seconds * rate_hz)], rate_hz)
                recogniser(path)
                began_s = time.process_time()
                result = recogniser(path)
                taken.append(time.process_time() - began_s)
            times[seconds] = statistics.median(taken)
        row = {**result.to_dict(), "error": None}
        began_s = time.process_time()
        for _ in range(ROWS // BATCH_FILES):
            batch = BatchResult([dict(row) for _ in range(BATCH_FILES)])
            pickle.loads(pickle.dumps(batch))  # noqa: S301 - as Ray does
        output = Output(f"{folder}/out", {})
        output.write_part([row] * ROWS)
        row_s = (time.process_time() - began_s) / ROWS
    audio_s = (times[5.0] - times[1.0]) / 4.0
    return Costs(times[1.0] - audio_s, audio_s, row_s, batch_s=2e-3)


def simulate(costs: Costs, workers: int, files: int, clip_s: float, seed: int = 0) -> tuple[float, float]:
    """Seconds until all rows are written, and the share of that time in which the driver was busy."""
    chance = random.Random(seed)
    size = max(1, min(BATCH_FILES, int(BATCH_S / clip_s)))
    left = deque([size] * (files // size) + ([files % size] if files % size else []))
    each_s = costs.file_s + costs.fetch_s + costs.audio_s * clip_s
    free = [(costs.start_s, number) for number in range(workers)]
    heapq.heapify(free)
    arrivals: list[tuple[float, int]] = []
    dies = [death(costs, chance, costs.start_s) for _ in range(workers)]
    driver_s = busy_s = 0.0
    while left:
        now_s, worker = heapq.heappop(free)
        batch = left.popleft()
        done_s = now_s + batch * each_s
        if done_s > dies[worker]:
            now_s = dies[worker] + costs.start_s
            dies[worker] = death(costs, chance, now_s)
            left.extendleft([1] * batch)
            heapq.heappush(free, (now_s, worker))
            continue
        heapq.heappush(free, (done_s, worker))
        heapq.heappush(arrivals, (done_s, batch))
        if len(arrivals) > 2 * workers:
            driver_s, busy_s = serve(costs, *heapq.heappop(arrivals), driver_s, busy_s)
    while arrivals:
        driver_s, busy_s = serve(costs, *heapq.heappop(arrivals), driver_s, busy_s)
    return driver_s, busy_s / driver_s


def serve(costs: Costs, arrived_s: float, rows: int, driver_s: float, busy_s: float) -> tuple[float, float]:
    """When the driver has written the rows of a batch, and how long it was busy until then."""
    taken_s = costs.batch_s + rows * costs.row_s
    return max(arrived_s, driver_s) + taken_s, busy_s + taken_s


def death(costs: Costs, chance: random.Random, now_s: float) -> float:
    """When a worker that starts now dies."""
    return now_s + chance.expovariate(1 / costs.death_s) if costs.death_s else float("inf")


def calibrated(costs: Costs, clips: int, seconds: float) -> Costs:
    """Costs scaled so that two workers need `seconds` for clips of one second, as the local engine did."""
    work_s = 2 * (seconds - costs.start_s) / clips
    factor = work_s / (costs.file_s + costs.audio_s)
    return replace(
        costs,
        file_s=costs.file_s * factor,
        audio_s=costs.audio_s * factor,
        row_s=costs.row_s * factor,
        batch_s=costs.batch_s * factor,
        start_s=costs.start_s * factor,
    )


def compare(costs: Costs, faults: Path) -> list[dict[str, float | str]]:
    """The runs that were measured, and what the simulation says, calibrated by the local engine's run."""
    with faults.open(encoding="utf-8", newline="") as file:
        runs = {row["fault"]: row for row in csv.DictReader(file)}
    local = [run for name, run in runs.items() if name.startswith("none: predict")]
    found: list[dict[str, float | str]] = []
    if not local:
        return found
    seconds = statistics.mean(float(run["seconds"]) for run in local)
    here = calibrated(costs, int(local[0]["clips"]), seconds)
    for name, run in runs.items():
        if name == "two Ray nodes, a worker killed in the middle":
            clips = int(run["clips"])
            simulated, _ = simulate(here, 2, clips, 1.0)
            found.append(
                {"run": name, "clips": clips, "measured_s": float(run["seconds"]),
                 "simulated_s": round(simulated + here.start_s, 1),
                 "throughput_of_local": round(
                     clips / float(run["seconds"]) / (int(local[0]["clips"]) / seconds), 2)}
            )  # fmt: skip
    return found


def extrapolate(costs: Costs) -> list[dict[str, float]]:
    """Throughput for 5-s clips by many workers; each waits 50 ms for a file, and dies once a day."""
    far = replace(costs, fetch_s=0.05, death_s=24 * HOUR_S)
    rows = []
    for workers in WORKERS:
        files = max(20_000, 300 * BATCH_FILES * workers // 60)
        seconds, busy = simulate(far, workers, files, CLIP_S)
        audio_h = files * CLIP_S / HOUR_S
        rate = audio_h * HOUR_S / (seconds - far.start_s)
        rows.append(
            {
                "workers": workers,
                "audio_h_per_h": round(rate),
                "of_ideal": round(
                    rate / (workers * CLIP_S / (far.file_s + far.fetch_s + CLIP_S * far.audio_s)), 3
                ),
                "driver_busy": round(busy, 3),
                "days_for_a_million_hours": round(HOURS / rate / 24, 2),
            }
        )
    return rows


def cost(costs: Costs) -> list[dict[str, float | str]]:
    """Core-hours and dollars for a million hours in 5-s clips, without waiting for files."""
    core_h = HOURS * (costs.file_s / CLIP_S + costs.audio_s)
    return [
        {"machine": name, "dollars_a_core_hour": round(price, 4), "core_hours": round(core_h),
         "dollars": round(core_h * price)}
        for name, price in PRICES.items()
    ]  # fmt: skip


def write_report(costs: Costs, compared: Sequence[dict], far: Sequence[dict], output: Path) -> None:  # type: ignore[type-arg]
    """Write all figures as JSON, and the tables as Markdown."""
    content = {
        "processors": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "costs": asdict(costs),
        "compared": list(compared), "extrapolated": list(far), "cost": cost(costs),
    }  # fmt: skip
    write_text(output / "scale.json", json.dumps(content, indent=2) + "\n")
    lines = ["# Scale", "", "Written by `python research/scale.py`.", "", "## Costs", ""]
    lines += table(["cost", "seconds"], [[name, f"{value:.3g}"] for name, value in asdict(costs).items()])
    for title, rows in (
        ("Measured and simulated", compared),
        ("Extrapolated", far),
        ("A million hours", cost(costs)),
    ):
        if rows:
            lines += ["", f"## {title}", "", *table(list(rows[0]), [list(row.values()) for row in rows])]
    write_text(output / "scale.md", "\n".join(lines) + "\n")


def main() -> None:
    """Measure, simulate, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("faults", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    costs = measure(arguments.corpus)
    write_report(costs, compare(costs, arguments.faults), extrapolate(costs), arguments.output)


if __name__ == "__main__":
    main()
