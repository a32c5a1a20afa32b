"""A recording's scores over time, before they become a result."""

from dataclasses import dataclass

import numpy as np

from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats
from emotrace.inference.result import Result
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


class FrameCollector:
    """Keeps the scores over time of a recording while it is recognised block by block."""

    def __init__(self) -> None:
        self._posteriors: list[Floats] = []
        self._first_s = self._step_s = 0.0

    def add_samples(self, samples: Samples) -> None:
        """Ignore samples."""

    def add_frames(self, posteriors: Floats, first_s: float, step_s: float) -> None:
        """Keep the posteriors of the next frames."""
        self._first_s, self._step_s = first_s, step_s
        self._posteriors.append(posteriors)

    def frame_scores(self, result: Result) -> FrameScores:
        """The scores over time that led to a result, which is not silence."""
        with np.errstate(divide="ignore"):
            log_posteriors = np.log(np.concatenate(self._posteriors))
        scores = np.array(list((result.scores or {}).values()))
        rejected = any(warning.code == "rejected" for warning in result.warnings)
        return FrameScores(scores, rejected, log_posteriors, self._first_s, self._step_s, result.timeline)
