"""What a system costs: seconds of its stages, kept while they train, and seconds to hear one of speech."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from emotrace.features import SAMPLE_RATE_HZ
from emotrace.files import write_text
from emotrace.model.systems import Network
from emotrace.training.progress import Epoch, Tell
from emotrace.training.stage import DONE_FILE
from emotrace.windows import window_samples

SECONDS_FILE = "seconds"
REPEATS = 3


@dataclass
class Stopwatch:
    """Passes on what a training tells, and keeps beside each stage how many seconds its epochs took.

    What comes between stages, such as computing local features, counts for the stage that follows. An epoch
    that was killed is trained again, and counts once.
    """

    folder: Path
    tell: Tell
    last_s: float = field(default_factory=time.monotonic)

    def __call__(self, epoch: Epoch) -> None:
        """One epoch has ended."""
        if not epoch.text:
            now_s = time.monotonic()
            path = self.folder / epoch.stage / SECONDS_FILE
            before_s = float(path.read_text(encoding="utf-8")) if path.exists() else 0.0
            write_text(path, f"{before_s + now_s - self.last_s:.3f}\n")
            self.last_s = now_s
        self.tell(epoch)


def training_seconds(folder: Path) -> float | None:
    """Seconds of all stages of a trained fold; None where they were not kept.

    >>> import tempfile
    >>> fold = Path(tempfile.mkdtemp())
    >>> for stage, seconds in (("front-pcnse", "2.5"), ("back", "1.25")):
    ...     write_text(fold / stage / SECONDS_FILE, seconds), write_text(fold / stage / DONE_FILE, "2 1")
    (None, None)
    (None, None)
    >>> training_seconds(fold)
    3.75
    """
    kept = [done.with_name(SECONDS_FILE) for done in folder.glob(f"*/{DONE_FILE}")]
    if not kept or not all(path.exists() for path in kept):
        return None
    return sum(float(path.read_text(encoding="utf-8")) for path in kept)


def seconds_per_second(
    network: Network, sounds: Sequence[npt.NDArray[np.float32]], longest_frames: int
) -> float:
    """Seconds that one thread needs for a second of sound, from the waveform to the network's output.

    Sounds are cut into the windows of evaluation, one after the other; of each the fastest of three counts.

    Shape: each sound (sample,), mono at 16 kHz.
    """
    spent_s = 0.0
    with one_thread(), torch.inference_mode():
        for sound in sounds:
            spent_s += min(_once(network, torch.from_numpy(sound), longest_frames) for _ in range(REPEATS))
    return spent_s / (sum(map(len, sounds)) / SAMPLE_RATE_HZ)


def _once(network: Network, sound: torch.Tensor, longest_frames: int) -> float:
    started_s = time.perf_counter()
    frame = network.spectrum.frame_samples
    for start, stop in window_samples(len(sound), longest_frames, longest_frames // 2, frame):
        network(sound[None, start:stop], torch.tensor([stop - start]))
    return time.perf_counter() - started_s


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread in this block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
