"""Fisher vectors: how an utterance differs from a mixture of Gaussians fitted to speech in general."""

from __future__ import annotations

import torch
from torch import Tensor, nn

MIN_MAGNITUDE = 1e-12  # lower limit of magnitudes before their square root
MIN_LOG_RATIO = -50.0  # of component likelihoods, in nepers: products with denormal numbers are slow


class FisherVector(nn.Module):
    """Frames → gradient of their log-likelihood under a mixture, by its weights, means and deviations.

    This is the gradient of the frames' mean log-likelihood by the parameters of a mixture of diagonal
    Gaussians, divided by the square root of Fisher's information. Of each value the signed square root is
    taken (Sánchez et al. 2013, equations 16 to 18 and section 2.3). The mixture is fitted to frames of
    training speakers. Each representation of an utterance has its own mixture.

    Shape: (representation, batch, frame, value), (batch, 1, frame) weights of the frames that sum to 1 →
    (representation, batch, size).

    >>> vector = FisherVector(representations=2, components=2, values=3)
    >>> vector(torch.randn(2, 5, 50, 3), torch.full((5, 1, 50), 1 / 50)).shape
    torch.Size([2, 5, 14])
    """

    means: Tensor
    deviations: Tensor
    weights: Tensor

    def __init__(self, representations: int, components: int, values: int):
        super().__init__()
        self.size = components * (1 + 2 * values)
        self.register_buffer("means", torch.zeros(representations, components, values))
        self.register_buffer("deviations", torch.ones(representations, components, values))
        self.register_buffer("weights", torch.full((representations, components), 1 / components))

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """The vectors: gradients by all weights, then by all means, then by all deviations."""
        means = self.means[:, None]  # (representation, 1, component, value)
        deviations = self.deviations[:, None]
        weights = self.weights[:, None, :, None]
        variances, moments = deviations.square(), torch.cat([x, x * x], 3)
        offset = weights.log() - (deviations.log() + means.square() / (2 * variances)).sum(3, keepdim=True)
        # (component, frame) instead of (frame, component): the product below is several times as fast.
        log_likelihood = torch.cat([means / variances, -0.5 / variances], 3) @ moments.mT + offset
        log_ratio = log_likelihood - log_likelihood.amax(2, keepdim=True)
        likelihood = log_ratio.clamp(min=MIN_LOG_RATIO).exp()
        responsibility = likelihood * (weight / likelihood.sum(2, keepdim=True))
        share = responsibility.sum(3, keepdim=True)  # of the frames that belong to each component
        first, second = (responsibility @ moments).chunk(2, 3)
        rarity = 1 / weights.sqrt()
        by_weight = (share - weights) * rarity
        by_mean = (first - share * means) / deviations * rarity
        by_deviation = (second - 2 * means * first + share * (means.square() - variances)) / variances
        gradient = torch.cat([by_weight, by_mean, by_deviation * rarity * 0.5**0.5], 3).flatten(2)
        return gradient / gradient.abs().clamp(min=MIN_MAGNITUDE).sqrt()
