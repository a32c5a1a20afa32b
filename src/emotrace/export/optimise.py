"""The same network with fewer multiplications and equal outputs, for export only."""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from emotrace.audio.windowing import FRAME_HOP_SAMPLES, FRAME_SAMPLES
from emotrace.features.dft import PRE_EMPHASIS, SAMPLE_RATE_HZ
from emotrace.features.log_mel import LogMel
from emotrace.models.emotion_model import EmotionModel
from emotrace.models.layers.conv_block import ConvBlock
from emotrace.models.layers.fft_convolution import correlate, correlation_matrices, transform_kernels
from emotrace.models.layers.pcnse import ParallelConv


def optimise_for_inference(network: EmotionModel, *, fft: bool = True) -> EmotionModel:
    """A copy of a network with equal outputs that takes less time and cannot be trained.

    Args:
        fft: replace Conv_4 with an `FftBandConv`; in int8 it is faster without
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    if isinstance(network.spectrum, LogMel):
        network.spectrum = CentredLogMel(network.spectrum.bands)
    front = network.front.convolutions
    if fft and isinstance(front, ParallelConv):
        branch, block = front.branches[0], front.trunk[0]
        assert isinstance(branch, ConvBlock)
        assert isinstance(block, ConvBlock)
        conv = block.conv
        if block.norm is not None:
            conv, block.norm = fuse_conv_bn_eval(conv, block.norm.norm), None
        bands = branch.positions_out(network.spectrum.bands)
        block.conv = FftBandConv(conv, bands)  # type: ignore[assignment]
    return network


class CentredLogMel(LogMel):
    """`LogMel` with two matrix products of half the size.

    The power of a frame does not depend on its time origin. With the origin at the centre of the frame the
    windowed cosines are even and the windowed sines odd. So they need only sums and differences of samples at
    equal distance from the centre. Pre-emphasis is neither even nor odd and is applied first. No triangle
    covers the first and the last bin.

    Shape: as `LogMel`.

    >>> waveform, lengths = torch.randn(2, 9_000), torch.tensor([9_000, 8_000])
    >>> (one, frames), (other, same) = CentredLogMel(40)(waveform, lengths), LogMel(40)(waveform, lengths)
    >>> (one - other).abs().max().item() < 1e-3, frames.equal(same)
    (True, True)
    """

    cosines: Tensor
    sines: Tensor

    def __init__(self, bands: int):
        super().__init__(bands)
        inner = self.hz[1:-1].double()
        n = torch.arange(FRAME_SAMPLES // 2, dtype=torch.float64)[:, None]
        window = 0.54 - 0.46 * torch.cos(2 * math.pi * n / (FRAME_SAMPLES - 1))
        phase = 2 * math.pi * (n - (FRAME_SAMPLES - 1) / 2) * inner / SAMPLE_RATE_HZ
        self.register_buffer("cosines", (window * torch.cos(phase)).float(), persistent=False)
        self.register_buffer("sines", (window * torch.sin(phase)).float(), persistent=False)
        assert self.filters is not None
        del self.dft
        self.hz, self.filters = self.hz[1:-1], self.filters[1:-1]
        self.autocorrelation = self.autocorrelation[1:-1]

    def power(self, waveform: Tensor) -> Tensor:
        """Power spectrum of each frame without its first and last bin, (batch, frame, bin)."""
        frames = (waveform.shape[1] - FRAME_SAMPLES) // FRAME_HOP_SAMPLES + 1
        half, hop = FRAME_SAMPLES // 2, FRAME_HOP_SAMPLES
        padded = F.pad(waveform, (1, 3 * hop - FRAME_SAMPLES))
        emphasised = padded[:, 1:] - PRE_EMPHASIS * padded[:, :-1]
        blocks = emphasised[:, : (frames + 2) * hop].unflatten(1, (-1, hop))
        first, second, third = (blocks[:, part : part + frames] for part in range(3))
        before = torch.cat([first, second[..., : half - hop]], 2)
        after = torch.cat([second[..., half - hop :], third[..., : FRAME_SAMPLES - 2 * hop]], 2).flip(2)
        even, odd = (before + after) @ self.cosines, (before - after) @ self.sines
        return even * even + odd * odd


class FftBandConv(nn.Module):
    """A trained valid 2-D convolution as 1-D convolutions over frames, one for each coefficient of a DFT.

    Args:
        conv: the convolution
        bands: bands of its input

    Shape: (batch, channel, frame, band) in and out.

    >>> conv, maps = nn.Conv2d(6, 4, 8), torch.randn(2, 6, 30, 20)
    >>> (FftBandConv(conv, bands=20)(maps) - conv(maps)).abs().max().item() < 1e-5
    True
    """

    kernels: Tensor
    transform: Tensor
    inverse: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d, bands: int):
        super().__init__()
        transform, kernel_transform, inverse = correlation_matrices(bands, conv.kernel_size[1])
        assert conv.bias is not None
        kernels = transform_kernels(conv.weight.detach().double(), kernel_transform)
        self.register_buffer("kernels", kernels.float())
        self.register_buffer("transform", transform.float())
        self.register_buffer("inverse", inverse.float())
        self.register_buffer("bias", conv.bias.detach()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """The maps of the convolution."""
        return correlate(x, self.kernels, self.transform, self.inverse) + self.bias
