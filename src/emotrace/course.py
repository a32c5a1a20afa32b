"""The likeliest course of emotions through a recording, told as it comes. NumPy only.

In an emotion a frame is this emotion or blank, so that its likelihood is the sum of both; to change costs as
much as `CHANGE` says. This is the Viterbi algorithm, with a decision after a fixed delay.
"""

import numpy as np
import numpy.typing as npt

from emotrace.decoding import Floats

CHANGE = 0.6  # log-likelihood that a change must gain; chosen on validation speakers: results/README.md
DELAY_S = 1.0  # after which a frame is decided
_LEAST = 1e-300

Indices = npt.NDArray[np.int64]


class Course:
    """Posteriors → the index of each frame's emotion, `delay` frames later.

    Args:
        emotions: how many there are
        delay: frames to hear before one is decided, at least 1

    >>> course = Course(emotions=2, delay=2)
    >>> p = np.array([[0.9, 0.0, 0.1], [0.1, 0.2, 0.7], [0.0, 0.1, 0.9], [0.0, 0.9, 0.1]])
    >>> course.hear(p).tolist(), course.end().tolist()
    ([0, 0], [1, 1])
    """

    def __init__(self, emotions: int, delay: int) -> None:
        self._likelihood: Floats = np.zeros(emotions)  # of the best course to each emotion, as a logarithm
        self._courses = np.zeros((emotions, delay), dtype=np.int64)  # its last frames: frame i at i % delay
        self._emotions = np.arange(emotions)
        self._frames = 0

    def hear(self, posteriors: Floats) -> Indices:
        """Take in posteriors, shape (frame, K + 1), blank last; the emotions that are decided by them."""
        decided = []
        delay = self._courses.shape[1]
        for gain in np.log(np.maximum(posteriors[:, :-1] + posteriors[:, -1:], _LEAST)):
            likeliest = int(self._likelihood.argmax())
            place = self._frames % delay
            if self._frames >= delay:
                decided.append(self._courses[likeliest, place])
            changes = self._likelihood < self._likelihood[likeliest] - CHANGE
            if changes.any() and self._frames:
                self._likelihood[changes] = self._likelihood[likeliest] - CHANGE
                self._courses[changes] = self._courses[likeliest]
            self._courses[:, place] = self._emotions
            self._likelihood += gain
            self._likelihood -= self._likelihood.max()
            self._frames += 1
        return np.array(decided, dtype=np.int64)

    def end(self) -> Indices:
        """Nothing follows: the emotions of the frames not decided yet."""
        delay = self._courses.shape[1]
        left = min(self._frames, delay)
        places = np.arange(self._frames - left, self._frames) % delay
        rest: Indices = self._courses[self._likelihood.argmax(), places]
        return rest
