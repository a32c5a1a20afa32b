"""Peak memory and time of 10 and 60 minutes of speech; write results/long/metrics.json.

    python benchmarks/long.py MODEL FOLDER

The speech is that of the folder's WAV files, joined with half a second of faint noise between and repeated.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

RESULTS = Path(__file__).parents[1] / "results" / "long" / "metrics.json"
MINUTES = (10, 60)
RATE_HZ = 16_000
CHILD = """
import json, sys, time
import emotrace
recogniser = emotrace.load(sys.argv[1], threads=1)
start = time.perf_counter(), time.process_time()
result = recogniser(sys.argv[2])
print(json.dumps({
    "audio_s": round(result.duration_s, 1),
    "peak_mib": round(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024, 1),
    "wall_s": round(time.perf_counter() - start[0], 1),
    "processor_s": round(time.process_time() - start[1], 1),
    "spans": len(result.timeline),
}))
"""


def write_speech(path: Path, folder: Path, minutes: int) -> None:
    """Write minutes of speech at 16 kHz piece by piece."""
    files = sorted(folder.rglob("*.wav"))
    noise = np.random.default_rng(0).normal(scale=1e-4, size=RATE_HZ // 2)
    remaining, index = 60 * minutes * RATE_HZ, 0
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_16") as sound:
        while remaining:
            samples, rate_hz = soundfile.read(files[index % len(files)])
            if rate_hz != RATE_HZ or samples.ndim != 1:
                raise SystemExit(f"{files[index % len(files)]} is not mono at {RATE_HZ} Hz")
            piece = np.concatenate([samples, noise])[:remaining]
            sound.write(piece)
            remaining -= len(piece)
            index += 1


def main(model: str, folder: str) -> None:
    """Measure each length in a new process."""
    found = {}
    for minutes in MINUTES:
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "speech.wav")
            write_speech(file, Path(folder), minutes)
            completed = subprocess.run(
                [sys.executable, "-c", CHILD, model, str(file)], capture_output=True, text=True, check=True
            )
        found[f"{minutes} min"] = json.loads(completed.stdout)
        print(minutes, "min:", found[f"{minutes} min"])
    first, last = (found[f"{minutes} min"]["peak_mib"] for minutes in MINUTES)
    figures = {
        "machine": platform.machine(),
        "threads": 1,
        "peak_ratio": round(last / first, 3),
        **found,
    }
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/long.py MODEL FOLDER")
    main(*sys.argv[1:])
