"""A recording in as many columns as a picture has: constant memory, whatever the recording's length."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from emotrace.audio.quality import Samples
from emotrace.audio.windowing import SampleBuffer
from emotrace.decoding.ctc import Floats

COLUMNS = 1600
_FRAMES = 8192


class RecordingSummary:
    """Collects waveform, spectrogram and scores over time, block by block.

    Each has at most twice as many columns as a picture shows; when they are full, neighbours are merged.

    >>> summary = RecordingSummary(16_000)
    >>> for _ in range(100):
    ...     summary.add_samples(np.zeros(16_000, dtype=np.float32))
    >>> summary.duration_s, summary.power.shape[0] <= 2 * COLUMNS, len(summary.lowest) <= 2 * COLUMNS
    (100.0, True, True)
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._samples = 0
        self._lowest = _MergedRows(2 * COLUMNS, np.min)
        self._highest = _MergedRows(2 * COLUMNS, np.max)
        self._posteriors = _MergedRows(2 * _FRAMES, np.mean)
        self._first_s = self._step_s = 0.0
        self._length = round(0.025 * sample_rate_hz)
        self._hop = round(0.010 * sample_rate_hz)
        self._window = np.hanning(self._length).astype(np.float32)
        self._buffer = SampleBuffer()
        self._power = np.zeros((0, self._length // 2 + 1), dtype=np.float32)

    def add_samples(self, samples: Samples) -> None:
        """Add the next samples of the recording."""
        self._samples += len(samples)
        self._lowest.push(samples[:, None])
        self._highest.push(samples[:, None])
        self._buffer.append(samples)
        while True:
            start = len(self._power) * self._hop
            ready = (self._buffer.stop - start - self._length) // self._hop + 1
            count = min(ready, 2 * COLUMNS - len(self._power))
            if count <= 0:
                break
            part = self._buffer.between(start, start + (count - 1) * self._hop + self._length)
            frames = np.lib.stride_tricks.sliding_window_view(part, self._length)[:: self._hop]
            power = (np.abs(np.fft.rfft(frames * self._window)) ** 2).astype(np.float32)
            self._power = np.concatenate([self._power, power])
            if len(self._power) == 2 * COLUMNS:
                self._power = self._power[::2].copy()
                self._hop *= 2
            self._buffer.discard_before(len(self._power) * self._hop)

    def add_frames(self, posteriors: Floats, first_s: float, step_s: float) -> None:
        """Add the posteriors of the next frames, shape (frame, K + 1)."""
        self._first_s, self._step_s = first_s, step_s
        self._posteriors.push(posteriors)

    @property
    def duration_s(self) -> float:
        return self._samples / self.sample_rate_hz

    @property
    def lowest(self) -> Floats:
        """The lowest sample of each column of the waveform."""
        return self._lowest.rows[:, 0]

    @property
    def highest(self) -> Floats:
        """The highest sample of each column of the waveform."""
        return self._highest.rows[:, 0]

    @property
    def column_s(self) -> float:
        """Seconds of one column of the waveform."""
        return self._lowest.size / self.sample_rate_hz

    @property
    def power(self) -> npt.NDArray[np.float32]:
        """Power of windows of 25 ms at equal distances, shape (column, frequency)."""
        return self._power

    @property
    def posteriors(self) -> Floats:
        """Posteriors, shape (frame, K + 1), means of several frames in a long recording."""
        return self._posteriors.rows

    @property
    def times_s(self) -> Floats:
        """Centre of each row of `posteriors` in seconds."""
        size = self._posteriors.size
        numbers = np.arange(len(self._posteriors.rows), dtype=np.float64)
        return self._first_s + self._step_s * ((size - 1) / 2 + size * numbers)


class _MergedRows:
    """Rows of numbers; when there are `limit` of them, an even number, each two become one."""

    def __init__(self, limit: int, merge: Callable[..., Floats]) -> None:
        self.size = 1
        self._limit, self._merge = limit, merge
        self._rest: Floats | None = None
        self._rows: list[Floats] = []
        self._count = 0

    @property
    def rows(self) -> Floats:
        return np.concatenate(self._rows) if self._rows else np.zeros((0, 1))

    def push(self, values: npt.NDArray[Any]) -> None:
        if self._rest is not None:
            values = np.concatenate([self._rest, values])
        while len(values) >= self.size:
            count = min(len(values) // self.size, self._limit - self._count)
            self._rows.append(self._merged(values[: count * self.size], self.size))
            values = values[count * self.size :]
            self._count += count
            if self._count == self._limit:
                self._rows = [self._merged(self.rows, 2)]
                self._count //= 2
                self.size *= 2
        self._rest = values.copy()

    def _merged(self, values: npt.NDArray[Any], size: int) -> Floats:
        merged: Floats = self._merge(values.reshape(-1, size, values.shape[1]), axis=1)
        return merged
