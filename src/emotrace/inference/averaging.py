"""Averages over windows, updated window by window."""

import numpy as np
import numpy.typing as npt

from emotrace.audio.activity import Blocks
from emotrace.decoding.ctc import Floats
from emotrace.errors import ModelError

_LOWEST_DB, _LEVELS = -130, 271  # bins of one decibel; samples are at most 1e12


class ScoreAverage:
    """The average of window scores, weighted by the time for which each window is as loud as the recording.

    A block counts if it is less than `range_db` below the loudest window. Sums are kept for each level, since
    a later window may be louder: memory does not depend on the number of windows.

    >>> average = ScoreAverage(range_db=30.0)
    >>> for scores, level_db in (([1.0, 0.0], -20.0), ([0.5, 0.5], -35.0), ([0.0, 1.0], -60.0)):
    ...     average.add(np.array(scores), Blocks(np.full(3, level_db), np.full(3, 320)), level_db)
    >>> average.scores
    array([0.75, 0.25])
    """

    def __init__(self, range_db: float) -> None:
        self._range_db = range_db
        self._loudest_db = -np.inf
        self._sums = np.zeros((_LEVELS, 0))
        self._weights = np.zeros(_LEVELS)
        self._no_emotion = np.full(_LEVELS, np.inf)

    def add(self, scores: Floats, blocks: Blocks, level_db: float, no_emotion: float = 0.0) -> None:
        """Add a window.

        Args:
            scores: shape (K,)
            blocks: its audible blocks
            level_db: its level
            no_emotion: its probability of "no emotion", by which it counts less
        """
        weights = np.bincount(_bins(blocks.levels_db), blocks.lengths, _LEVELS) * max(1 - no_emotion, 1e-9)
        self._sums = weights[:, None] * scores + (self._sums if self._weights.any() else 0.0)
        self._weights += weights
        self._loudest_db = max(self._loudest_db, level_db)
        level = _bins(np.array([level_db]))[0]
        self._no_emotion[level] = min(self._no_emotion[level], no_emotion)

    @property
    def scores(self) -> Floats | None:
        """The average, shape (K,); None before the first window."""
        counted = self._counted
        total = self._weights[counted].sum()
        return self._sums[counted].sum(axis=0) / total if total else None

    @property
    def lowest_no_emotion(self) -> float:
        """The lowest probability of "no emotion" of the windows that are loud enough to count."""
        return float(self._no_emotion[self._counted].min())

    @property
    def _counted(self) -> slice:
        lowest_db = self._loudest_db - self._range_db
        return slice(int(_bins(np.array([lowest_db]))[0]), None)


def _bins(levels_db: Floats) -> npt.NDArray[np.int64]:
    """The bin of each level, of one decibel."""
    clipped = np.clip(levels_db, _LOWEST_DB, _LOWEST_DB + _LEVELS - 1)
    return np.ceil(clipped - _LOWEST_DB).astype(np.int64)


class OverlapAverage:
    """Averages the rows of overlapping windows into one row per frame.

    >>> average = OverlapAverage(1)
    >>> average.add(0, np.array([[1.0], [1.0]]))
    >>> average.add(1, np.array([[3.0], [5.0]]))
    >>> average.pop(2).ravel(), average.pop().ravel()
    (array([1., 2.]), array([5.]))
    """

    def __init__(self, columns: int) -> None:
        self._first = 0
        self._sum, self._count = np.zeros((0, columns)), np.zeros((0, 1))

    @property
    def stop(self) -> int:
        """The frame after the last one that is in a window."""
        return self._first + len(self._sum)

    def add(self, first: int, rows: Floats) -> None:
        """Add the rows of a window whose first frame is `first`."""
        start = first - self._first
        missing = max(0, start + len(rows) - len(self._sum))
        self._sum = np.concatenate([self._sum, np.zeros((missing, self._sum.shape[1]))])
        self._count = np.concatenate([self._count, np.zeros((missing, 1))])
        self._sum[start : start + len(rows)] += rows
        self._count[start : start + len(rows)] += 1

    def pop(self, stop: int | None = None) -> Floats:
        """Remove and return the averages of the frames before `stop`, or of all frames if it is None.

        No later window may contain these frames.

        Raises:
            ModelError: if one of these frames is in no window
        """
        count = len(self._sum) if stop is None else stop - self._first
        if len(self._sum) < count or not self._count[:count].all():
            raise ModelError(
                "the network gives too few frames per window to cover the recording; export the model again"
            )
        average: Floats = self._sum[:count] / self._count[:count]
        self._sum, self._count = self._sum[count:], self._count[count:]
        self._first += count
        return average
