"""A linear classifier of the mean and the standard deviation of encoder features over time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from emotrace.models.encoder_front import speech_frames
from emotrace.models.functionals.linear import StatisticsClassifier

UTTERANCE_WEIGHT = 4.0  # factor of the log-scores of a whole utterance
SEGMENT_FRAMES = 63  # of 24 ms: 1.5 s
MIN_SPEECH_FRAMES = 5  # a segment with fewer contains no speech
NO_SPEECH_LOG_ODDS = 10.0  # of such a segment
MIN_VARIANCE = 1e-8


class PooledClassifier(StatisticsClassifier):
    """Features of an encoder → log-scores of the emotions, from their mean and deviation over the speech.

    Frames without speech are zero in all features, and are left out.

    Args:
        features: features of a frame
        labels: number of emotions
        segment_frames: frames of a segment, an odd number

    Shape: (batch, feature, frame), (batch,) true lengths → (batch, K).

    >>> classifier = PooledClassifier(features=6, labels=4)
    >>> classifier(torch.randn(2, 6, 50), torch.tensor([50, 30])).shape
    torch.Size([2, 4])
    """

    def __init__(self, features: int, labels: int, segment_frames: int = SEGMENT_FRAMES):
        super().__init__(2 * features, labels)
        self.segment_frames = segment_frames

    def forward(self, static: Tensor, frames: Tensor) -> Tensor:
        """Log-scores of the emotions, times `fusion_weight`."""
        return self.emotion_scores(self.class_scores(self.statistics(static, frames)))

    def utterance_scores(self, static: Tensor, frames: Tensor) -> Tensor:
        """Scores of a whole utterance: added to the network's log-scores, and to the log-odds of no speech.

        Shape: → (batch, K + 1), the log-odds of no speech last.
        """
        scores = self.class_scores(self.statistics(static, frames))
        return UTTERANCE_WEIGHT * self.with_speech_presence(scores)

    def statistics(self, static: Tensor, frames: Tensor) -> Tensor:
        """Means, then deviations, (batch, 2 * feature)."""
        return pooled(static)[:, 0]

    def segment_scores(self, static: Tensor) -> Tensor:
        """Scores of the 1.5 s around each frame, (batch, frame, K + 1), the log-odds of no speech last."""
        scores = self.with_speech_presence(self.class_scores_of_segments(static))
        speech = windowed_sum(speech_frames(static.transpose(1, 2)), self.segment_frames)
        labels = scores.shape[2] - 1
        nothing = torch.tensor([0.0] * labels + [NO_SPEECH_LOG_ODDS], device=scores.device)
        return torch.where(speech < MIN_SPEECH_FRAMES, nothing, scores)

    def class_scores_of_segments(self, static: Tensor) -> Tensor:
        """`class_scores` of the segment around each frame, (batch, frame, K + 1)."""
        return self.class_scores(pooled(static, self.segment_frames))


def segment_frames(hop_samples: int) -> int:
    """Frames of a segment of 1.5 s, an odd number.

    >>> segment_frames(384), segment_frames(320)
    (63, 75)
    """
    return round(24_000 / hop_samples) | 1


def pooled(static: Tensor, frames: int | None = None) -> Tensor:
    """Means and deviations of the speech in the `frames` frames around each frame.

    Without `frames`, there is one row, with the statistics of the whole.

    Shape: (batch, feature, frame) → (batch, frame or 1, 2 * feature).

    >>> pooled(torch.tensor([[[1.0, 3.0, 0.0]]])).tolist()
    [[[2.0, 1.0]]]
    """
    x = static.transpose(1, 2)
    speech = speech_frames(x)
    # Deviations come from differences to the mean of the whole, which keeps the squares small.
    count = speech.sum(1, keepdim=True).clamp(min=1)
    centre = x.sum(1, keepdim=True) / count
    centred = (x - centre) * speech
    if frames is None:
        variance = centred.square().sum(1, keepdim=True) / count
        return torch.cat([centre, variance.clamp(min=MIN_VARIANCE).sqrt()], 2)
    counts = windowed_sum(speech, frames).clamp(min=1)
    means = windowed_sum(centred, frames) / counts
    variance = windowed_sum(centred.square(), frames) / counts - means.square()
    return torch.cat([centre + means, variance.clamp(min=MIN_VARIANCE).sqrt()], 2)


def windowed_sum(x: Tensor, frames: int) -> Tensor:
    """Sums over the `frames` frames around each frame; at the ends over those that exist.

    Shape: (batch, frame, value) in and out; `frames` is odd.

    >>> windowed_sum(torch.tensor([[[1.0], [2.0], [3.0]]]), 3).flatten().tolist()
    [3.0, 6.0, 5.0]
    """
    half = frames // 2
    sums = F.pad(x, (0, 0, half + 1, half)).cumsum(1)
    return sums[:, frames:] - sums[:, :-frames]
