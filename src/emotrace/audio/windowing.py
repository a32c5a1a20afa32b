"""How audio longer than the model's input is cut for evaluation: windows that overlap by half.

A frame is a stretch of `frame` samples, and frames start every `frame_hop` samples. The windows of the
paper's 5 s hold 500 frames, which are 80,240 samples at 16 kHz, and start at multiples of 2.5 s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emotrace.audio.quality import Samples

FRAME_SAMPLES = 400
FRAME_HOP_SAMPLES = 160
LONGEST_FRAMES = 500
HOP_FRAMES = 250


def frames_in(samples: int, frame: int = FRAME_SAMPLES, frame_hop: int = FRAME_HOP_SAMPLES) -> int:
    """Number of whole frames in `samples` samples.

    >>> frames_in(80_240), frames_in(80_239), frames_in(399)
    (500, 499, 0)
    """
    return 0 if samples < frame else 1 + (samples - frame) // frame_hop


def samples_in(frames: int, frame: int = FRAME_SAMPLES, frame_hop: int = FRAME_HOP_SAMPLES) -> int:
    """Number of samples that `frames` frames span; the least `samples` for which `frames_in` gives `frames`.

    >>> samples_in(500), samples_in(16), samples_in(0)
    (80240, 2800, 0)
    """
    return 0 if frames < 1 else frame + (frames - 1) * frame_hop


def window_frames(frames: int, longest: int = LONGEST_FRAMES, hop: int = HOP_FRAMES) -> list[tuple[int, int]]:
    """First and one-past-last frame of each window over an utterance of `frames` frames.

    Windows start at multiples of `hop`, hold at most `longest` frames, and exist only if they hold a frame
    that the window before does not. So each but the first holds more than `longest - hop` frames.

    >>> window_frames(500), window_frames(501), window_frames(800)
    ([(0, 500)], [(0, 500), (250, 501)], [(0, 500), (250, 750), (500, 800)])

    Raises:
        ValueError: unless 0 < hop <= longest
    """
    if not 0 < hop <= longest:
        raise ValueError(f"expected 0 < hop <= longest, found hop {hop} and longest {longest}")
    more = max(0, -(-(frames - longest) // hop))
    return [(k * hop, min(frames, k * hop + longest)) for k in range(more + 1)]


def window_samples(
    samples: int,
    longest: int = LONGEST_FRAMES,
    hop: int = HOP_FRAMES,
    frame: int = FRAME_SAMPLES,
    frame_hop: int = FRAME_HOP_SAMPLES,
) -> list[tuple[int, int]]:
    """First and one-past-last sample of each window: those of `window_frames`, in samples.

    Samples after the last whole frame are in no window, since no frame holds them.

    >>> window_samples(80_240), window_samples(80_400)
    ([(0, 80240)], [(0, 80240), (40000, 80400)])
    """
    return [
        (start * frame_hop, start * frame_hop + samples_in(stop - start, frame, frame_hop))
        for start, stop in window_frames(frames_in(samples, frame, frame_hop), longest, hop)
    ]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a recording.

    Attributes:
        start: its first sample's place in the recording
        samples: shape (sample,)
    """

    start: int
    samples: Samples


class WindowCutter:
    """Cuts samples into windows as they come: those that `window_samples` names once all are there.

    No more is kept than the windows to come need. Lengths are in frames, as for `window_samples`.

    >>> cutter = WindowCutter(longest=500, hop=250)
    >>> whole = [*cutter.push(np.zeros(80_400, dtype=np.float32))]
    >>> [(window.start, len(window.samples)) for window in [*whole, *cutter.flush()]]
    [(0, 80240), (40000, 40400)]
    """

    def __init__(
        self,
        longest: int = LONGEST_FRAMES,
        hop: int = HOP_FRAMES,
        frame: int = FRAME_SAMPLES,
        frame_hop: int = FRAME_HOP_SAMPLES,
    ) -> None:
        self._cuts = (longest, hop, frame, frame_hop)
        self._length, self._hop = samples_in(longest, frame, frame_hop), hop * frame_hop
        self._start = 0
        self._buffer = SampleBuffer()

    def push(self, samples: Samples) -> Iterator[Window]:
        """Take in samples; give the windows that they make whole."""
        self._buffer.add(samples)
        while self._buffer.stop >= self._start + self._length:
            yield Window(self._start, self._buffer.between(self._start, self._start + self._length))
            self._start += self._hop
            self._buffer.forget(self._start)

    def flush(self) -> Iterator[Window]:
        """The last window, if the samples so far hold a frame that no window before it held."""
        for start, stop in window_samples(self._buffer.stop, *self._cuts)[-1:]:
            if start == self._start:
                yield Window(start, self._buffer.between(start, stop))


class SampleBuffer:
    """The latest samples of a recording, reached by their places in it.

    >>> buffer = SampleBuffer()
    >>> buffer.add(np.arange(5, dtype=np.float32))
    >>> buffer.forget(2)
    >>> buffer.between(2, 4), buffer.stop
    (array([2., 3.], dtype=float32), 5)
    """

    def __init__(self) -> None:
        self.stop = 0
        self._pieces: list[Samples] = []
        self._first = 0

    def add(self, samples: Samples) -> None:
        self._pieces.append(samples)
        self.stop += len(samples)

    def between(self, start: int, stop: int) -> Samples:
        """A copy of the samples from one place to before another, all of which must be there."""
        self._pieces = [self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)]
        return self._pieces[0][start - self._first : stop - self._first].copy()

    def forget(self, before: int) -> None:
        """Let go of the samples before a place."""
        while self._pieces and self._first + len(self._pieces[0]) <= before:
            self._first += len(self._pieces.pop(0))
        if self._pieces and self._first < before:
            self._pieces[0] = self._pieces[0][before - self._first :].copy()
            self._first = before
