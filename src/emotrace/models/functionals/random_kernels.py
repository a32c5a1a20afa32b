"""Spectro-temporal patterns drawn by chance, and how each one's response is distributed over an utterance."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DILATIONS = (1, 2, 4, 8, 16)  # frames of 10 ms
EACH = 100  # kernels of each dilation
TAPS = 9
BLOCK = 8  # channels that the runtime convolves at once
WIDEST_OCTAVES = 4  # widths over bands: 1 to 16
FASTEST = math.pi / 4  # radians per band
SMALLEST = 1e-6  # of a profile: products with less are slow
FLAT = 1e-3  # nepers: what deviates by less does not vary


class RandomKernels(nn.Module):
    """Each kernel's mean response above zero, in deviations: how lopsided it is, at whatever loudness.

    A kernel is a ripple over some neighbouring bands times nine random taps over time that sum to zero.
    Random convolution kernels, of which only a linear classifier is learnt, are ROCKET's idea (Dempster et
    al. 2020). They are drawn once, the same for every model.

    Shape: (batch, frame, band) centred and zero beyond the true lengths, (batch, frame, 1) with 1 where a
    frame is real → (batch, 500).

    >>> RandomKernels(bands=40)(torch.randn(2, 50, 40), torch.ones(2, 50, 1)).shape
    torch.Size([2, 500])
    """

    profiles: Tensor
    taps: Tensor

    def __init__(self, bands: int):
        super().__init__()
        self.size = len(DILATIONS) * EACH
        random = torch.Generator().manual_seed(0)

        def drawn() -> Tensor:
            return torch.rand(self.size, 1, generator=random)

        band = torch.arange(bands)
        centre, width, speed, phase = bands * drawn(), 2 ** (WIDEST_OCTAVES * drawn()), drawn(), drawn()
        ripple = (band * FASTEST * speed + 2 * math.pi * phase).cos()
        profiles = F.threshold((-((band - centre) / width).square() / 2).exp(), SMALLEST, 0.0) * ripple
        taps = torch.randn(self.size, TAPS, generator=random)
        taps -= taps.mean(1, keepdim=True)
        self.register_buffer("profiles", F.normalize(profiles, dim=1))
        self.register_buffer("taps", F.normalize(taps, dim=1))

    def forward(self, x: Tensor, within: Tensor) -> Tensor:
        """Mean response above zero over its root mean square."""
        x, count = x.mT[:, :, None], within.sum(1)
        sums, squares = [], []
        for number, dilation in enumerate(DILATIONS):
            own = slice(number * EACH, (number + 1) * EACH)
            # Empty kernels fill the last block: the runtime convolves whole blocks of channels of two axes,
            # three times as fast.
            profiles, taps = (
                F.pad(part[own], (0, 0, 0, -EACH % BLOCK)) for part in (self.profiles, self.taps)
            )
            seen = F.conv2d(x, profiles[:, :, None, None])
            reach = dilation * (TAPS // 2)
            response = F.conv2d(
                seen, taps[:, None, None], dilation=(1, dilation), padding=(0, reach), groups=len(taps)
            )
            response = response[:, :EACH, 0]
            sums.append((response.relu() @ within)[..., 0])
            squares.append((response * response @ within)[..., 0])
        size = (torch.cat(squares, 1) / count).sqrt()
        return torch.cat(sums, 1) / count / (size + FLAT)
