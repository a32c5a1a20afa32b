"""The likeliest course of emotions through a recording, told as it comes. NumPy only.

In an emotion a frame is this emotion or blank, so that its likelihood is the sum of both; where there is
none, which only some networks know, it is blank. What functionals say of either is added. To change costs as
much as `SWITCH_PENALTY` says. This is the Viterbi algorithm, with a decision after a fixed delay.
"""

import numpy as np
import numpy.typing as npt

from emotrace.decoding.ctc import Floats

SWITCH_PENALTY = (
    1.0  # log-likelihood that a change must gain; chosen on validation speakers: results/README.md
)
DELAY_S = 1.0  # after which a frame is decided
_LEAST = 1e-300

Indices = npt.NDArray[np.int64]


class OnlineViterbi:
    """Posteriors → the index of each frame's emotion, `delay` frames later; K where there is none.

    Args:
        emotions: how many there are
        delay: frames to hear before one is decided, at least 1
        none: whether there may be none

    >>> path = OnlineViterbi(emotions=2, delay=2)
    >>> p = np.array([[0.9, 0.0, 0.1], [0.1, 0.2, 0.7], [0.0, 0.1, 0.9], [0.0, 0.9, 0.1]])
    >>> path.push(p).tolist(), path.flush().tolist()
    ([0, 0], [1, 1])
    """

    def __init__(self, emotions: int, delay: int, *, none: bool = False) -> None:
        # Plain lists: of a few emotions they are several times as fast as arrays.
        self._states = emotions + none
        self._likelihood = [0.0] * self._states  # of the best course to each emotion, as a logarithm
        self._paths = [[0] * delay for _ in self._likelihood]  # its last frames: frame i at i % delay
        self._delay = delay
        self._frames = 0

    def push(self, posteriors: Floats, added: Floats | float = 0.0) -> Indices:
        """Take in posteriors, blank last, and what is added to each log-likelihood, both (frame, K + 1).

        Returns:
            the emotions that are decided by them
        """
        decided = []
        likelihood, paths = self._likelihood, self._paths
        likely = posteriors + posteriors[:, -1:]
        likely[:, -1] = posteriors[:, -1]
        gained = np.log(np.maximum(likely, _LEAST)) + added
        for gains in gained[:, : self._states].tolist():
            most = max(likelihood)
            likeliest = likelihood.index(most)
            place = self._frames % self._delay
            if self._frames >= self._delay:
                decided.append(paths[likeliest][place])
            changed = most - SWITCH_PENALTY
            for emotion, gain in enumerate(gains):
                if likelihood[emotion] < changed:
                    likelihood[emotion] = changed
                    paths[emotion] = paths[likeliest].copy()
                paths[emotion][place] = emotion
                likelihood[emotion] += gain
            self._frames += 1
        return np.array(decided, dtype=np.int64)

    def flush(self) -> Indices:
        """Nothing follows: the emotions of the frames not decided yet."""
        path = self._paths[self._likelihood.index(max(self._likelihood))]
        frames = range(max(0, self._frames - self._delay), self._frames)
        return np.array([path[frame % self._delay] for frame in frames], dtype=np.int64)
