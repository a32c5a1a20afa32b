"""One process that tests many inputs and reports each in a line, so that a crash belongs to one input.

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
from fuzz.check import Verdict, check_file, check_folder, check_pipe, check_text, check_upload
from fuzz.folders import damage
from fuzz.mutations import mutated
from fuzz.sources import OTHER_FORMATS, RIFF_FORMATS, sources

NO_FILES = ("model folder", "text")
FORMATS = (*RIFF_FORMATS, *OTHER_FORMATS, "other audio", "no audio", *NO_FILES)  # used in turn
ADDRESSES = 4 << 30  # bytes of address space; ONNX Runtime and NumPy reserve more than they use
PEAK = 400 << 20  # bytes of resident memory
MPG123_PREFIXES = ("[src/libmpg123/", "Note: ", "Warning: Xing ", "Warning: ", "main: ")
PROCESSOR_S = 10.0  # CPU time for one input; the longest input has a few seconds of audio

_SOURCES: dict[str, list[bytes]] = {}


def format_of_input(number: int) -> str:
    """The file format that an input is made from."""
    return FORMATS[number % len(FORMATS)]


def generator_of_input(seed: int, number: int) -> np.random.Generator:
    """The random generator of one input, which does not depend on other inputs."""
    return np.random.default_rng((seed, number))


def make_input(seed: int, number: int) -> bytes:
    """The bytes of an input that is an audio file."""
    random = generator_of_input(seed, number)
    valid = _cached_sources(format_of_input(number))
    other = _cached_sources(FORMATS[int(random.integers(len(FORMATS) - len(NO_FILES)))])
    return mutated(valid[int(random.integers(len(valid)))], format_of_input(number), other, random)


def check_input(
    recogniser: Recogniser, pristine: Path, scratch: Path, seed: int, number: int
) -> dict[str, Verdict]:
    """The outcome of an input, by how it was given to the runtime."""
    if format_of_input(number) == "text":
        return {"option": check_text(generator_of_input(seed, number), scratch)}
    if format_of_input(number) != "model folder":
        content = make_input(seed, number)
        return {
            "bytes": check_file(recogniser, content),
            "file": check_file(recogniser, content, scratch / "input"),
            "pipe": check_pipe(recogniser, content),
            "upload": check_upload(recogniser, content),
        }
    with tempfile.TemporaryDirectory(dir=scratch) as position:
        way = damage(Path(position, "model"), pristine, generator_of_input(seed, number))
        samples = np.random.default_rng(0).uniform(-0.5, 0.5, 6_700).astype(np.float32)
        verdict = check_folder(Path(position, "model"), samples)
    return {"folder": Verdict(verdict.outcome, verdict.fault, f"{way}: {verdict.message}")}


def main(model: str, seed: int, start: int, stop: int) -> None:
    """Test the inputs from `start` to before `stop`."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("error")
    recogniser = Recogniser(model, threads=1)
    with tempfile.TemporaryDirectory() as scratch, CapturedStream(1) as stdout, CapturedStream(2) as stderr:
        for number in range(start, stop):
            progress(stdout.real, number=number)
            before_s = time.process_time()
            verdicts = check_input(recogniser, Path(model), Path(scratch), seed, number)
            faults = [f"{way}: {verdict.fault}" for way, verdict in verdicts.items() if verdict.fault]
            if (spent_s := time.process_time() - before_s) > PROCESSOR_S:
                faults.append(f"took {spent_s:.1f} s")
            faults += [f"wrote to stdout: {message[:300]!r}" for message in (stdout.read_new(),) if message]
            faults += unexpected_output(stderr.read_new())
            peak = peak_bytes()
            if peak > PEAK:
                faults.append(f"memory rose to {peak >> 20} MiB")
            progress(
                stdout.real,
                number=number,
                outcomes={way: verdict.outcome for way, verdict in verdicts.items()},
                message=[verdict.message for verdict in verdicts.values()],
                faults=faults,
                peak_mib=peak >> 20,
                spent_s=round(spent_s, 3),
            )
            if peak > PEAK:
                break  # the next process starts small


def peak_bytes() -> int:
    """The peak memory of this process; `ru_maxrss` would include that of its parent."""
    status = Path("/proc/self/status")
    if not status.exists():  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) << 10


def unexpected_output(noise: str) -> list[str]:
    """Output on stderr other than that of libmpg123, which no caller of libsndfile can silence."""
    rest = [line for line in noise.splitlines() if line and not line.startswith(MPG123_PREFIXES)]
    return [f"wrote to stderr: {' / '.join(rest)[:300]}"] if rest else []


class CapturedStream:
    """Capture a standard stream of this process, output of C libraries included.

    Attributes:
        real: descriptor of the original stream
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.real = os.dup(descriptor)
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._read = 0

    def __enter__(self) -> "CapturedStream":
        os.dup2(self._noise.fileno(), self._descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self.real, self._descriptor)
        os.close(self.real)
        self._noise.close()

    def read_new(self) -> str:
        """Output since the last call, at most 4 KiB."""
        _flush_c()
        start, self._read = self._read, os.fstat(self._noise.fileno()).st_size
        return os.pread(self._noise.fileno(), 4_096, start).decode(errors="replace")


_flush_c = functools.partial(ctypes.CDLL(None).fflush, None)


def progress(descriptor: int, **what: Any) -> None:
    """Write a line for the survey."""
    os.write(descriptor, (json.dumps(what) + "\n").encode())


def _cached_sources(file_format: str) -> list[bytes]:
    if file_format not in _SOURCES:
        _SOURCES[file_format] = sources(file_format)
    return _SOURCES[file_format]


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
