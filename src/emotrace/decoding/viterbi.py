"""Online Viterbi decoding: the likeliest sequence of frame emotions, with a fixed delay. NumPy only.

The states are the emotions and, for models trained with non-speech, "no emotion". In an emotion, a frame is
this emotion or blank, so its likelihood is the sum of both posteriors. In "no emotion" it is blank. Scores of
the functionals classifier are added to the log-likelihoods. Each change of state costs `switch_penalty`.
"""

import numpy as np
import numpy.typing as npt

from emotrace.decoding.ctc import Floats

_LEAST = 1e-300

Indices = npt.NDArray[np.int64]


class OnlineViterbi:
    """Posteriors → the index of each frame's emotion, `delay` frames later; K stands for "no emotion".

    Args:
        emotions: number of emotions, K
        delay: number of frames after which a frame is decided, at least 1
        switch_penalty: log-likelihood that a change of state costs
        no_emotion_state: whether "no emotion" is a state

    >>> viterbi = OnlineViterbi(emotions=2, delay=2, switch_penalty=1.0)
    >>> p = np.array([[0.9, 0.0, 0.1], [0.1, 0.2, 0.7], [0.0, 0.1, 0.9], [0.0, 0.9, 0.1]])
    >>> viterbi.push(p).tolist(), viterbi.flush().tolist()
    ([0, 0], [1, 1])
    """

    def __init__(
        self, emotions: int, delay: int, *, switch_penalty: float, no_emotion_state: bool = False
    ) -> None:
        # Lists, because with a few states they are several times as fast as arrays.
        self._states = emotions + no_emotion_state
        self._log_likelihoods = [0.0] * self._states  # of the best path that ends in each state
        self._paths = [[0] * delay for _ in range(self._states)]  # its last frames: frame i at i % delay
        self._delay = delay
        self._switch_penalty = switch_penalty
        self._frames = 0

    def push(self, posteriors: Floats, added: Floats | float = 0.0) -> Indices:
        """Process frames.

        Args:
            posteriors: shape (frame, K + 1), blank last
            added: log-likelihoods to add for each emotion and for "no emotion", shape (frame, K + 1)

        Returns:
            the emotions of the frames that these frames decide
        """
        decided = []
        log_likelihoods, paths = self._log_likelihoods, self._paths
        likelihoods = posteriors + posteriors[:, -1:]
        likelihoods[:, -1] = posteriors[:, -1]
        all_gains = np.log(np.maximum(likelihoods, _LEAST)) + added
        for gains in all_gains[:, : self._states].tolist():
            highest = max(log_likelihoods)
            best = log_likelihoods.index(highest)
            slot = self._frames % self._delay
            if self._frames >= self._delay:
                decided.append(paths[best][slot])
            after_switch = highest - self._switch_penalty
            for state, gain in enumerate(gains):
                if log_likelihoods[state] < after_switch:
                    log_likelihoods[state] = after_switch
                    paths[state] = paths[best].copy()
                paths[state][slot] = state
                log_likelihoods[state] += gain
            self._frames += 1
        return np.array(decided, dtype=np.int64)

    def flush(self) -> Indices:
        """The emotions of the frames that are not decided yet."""
        path = self._paths[self._log_likelihoods.index(max(self._log_likelihoods))]
        frames = range(max(0, self._frames - self._delay), self._frames)
        return np.array([path[frame % self._delay] for frame in frames], dtype=np.int64)
