"""Averages over windows, updated window by window."""

from dataclasses import dataclass, field

import numpy as np

from emotrace.decoding.ctc import Floats
from emotrace.errors import ModelError


@dataclass(slots=True)
class ScoreAverage:
    """The weighted average of window scores, as `decoding.ctc.average_scores` gives it for all at once.

    >>> average = ScoreAverage()
    >>> average.add(np.array([1.0, 0.0]), 3.0)
    >>> average.add(np.array([0.25, 0.75]), 1.0)
    >>> average.scores
    array([0.8125, 0.1875])
    """

    _sum: Floats = field(default_factory=lambda: np.zeros(0))
    _weight: float = 0.0

    def add(self, scores: Floats, weight: float) -> None:
        self._sum = weight * scores + (self._sum if self._weight else 0.0)
        self._weight += weight

    @property
    def scores(self) -> Floats | None:
        """The average, shape (K,); None before the first window."""
        return self._sum / self._weight if self._weight else None


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
