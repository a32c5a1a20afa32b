"""Statistics of an utterance over time: deviations, means above the mean, and modulations."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from emotrace.features.level import NEPERS_PER_DB
from emotrace.models.functionals.random_kernels import MIN_DEVIATION
from emotrace.models.layers.masking import length_mask

MODULATION_FRAMES = (3, 7, 15, 31, 63)  # lengths of the moving averages, in frames of 10 ms
SILENCE_DB = 30  # a frame this far below the loudest one is silent
MARGIN_FRAMES = 10  # silent frames kept on either side of the speech


def frame_weights(mask: Tensor) -> Tensor:
    """Weights whose product with values of frames is the mean over the frames of the mask.

    Shape: (batch, frame) bool → (batch, 1, frame).

    >>> frame_weights(torch.tensor([[True, True, False]])) @ torch.tensor([[[2.0], [4.0], [9.0]]])
    tensor([[[3.]]])
    """
    weights = mask[:, None].float()
    return weights / weights.sum(2, keepdim=True)


def trim_silence(bands: Tensor, frames: Tensor) -> Tensor:
    """Mask of the frames from the first loud frame to the last one, with a margin of `MARGIN_FRAMES`.

    A frame is loud where its loudest band is at most `SILENCE_DB` below the loudest band of the utterance.

    Shape: (batch, frame, band), (batch,) true lengths → (batch, frame), bool.

    >>> bands = torch.full((1, 60, 2), -10.0)
    >>> bands[0, 20:22] = bands[0, 30:32] = 0.0
    >>> trim_silence(bands, torch.tensor([60]))[0].nonzero().flatten().tolist() == list(range(10, 42))
    True
    """
    mask = length_mask(frames, bands.shape[1])
    loudness = bands.amax(2).masked_fill(~mask, -torch.inf)
    loud = loudness >= loudness.amax(1, keepdim=True) - SILENCE_DB * NEPERS_PER_DB
    index = torch.arange(bands.shape[1], device=bands.device)
    first = torch.where(loud, index, bands.shape[1]).amin(1, keepdim=True)
    last = torch.where(loud, index, 0).amax(1, keepdim=True)
    return mask & (index >= first - MARGIN_FRAMES) & (index <= last + MARGIN_FRAMES)


def variations(x: Tensor, weights: Tensor, mask: Tensor) -> Tensor:
    """Standard deviations, means above the mean, and modulations of the first channel, (batch, statistic).

    Args:
        x: values less their means over the mask
        weights: output of `frame_weights`
        mask: 1 where a frame counts

    Shape: (batch, channel, frame, value), (batch, 1, 1, frame), (batch, 1, frame, 1).
    """
    deviation = (weights @ (x * x)).sqrt()
    above = weights @ (x / (deviation + MIN_DEVIATION)).relu()
    return torch.cat([deviation, above, *modulations(x[:, :1], weights, mask)], 1).flatten(1)


def modulations(x: Tensor, weights: Tensor, mask: Tensor) -> list[Tensor]:
    """Standard deviation of the difference between successive moving averages, (batch, 1, 1, value) each."""
    deviations = []
    for size in MODULATION_FRAMES:
        # Only real frames enter the averages, so there are fewer of them at the ends of the utterance.
        sums = moving_sum(torch.cat([x, mask], 3) * mask, size)
        smooth = sums[..., :-1] / sums[..., -1:].clamp(min=1)
        detail = x - smooth
        detail = detail - weights @ detail
        deviations.append((weights @ (detail * detail)).sqrt())
        x = smooth
    return deviations


def moving_sum(x: Tensor, size: int) -> Tensor:
    """Sums of `size` (odd) frames around each, from cumulative sums: the cost does not depend on `size`.

    >>> moving_sum(torch.arange(5.0)[None, None, :, None], 3).flatten().tolist()
    [1.0, 3.0, 6.0, 9.0, 7.0]
    """
    totals = F.pad(x.cumsum(2), (0, 0, 1, 0))
    frame = torch.arange(x.shape[2], device=x.device)
    stop, start = frame + size // 2 + 1, frame - size // 2
    return totals[:, :, stop.clamp(max=x.shape[2])] - totals[:, :, start.clamp(min=0)]


def cosine_transform(size: int, coefficients: int) -> Tensor:
    """The first rows of the orthonormal discrete cosine transform, (coefficient, value).

    >>> rows = cosine_transform(40, coefficients=20)
    >>> (rows @ rows.T).allclose(torch.eye(20), atol=1e-6)
    True
    """
    order = torch.arange(min(coefficients, size), dtype=torch.float64)[:, None]
    rows = (math.pi / size * (torch.arange(size) + 0.5) * order).cos() * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows.float()
