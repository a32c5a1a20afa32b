"""The linear layer that classifiers of statistics share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class StatisticsClassifier(nn.Module):
    """Standardised statistics → log-scores of the emotions, and the log-odds that there is no speech.

    Over the training examples each statistic has mean 0 and deviation 1. The last row of `weight` and `bias`
    is another classifier with two classes: the log-odds that a recording contains no speech. Multiplied by
    `fusion_weight`, the log-scores of the emotions have the same weight as the posteriors of the network.

    Args:
        statistics: number of statistics
        labels: number of emotions K
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    fusion_weight: Tensor

    def __init__(self, statistics: int, labels: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(statistics))
        self.register_buffer("scale", torch.ones(statistics))
        self.register_buffer("weight", torch.zeros(labels + 1, statistics))
        self.register_buffer("bias", torch.zeros(labels + 1))
        self.register_buffer("fusion_weight", torch.ones(()))

    def class_scores(self, statistics: Tensor, gain: float = 1.0) -> Tensor:
        """Scores from all statistics, or from the last ones alone.

        Args:
            gain: factor of the weights, which makes up for missing statistics

        Shape: (…, statistic) → (…, K + 1), not normalised; the log-odds of no speech last.
        """
        if statistics.shape[-1] == len(self.mean):  # exported as they are, `mean` and `scale` can be adapted
            return F.linear((statistics - self.mean) * self.scale, gain * self.weight, self.bias)
        used = slice(-statistics.shape[-1], None)
        standardised = (statistics - self.mean[used]) * self.scale[used]
        return F.linear(standardised, gain * self.weight[:, used], self.bias)

    def emotion_scores(self, scores: Tensor) -> Tensor:
        """Log-scores of the emotions alone, times `fusion_weight`, (…, K + 1) → (…, K)."""
        return self.fusion_weight * scores[..., :-1].log_softmax(-1)

    def with_speech_presence(self, scores: Tensor) -> Tensor:
        """Log-scores of the emotions, and last the unchanged log-odds of no speech, (…, K + 1)."""
        return torch.cat([self.emotion_scores(scores), scores[..., -1:]], -1)
