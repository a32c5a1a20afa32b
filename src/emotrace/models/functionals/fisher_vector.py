"""How an utterance departs from a mixture of Gaussians that describes speech at large."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEAST = 1e-12  # of a value whose root is taken
FARTHEST = -50.0  # nepers from a frame's own component to another: products with numbers near zero are slow


class FisherVector(nn.Module):
    """Frames → the direction in which they would move a mixture's weights, means and deviations.

    The gradient of the frames' mean log-likelihood by the parameters of a mixture of diagonal Gaussians, over
    the square root of Fisher's information, and of each value the root that keeps its sign (Sánchez et al.
    2013, equations 16 to 18 and section 2.3). The mixture is fitted to the frames of training speakers.
    There is one for each of several pictures of an utterance.

    Shape: (picture, batch, frame, value), the weight of each frame (batch, 1, frame), 1 in all → (picture,
    batch, size).

    >>> vector = FisherVector(pictures=2, components=2, values=3)
    >>> vector(torch.randn(2, 5, 50, 3), torch.full((5, 1, 50), 1 / 50)).shape
    torch.Size([2, 5, 14])
    """

    means: Tensor
    deviations: Tensor
    weights: Tensor

    def __init__(self, pictures: int, components: int, values: int):
        super().__init__()
        self.size = components * (1 + 2 * values)
        self.register_buffer("means", torch.zeros(pictures, components, values))
        self.register_buffer("deviations", torch.ones(pictures, components, values))
        self.register_buffer("weights", torch.full((pictures, components), 1 / components))

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        """The vectors: of each component by its weight, its means, its deviations."""
        means, deviations = self.means[:, None], self.deviations[:, None]  # (picture, 1, component, value)
        weights = self.weights[:, None, :, None]
        variances, moments = deviations.square(), torch.cat([x, x * x], 3)
        apart = weights.log() - (deviations.log() + means.square() / (2 * variances)).sum(3, keepdim=True)
        # Components by frames, not frames by components: the product after it is several times as fast.
        closeness = torch.cat([means / variances, -0.5 / variances], 3) @ moments.mT + apart
        likelihood = (closeness - closeness.amax(2, keepdim=True)).clamp(min=FARTHEST).exp()
        belongs = likelihood * (weight / likelihood.sum(2, keepdim=True))
        share = belongs.sum(3, keepdim=True)  # of the frames
        first, second = (belongs @ moments).chunk(2, 3)
        rarity = 1 / weights.sqrt()
        by_weight = (share - weights) * rarity
        by_mean = (first - share * means) / deviations * rarity
        by_deviation = (second - 2 * means * first + share * (means.square() - variances)) / variances
        found = torch.cat([by_weight, by_mean, by_deviation * rarity * 0.5**0.5], 3).flatten(2)
        return found / found.abs().clamp(min=LEAST).sqrt()
