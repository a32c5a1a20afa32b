"""Overlapping windows over audio that is longer than the model's input.

A frame is `frame_samples` samples, and frames start every `frame_hop_samples` samples. By default a window
holds 500 frames, which are 80,240 samples at 16 kHz (5 s, as in the paper), and windows start every 2.5 s.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from emotrace.audio.activity import DIGITAL_SILENCE_DB, Blocks, Pauses, first_pause, measure_blocks
from emotrace.audio.quality import Samples, is_silent

FRAME_SAMPLES = 400
FRAME_HOP_SAMPLES = 160
MAX_FRAMES = 500
HOP_FRAMES = 250
SHORTEST_SAMPLES = 2_800  # 16 frames; shorter parts of a recording are padded with zeros
_NO_SAMPLES = np.zeros(0, dtype=np.float32)


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
        samples: shape (sample,); empty where nothing is audible until `next_start`
        blocks: levels of the audible blocks
        level_db: level of the window, to which "audible" is relative
        next_start: index of the first sample that a later window may contain
    """

    start: int
    samples: Samples
    blocks: Blocks
    level_db: float
    next_start: int

    @property
    def duration(self) -> int:
        """The number of samples in audible blocks."""
        return int(self.blocks.lengths.sum())


class WindowCutter:
    """Cuts a stream of samples into windows, so that silence does not matter.

    A pause divides a recording: what lies between two pauses has the windows that `window_samples` gives for
    a recording of its own, from its first audible block to its last one. A window after the first of them
    must contain an audible block that the earlier windows do not contain. Only the samples that later windows
    need are kept. The first four arguments are those of `window_samples`.

    Args:
        block_samples: samples of a block, a divisor of the hop; windows start at multiples of it
        minimum_samples: length to which a shorter part at the end is padded with zeros
        pauses: what counts as a pause

    >>> cutter = WindowCutter(500, 250, block_samples=320, minimum_samples=2800)
    >>> noise = np.random.default_rng(1).normal(size=80_640).astype(np.float32)
    >>> silence = np.zeros(32_000, dtype=np.float32)
    >>> windows = [*cutter.push(np.concatenate([silence, noise, silence])), *cutter.flush()]
    >>> [(window.start, len(window.samples), window.next_start) for window in windows]
    [(0, 0, 31040), (31040, 80240, 71040), (71040, 42560, 113600), (113600, 0, 144640)]
    """

    def __init__(
        self,
        max_frames: int = MAX_FRAMES,
        hop_frames: int = HOP_FRAMES,
        frame_samples: int = FRAME_SAMPLES,
        frame_hop_samples: int = FRAME_HOP_SAMPLES,
        *,
        block_samples: int,
        minimum_samples: int,
        sample_rate_hz: int = 16_000,
        pauses: Pauses = Pauses(),  # noqa: B008 - it is frozen
    ) -> None:
        self._frame = frame_samples, frame_hop_samples
        self._length = samples_in(max_frames, *self._frame)
        self._hop = hop_frames * frame_hop_samples
        self._block, self._minimum = block_samples, minimum_samples
        self._silence_db = pauses.silence_db
        self._pause_blocks = max(1, round(pauses.pause_s * sample_rate_hz / block_samples))
        self._margin_blocks = round(pauses.margin_s * sample_rate_hz / block_samples)
        self._start = 0
        self._covered = 0  # the samples before this index are in a window already
        self._buffer = SampleBuffer()

    def push(self, samples: Samples) -> Iterator[Window]:
        """Add samples and yield the windows that are now complete."""
        self._buffer.append(samples)
        while self._buffer.stop >= self._start + self._length:
            yield self._cut(self._start + self._length, ended=False)

    def flush(self) -> Iterator[Window]:
        """Yield the last windows."""
        while self._start < self._buffer.stop:
            yield self._cut(self._buffer.stop, ended=True)

    def _cut(self, stop: int, *, ended: bool) -> Window:
        """The window from `_start` to `stop`, or to a pause before `stop`; or a part that is not audible."""
        frames = frames_in(stop - self._start, *self._frame)
        if ended and samples_in(frames, *self._frame) <= max(0, self._covered - self._start):
            return self._skip_to(stop)
        samples = self._buffer.between(self._start, stop)
        silent_blocks = len(samples) // self._block - self._margin_blocks  # the margin of what follows stays
        skipped = stop if ended else self._start + max(1, silent_blocks) * self._block
        if is_silent(samples):
            return self._skip_to(skipped)
        blocks = measure_blocks(samples, self._block)
        audible = blocks.audible(self._silence_db)
        if not audible.any():
            return self._skip_to(skipped)
        leading = max(0, int(audible.argmax()) - self._margin_blocks)
        leading = min(leading, max(0, len(samples) - self._minimum) // self._block)
        if leading:
            if leading >= self._pause_blocks:
                self._covered = 0  # no window of this part was before the pause
            return self._skip_to(self._start + leading * self._block)
        pause = first_pause(audible, self._pause_blocks)
        if pause is not None:
            stop_block = max(pause + self._margin_blocks, -(-self._minimum // self._block))
            blocks, audible = blocks.first(stop_block), audible[:stop_block]
            samples = samples[: stop_block * self._block]
        elif ended:
            samples = samples[: samples_in(frames, *self._frame)]
        end = self._start + len(samples)
        if not audible[max(0, self._covered - self._start) // self._block :].any():
            return self._skip_to(max(self._covered, end))
        if pause is None:
            next_start = stop if ended else self._start + self._hop
        else:
            next_start = min(end, self._buffer.stop)
        missing = max(0, self._minimum - len(samples))
        loud = Blocks(blocks.levels_db[audible], blocks.lengths[audible])
        window = Window(self._start, np.pad(samples, (0, missing)), loud, blocks.level_db, next_start)
        self._covered = end
        self._move_to(next_start)
        return window

    def _skip_to(self, start: int) -> Window:
        nothing = Blocks(np.zeros(0), np.zeros(0, dtype=np.int64))
        window = Window(self._start, _NO_SAMPLES, nothing, DIGITAL_SILENCE_DB, start)
        self._move_to(start)
        return window

    def _move_to(self, start: int) -> None:
        self._start = start
        self._buffer.discard_before(start)


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
