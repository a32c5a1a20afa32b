"""Peak memory and time of 10 and 60 minutes of speech; writes results/long.json.

python benchmarks/long.py MODEL "$EMOTRACE_DATA/emodb/wav"

The speech is that of the folder's files, one after another with half a second of hiss between, over and over.
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

RESULTS = Path(__file__).parents[1] / "results" / "long.json"
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
    """So many minutes of speech at 16 kHz, written as they are made."""
    files = sorted(folder.rglob("*.wav"))
    hiss = np.random.default_rng(0).normal(scale=1e-4, size=RATE_HZ // 2)
    wanted, index = 60 * minutes * RATE_HZ, 0
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, subtype="PCM_16") as sound:
        while wanted:
            samples, rate_hz = soundfile.read(files[index % len(files)])
            if rate_hz != RATE_HZ or samples.ndim != 1:
                raise SystemExit(f"{files[index % len(files)]} is not mono at {RATE_HZ} Hz")
            piece = np.concatenate([samples, hiss])[:wanted]
            sound.write(piece)
            wanted -= len(piece)
            index += 1


def main(model: str, folder: str) -> None:
    """Measure each length in a process of its own."""
    found = {}
    for minutes in MINUTES:
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary, "speech.wav")
            write_speech(file, Path(folder), minutes)
            answer = subprocess.run(
                [sys.executable, "-c", CHILD, model, str(file)], capture_output=True, text=True, check=True
            )
        found[f"{minutes} min"] = json.loads(answer.stdout)
        print(minutes, "min:", found[f"{minutes} min"])
    first, last = (found[f"{minutes} min"]["peak_mib"] for minutes in MINUTES)
    figures = {"machine": platform.machine(), "threads": 1, "peak_ratio": round(last / first, 3), **found}
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
