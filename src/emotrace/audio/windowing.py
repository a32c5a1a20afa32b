"""Overlapping windows over audio that is longer than the model's input.

A frame is `frame_samples` samples, and frames start every `frame_hop_samples` samples. By default a window
holds 500 frames, which are 80,240 samples at 16 kHz (5 s, as in the paper), and windows start every 2.5 s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emotrace.audio.quality import Samples

FRAME_SAMPLES = 400
FRAME_HOP_SAMPLES = 160
MAX_FRAMES = 500
HOP_FRAMES = 250


def frames_in(
    samples: int, frame_samples: int = FRAME_SAMPLES, frame_hop_samples: int = FRAME_HOP_SAMPLES
) -> int:
    """Number of whole frames in `samples` samples.

    >>> frames_in(80_240), frames_in(80_239), frames_in(399)
    (500, 499, 0)
    """
    return 0 if samples < frame_samples else 1 + (samples - frame_samples) // frame_hop_samples


def samples_in(
    frames: int, frame_samples: int = FRAME_SAMPLES, frame_hop_samples: int = FRAME_HOP_SAMPLES
) -> int:
    """Number of samples that `frames` frames span: the smallest number that contains so many frames.

    >>> samples_in(500), samples_in(16), samples_in(0)
    (80240, 2800, 0)
    """
    return 0 if frames < 1 else frame_samples + (frames - 1) * frame_hop_samples


def window_frames(
    frames: int, max_frames: int = MAX_FRAMES, hop_frames: int = HOP_FRAMES
) -> list[tuple[int, int]]:
    """Start and stop frame of each window over an utterance of `frames` frames.

    Windows start at multiples of `hop_frames` and hold at most `max_frames` frames. The last window is the
    first one that reaches the end, so each window contains a frame that the window before it lacks, and each
    but the first holds more than `max_frames - hop_frames` frames.

    >>> window_frames(500), window_frames(501), window_frames(800)
    ([(0, 500)], [(0, 500), (250, 501)], [(0, 500), (250, 750), (500, 800)])

    Raises:
        ValueError: unless 0 < hop_frames <= max_frames
    """
    if not 0 < hop_frames <= max_frames:
        raise ValueError(f"expected 0 < hop_frames <= max_frames, found {hop_frames} and {max_frames}")
    further_windows = max(0, -(-(frames - max_frames) // hop_frames))
    starts = [index * hop_frames for index in range(further_windows + 1)]
    return [(start, min(frames, start + max_frames)) for start in starts]


def window_samples(
    samples: int,
    max_frames: int = MAX_FRAMES,
    hop_frames: int = HOP_FRAMES,
    frame_samples: int = FRAME_SAMPLES,
    frame_hop_samples: int = FRAME_HOP_SAMPLES,
) -> list[tuple[int, int]]:
    """Start and stop sample of each window: those of `window_frames`, in samples.

    Samples after the last whole frame belong to no window.

    >>> window_samples(80_240), window_samples(80_400)
    ([(0, 80240)], [(0, 80240), (40000, 80400)])
    """
    frames = frames_in(samples, frame_samples, frame_hop_samples)
    windows = []
    for start_frame, stop_frame in window_frames(frames, max_frames, hop_frames):
        start = start_frame * frame_hop_samples
        length = samples_in(stop_frame - start_frame, frame_samples, frame_hop_samples)
        windows.append((start, start + length))
    return windows


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a recording.

    Attributes:
        start: index of its first sample in the recording
        samples: shape (sample,)
    """

    start: int
    samples: Samples


class WindowCutter:
    """Cuts a stream of samples into the windows that `window_samples` gives for the whole recording.

    It keeps only the samples that later windows need. The arguments are those of `window_samples`.

    >>> cutter = WindowCutter(max_frames=500, hop_frames=250)
    >>> windows = [*cutter.push(np.zeros(80_400, dtype=np.float32)), *cutter.flush()]
    >>> [(window.start, len(window.samples)) for window in windows]
    [(0, 80240), (40000, 40400)]
    """

    def __init__(
        self,
        max_frames: int = MAX_FRAMES,
        hop_frames: int = HOP_FRAMES,
        frame_samples: int = FRAME_SAMPLES,
        frame_hop_samples: int = FRAME_HOP_SAMPLES,
    ) -> None:
        self._layout = (max_frames, hop_frames, frame_samples, frame_hop_samples)
        self._length = samples_in(max_frames, frame_samples, frame_hop_samples)
        self._hop = hop_frames * frame_hop_samples
        self._start = 0
        self._buffer = SampleBuffer()

    def push(self, samples: Samples) -> Iterator[Window]:
        """Add samples and yield the windows that are now complete."""
        self._buffer.append(samples)
        while self._buffer.stop >= self._start + self._length:
            yield Window(self._start, self._buffer.between(self._start, self._start + self._length))
            self._start += self._hop
            self._buffer.discard_before(self._start)

    def flush(self) -> Iterator[Window]:
        """Yield the last window, if a frame is in no window yet."""
        for start, stop in window_samples(self._buffer.stop, *self._layout)[-1:]:
            if start == self._start:
                yield Window(start, self._buffer.between(start, stop))


class SampleBuffer:
    """The latest samples of a recording, addressed by their index in the recording.

    >>> buffer = SampleBuffer()
    >>> buffer.append(np.arange(5, dtype=np.float32))
    >>> buffer.discard_before(2)
    >>> buffer.between(2, 4), buffer.stop
    (array([2., 3.], dtype=float32), 5)
    """

    def __init__(self) -> None:
        self.stop = 0
        self._pieces: list[Samples] = []
        self._first = 0

    def append(self, samples: Samples) -> None:
        self._pieces.append(samples)
        self.stop += len(samples)

    def between(self, start: int, stop: int) -> Samples:
        """A copy of samples `start` to `stop - 1`, none of which may have been discarded."""
        self._pieces = [self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)]
        return self._pieces[0][start - self._first : stop - self._first].copy()

    def discard_before(self, index: int) -> None:
        """Discard the samples before `index`."""
        while self._pieces and self._first + len(self._pieces[0]) <= index:
            self._first += len(self._pieces.pop(0))
        if self._pieces and self._first < index:
            self._pieces[0] = self._pieces[0][index - self._first :].copy()
            self._first = index
