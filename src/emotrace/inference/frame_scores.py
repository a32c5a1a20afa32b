"""A recording's scores over time, before they become a result."""

from dataclasses import dataclass

import numpy as np

from emotrace.decoding.ctc import Floats
from emotrace.timeline import Timeline


@dataclass(frozen=True, slots=True)
class FrameScores:
    """The model's outputs for one recording.

    Attributes:
        scores: probabilities of the K emotions over the whole recording, shape (K,); None for silence
        rejected: whether the model finds no emotion in any window
        log_posteriors: natural logarithms of the frame posteriors, shape (frame, K + 1), blank last; blank is
            -inf for classifiers, which have none
        first_s: centre of the first frame in seconds
        step_s: time from one frame's centre to the next in seconds
        timeline: the decoded spans
    """

    scores: Floats | None
    rejected: bool
    log_posteriors: Floats
    first_s: float
    step_s: float
    timeline: Timeline

    @property
    def times_s(self) -> Floats:
        """Centre of each frame in seconds, shape (frame,)."""
        return self.first_s + self.step_s * np.arange(len(self.log_posteriors), dtype=np.float64)
