"""Random spectro-temporal kernels, and how the response to each is distributed over an utterance."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DILATIONS = (1, 2, 4, 8, 16)  # frames of 10 ms
KERNELS_PER_DILATION = 100
TAPS = 9
BLOCK = 8  # channels that ONNX Runtime convolves at once
MAX_WIDTH_OCTAVES = 4  # widths over bands: 1 to 16
MAX_RIPPLE = math.pi / 4  # radians per band
MIN_PROFILE = 1e-6  # products with smaller values are slow
MIN_DEVIATION = 1e-3  # nepers; a smaller deviation counts as none


class RandomKernels(nn.Module):
    """Mean positive response to each kernel, divided by the root mean square of the response.

    This measures how asymmetric the response is, whatever the loudness. A kernel is the product of a ripple
    over neighbouring bands and nine random taps over time that sum to zero. Random convolution kernels with a
    trained linear classifier follow ROCKET (Dempster et al. 2020). The kernels are the same in every model.

    Shape: (batch, frame, band) centred and zero beyond the true lengths, (batch, frame, 1) mask of real
    frames → (batch, 500).

    >>> RandomKernels(bands=40)(torch.randn(2, 50, 40), torch.ones(2, 50, 1)).shape
    torch.Size([2, 500])
    """

    profiles: Tensor
    taps: Tensor

    def __init__(self, bands: int):
        super().__init__()
        self.size = len(DILATIONS) * KERNELS_PER_DILATION
        generator = torch.Generator().manual_seed(0)

        def uniform() -> Tensor:
            return torch.rand(self.size, 1, generator=generator)

        band = torch.arange(bands)
        centre, width = bands * uniform(), 2 ** (MAX_WIDTH_OCTAVES * uniform())
        speed, phase = uniform(), uniform()
        ripple = (band * MAX_RIPPLE * speed + 2 * math.pi * phase).cos()
        profiles = F.threshold((-((band - centre) / width).square() / 2).exp(), MIN_PROFILE, 0.0) * ripple
        taps = torch.randn(self.size, TAPS, generator=generator)
        taps -= taps.mean(1, keepdim=True)
        self.register_buffer("profiles", F.normalize(profiles, dim=1))
        self.register_buffer("taps", F.normalize(taps, dim=1))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Mean response above zero over its root mean square."""
        x, count = x.mT[:, :, None], mask.sum(1)
        sums, squares = [], []
        for number, dilation in enumerate(DILATIONS):
            rows = slice(number * KERNELS_PER_DILATION, (number + 1) * KERNELS_PER_DILATION)
            # Zero kernels fill the last block: ONNX Runtime convolves whole blocks of channels of 2-D images,
            # three times as fast.
            profiles, taps = (
                F.pad(part[rows], (0, 0, 0, -KERNELS_PER_DILATION % BLOCK))
                for part in (self.profiles, self.taps)
            )
            projection = F.conv2d(x, profiles[:, :, None, None])
            reach = dilation * (TAPS // 2)
            response = F.conv2d(
                projection, taps[:, None, None], dilation=(1, dilation), padding=(0, reach), groups=len(taps)
            )
            response = response[:, :KERNELS_PER_DILATION, 0]
            sums.append((response.relu() @ mask)[..., 0])
            squares.append((response * response @ mask)[..., 0])
        root_mean_square = (torch.cat(squares, 1) / count).sqrt()
        return torch.cat(sums, 1) / count / (root_mean_square + MIN_DEVIATION)
