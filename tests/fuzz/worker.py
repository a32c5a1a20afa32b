"""One process that judges many inputs and says line by line which it is at: so its death is laid to one.

python -m fuzz.worker MODEL SEED START STOP
"""

import ctypes
import functools
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from emotrace.inference.recogniser import Recogniser
from fuzz.folders import damage
from fuzz.judge import Verdict, judge_file, judge_folder, judge_pipe
from fuzz.mutations import mutated
from fuzz.sources import OTHER_KINDS, RIFF_KINDS, sources

KINDS = (*RIFF_KINDS, *OTHER_KINDS, "other audio", "no audio", "model folder")  # taken in turn
ADDRESSES = 4 << 30  # bytes; ONNX Runtime and NumPy reserve more than they use
PEAK = 400 << 20  # bytes of memory at most, all told
_OF_MPG123 = ("[src/libmpg123/", "Note: ", "Warning: Xing ", "Warning: ", "main: ")
PROCESSOR_S = 3.0  # on one input; the longest has a few seconds of audio

_SOURCES: dict[str, list[bytes]] = {}


def kind_of(number: int) -> str:
    """Which kind of file an input is made from."""
    return KINDS[number % len(KINDS)]


def chance_of(seed: int, number: int) -> np.random.Generator:
    """The source of chance of one input, the same whatever came before it."""
    return np.random.default_rng((seed, number))


def content_of(seed: int, number: int) -> bytes:
    """The bytes of an input that is a file."""
    chance = chance_of(seed, number)
    valid = _sources_of(kind_of(number))
    other = _sources_of(KINDS[int(chance.integers(len(KINDS) - 1))])
    return mutated(valid[int(chance.integers(len(valid)))], kind_of(number), other, chance)


def judged(
    recogniser: Recogniser, pristine: Path, scratch: Path, seed: int, number: int
) -> dict[str, Verdict]:
    """What became of an input, by the ways that it was taken."""
    if kind_of(number) != "model folder":
        content = content_of(seed, number)
        return {
            "bytes": judge_file(recogniser, content),
            "file": judge_file(recogniser, content, scratch / "input"),
            "pipe": judge_pipe(recogniser, content),
        }
    with tempfile.TemporaryDirectory(dir=scratch) as place:
        way = damage(Path(place, "model"), pristine, chance_of(seed, number))
        samples = np.random.default_rng(0).uniform(-0.5, 0.5, 6_700).astype(np.float32)
        verdict = judge_folder(Path(place, "model"), samples)
    return {"folder": Verdict(verdict.outcome, verdict.fault, f"{way}: {verdict.said}")}


def main(model: str, seed: int, start: int, stop: int) -> None:
    """Judge the inputs from `start` to before `stop`."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("error")
    recogniser = Recogniser(model, threads=1)
    with tempfile.TemporaryDirectory() as scratch, Overheard(1) as stdout, Overheard(2) as stderr:
        for number in range(start, stop):
            progress(stdout.real, number=number)
            before_s = time.process_time()
            verdicts = judged(recogniser, Path(model), Path(scratch), seed, number)
            faults = [f"{way}: {verdict.fault}" for way, verdict in verdicts.items() if verdict.fault]
            if (spent_s := time.process_time() - before_s) > PROCESSOR_S:
                faults.append(f"took {spent_s:.1f} s")
            faults += [f"wrote to stdout: {said[:300]!r}" for said in (stdout.said(),) if said]
            faults += unexpected(stderr.said())
            peak = peak_bytes()
            if peak > PEAK:
                faults.append(f"memory rose to {peak >> 20} MiB")
            progress(
                stdout.real,
                number=number,
                outcomes={way: verdict.outcome for way, verdict in verdicts.items()},
                said=[verdict.said for verdict in verdicts.values()],
                faults=faults,
                peak_mib=peak >> 20,
                spent_s=round(spent_s, 3),
            )
            if peak > PEAK:
                break  # the process that comes next starts small


def peak_bytes() -> int:
    """The most memory that this process had; `ru_maxrss` would begin with that of the one that started it."""
    status = Path("/proc/self/status")
    if not status.exists():  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


def unexpected(noise: str) -> list[str]:
    """What on stderr is not the talk of libmpg123, which no caller of libsndfile can silence."""
    rest = [line for line in noise.splitlines() if line and not line.startswith(_OF_MPG123)]
    return [f"wrote to stderr: {' / '.join(rest)[:300]}"] if rest else []


class Overheard:
    """A standard stream of this process, C libraries included, kept from its reader and looked at.

    Attributes:
        real: where it led to
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.real = os.dup(descriptor)
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._read = 0

    def __enter__(self) -> "Overheard":
        os.dup2(self._noise.fileno(), self._descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self.real, self._descriptor)
        os.close(self.real)
        self._noise.close()

    def said(self) -> str:
        """What was written since this was last asked, though no more than 4 KiB of it."""
        _flush_c()
        start, self._read = self._read, os.fstat(self._noise.fileno()).st_size
        return os.pread(self._noise.fileno(), 4_096, start).decode(errors="replace")


_flush_c = functools.partial(ctypes.CDLL(None).fflush, None)


def progress(descriptor: int, **what: Any) -> None:
    """Write a line that the survey reads."""
    os.write(descriptor, (json.dumps(what) + "\n").encode())


def _sources_of(kind: str) -> list[bytes]:
    if kind not in _SOURCES:
        _SOURCES[kind] = sources(kind)
    return _SOURCES[kind]


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
