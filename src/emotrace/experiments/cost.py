"""Costs of a system: seconds of its training stages, and its real-time factor."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from emotrace.audio.windowing import window_samples
from emotrace.errors import RunError
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.models.emotion_model import EmotionModel
from emotrace.system.files import write_text
from emotrace.training.progress import Epoch, ProgressCallback

SECONDS_FILE = "seconds.json"
REPEATS = 3


@dataclass
class Stopwatch:
    """A progress callback that records in `folder` how many seconds each stage of a training takes.

    Work between stages, such as computing local features, counts for the stage that follows. An interrupted
    epoch is trained again, and counts once.
    """

    folder: Path
    progress: ProgressCallback
    last_s: float = field(default_factory=time.monotonic)

    def __call__(self, epoch: Epoch) -> None:
        """Record a finished epoch, and pass it on."""
        if not epoch.text:
            now_s, seconds = time.monotonic(), stage_seconds(self.folder)
            seconds[epoch.stage] = round(seconds.get(epoch.stage, 0.0) + now_s - self.last_s, 3)
            write_text(self.folder / SECONDS_FILE, json.dumps(seconds) + "\n")
            self.last_s = now_s
        self.progress(epoch)


def stage_seconds(folder: Path) -> dict[str, float]:
    """Seconds of each stage trained in a folder, by name; empty where they were not recorded.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> Stopwatch(folder, print, last_s=time.monotonic() - 60)(Epoch("fold 03", "back", 1, 40, loss=1.25))
    fold 03, back: epoch 1 of 40, loss 1.250...
    >>> round(stage_seconds(folder)["back"])
    60
    """
    try:
        content = json.loads((folder / SECONDS_FILE).read_text(encoding="utf-8"))
        return {str(stage): float(seconds) for stage, seconds in content.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        raise RunError(
            f"{folder / SECONDS_FILE} is damaged; delete it, which loses the times of the stages"
        ) from None


def real_time_factor(
    network: EmotionModel, recordings: Sequence[npt.NDArray[np.float32]], max_frames: int
) -> float:
    """Seconds that one thread needs for one second of audio, from the waveform to the network's output.

    Recordings are processed one by one in windows, as in evaluation. Each is measured three times, and the
    fastest counts.

    Shape: each recording (sample,), mono at 16 kHz.
    """
    spent_s = 0.0
    with one_thread(), torch.inference_mode():
        for recording in recordings:
            samples = torch.from_numpy(recording)
            spent_s += min(_time_once(network, samples, max_frames) for _ in range(REPEATS))
    return spent_s / (sum(map(len, recordings)) / SAMPLE_RATE_HZ)


def _time_once(network: EmotionModel, samples: torch.Tensor, max_frames: int) -> float:
    started_s = time.perf_counter()
    frame, hop = network.spectrum.frame_samples, network.spectrum.hop_samples
    for start, stop in window_samples(len(samples), max_frames, max_frames // 2, frame, hop):
        network(samples[None, start:stop], torch.tensor([stop - start]))
    return time.perf_counter() - started_s


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit PyTorch to one thread in this block."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
