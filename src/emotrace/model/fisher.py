"""How an utterance departs from a mixture of Gaussians that describes speech at large."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FARTHEST = -50.0  # nepers from a frame's own component to another: products with numbers near zero are slow


class FisherVector(nn.Module):
    """Frames → the direction in which they would move a mixture's weights, means and deviations.

    The gradient of the frames' mean log-likelihood by the parameters of a mixture of diagonal Gaussians, over
    the square root of Fisher's information, and of each value the root that keeps its sign (Sánchez et al.
    2013, equations 16 to 18 and section 2.3). The mixture is fitted to the frames of training speakers.
    There is one for each of several pictures of an utterance.

    Shape: (picture x batch, frame, value), one picture of all after the other, the same (…, frame, 1) with 1
    where a frame is real → (picture x batch, size).

    >>> vector = FisherVector(pictures=2, components=2, values=3)
    >>> vector(torch.randn(10, 50, 3), torch.ones(10, 50, 1)).shape
    torch.Size([10, 14])
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

    def forward(self, x: Tensor, within: Tensor) -> Tensor:
        """The vectors: by weights, by means, by deviations."""
        pictures = len(self.weights)
        images = zip(x.unflatten(0, (pictures, -1)), within.unflatten(0, (pictures, -1)), strict=True)
        return torch.cat([self.of(picture, *image) for picture, image in enumerate(images)])

    def of(self, picture: int, x: Tensor, within: Tensor) -> Tensor:
        """The vectors of one picture, (batch, size)."""
        means, deviations, weights = (own[picture] for own in (self.means, self.deviations, self.weights))
        variances, moments = deviations.square(), torch.cat([x, x.square()], 2)
        # Components by frames, not frames by components: the product after it is several times as fast.
        closeness = torch.cat([means / variances, -0.5 / variances], 1) @ moments.transpose(1, 2)
        apart = weights.log() - deviations.log().sum(1) - (means.square() / variances).sum(1) / 2
        closeness = closeness + apart[:, None]
        closeness = (closeness - closeness.amax(1, keepdim=True)).clamp(min=FARTHEST)
        belongs = closeness.softmax(1) * (within / within.sum(1, keepdim=True)).mT
        share = belongs.sum(2)[:, :, None]  # of the frames, (batch, component, 1)
        first, second = (belongs @ moments).chunk(2, 2)
        rarity = 1 / weights.sqrt()[:, None]
        by_weight = (share - weights[:, None]) * rarity
        by_mean = (first - share * means) / deviations * rarity
        by_deviation = (second - 2 * means * first + share * (means.square() - variances)) / variances
        found = torch.cat([by_weight, by_mean, by_deviation * rarity * 0.5**0.5], 2).flatten(1)
        return found.sign() * found.abs().sqrt()
