"""What a system costs: seconds of its stages, kept while they train, and seconds to hear one of speech."""

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
    """Passes on what a training tells, and keeps in its folder how many seconds the epochs of a stage took.

    What comes between stages, such as computing local features, counts for the stage that follows. An epoch
    that was killed is trained again, and counts once.
    """

    folder: Path
    progress: ProgressCallback
    last_s: float = field(default_factory=time.monotonic)

    def __call__(self, epoch: Epoch) -> None:
        """One epoch has ended."""
        if not epoch.text:
            now_s, seconds = time.monotonic(), stage_seconds(self.folder)
            seconds[epoch.stage] = round(seconds.get(epoch.stage, 0.0) + now_s - self.last_s, 3)
            write_text(self.folder / SECONDS_FILE, json.dumps(seconds) + "\n")
            self.last_s = now_s
        self.progress(epoch)


def stage_seconds(folder: Path) -> dict[str, float]:
    """Seconds of each stage trained in a folder, by its name; none where they were not kept.

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
        raise RunError(f"{folder / SECONDS_FILE} is damaged; delete it: its times are lost") from None


def real_time_factor(
    network: EmotionModel, sounds: Sequence[npt.NDArray[np.float32]], longest_frames: int
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


def _once(network: EmotionModel, sound: torch.Tensor, longest_frames: int) -> float:
    started_s = time.perf_counter()
    frame = network.spectrum.frame_samples
    for pretrained, stop in window_samples(len(sound), longest_frames, longest_frames // 2, frame):
        network(sound[None, pretrained:stop], torch.tensor([stop - pretrained]))
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
