"""The same network with fewer multiplications, exactly: for export, not for training."""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from emotrace.features import DFT_SAMPLES, FLOOR, PRE_EMPHASIS, LogMel, mel_filters, whole_frames
from emotrace.model.pcnse import ConvBlock, ParallelConv
from emotrace.model.systems import Network
from emotrace.windows import FRAME_HOP_SAMPLES, FRAME_SAMPLES


def with_fewer_products(network: Network, *, points: bool = True) -> Network:
    """A copy of a network that gives the same in less time; nothing of it can be trained.

    `points`: whether Conv_4 becomes a `PointwiseBandConv`, which does not pay in int8.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    if isinstance(network.spectrum, LogMel):
        network.spectrum = CentredLogMel(network.spectrum.bands)  # type: ignore[assignment]
    front = network.front.pcnse
    if points and isinstance(front, ParallelConv):
        branch, block = front.branches[0], front.trunk[0]
        assert isinstance(branch, ConvBlock)
        assert isinstance(block, ConvBlock)
        conv = block.conv
        if block.norm is not None:
            conv, block.norm = fuse_conv_bn_eval(conv, block.norm.norm), None
        bands = branch.positions_out(network.spectrum.bands)
        block.conv = PointwiseBandConv(conv, bands)  # type: ignore[assignment]
    return network


class CentredLogMel(nn.Module):
    """`LogMel` by two products half as large.

    A frame's power does not depend on where its time begins. Counted from its centre, the windowed cosines
    are even and the sines odd, so sums and differences of samples as far before the centre as after it do;
    pre-emphasis, which is neither, goes before. The first and the last bin are in no triangle.

    Shape: as `LogMel`.

    >>> waveform, lengths = torch.randn(2, 9_000), torch.tensor([9_000, 8_000])
    >>> (one, frames), (other, same) = CentredLogMel(40)(waveform, lengths), LogMel(40)(waveform, lengths)
    >>> (one - other).abs().max().item() < 1e-3, frames.equal(same)
    (True, True)
    """

    cosines: Tensor
    sines: Tensor
    filters: Tensor

    def __init__(self, bands: int):
        super().__init__()
        self.frame_samples, self.bands = FRAME_SAMPLES, bands
        n = torch.arange(FRAME_SAMPLES // 2, dtype=torch.float64)[:, None]
        window = 0.54 - 0.46 * torch.cos(2 * math.pi * n / (FRAME_SAMPLES - 1))
        bins = torch.arange(1, DFT_SAMPLES // 2, dtype=torch.float64)
        phase = 2 * math.pi * (n - (FRAME_SAMPLES - 1) / 2) * bins / DFT_SAMPLES
        self.register_buffer("cosines", (window * torch.cos(phase)).float())
        self.register_buffer("sines", (window * torch.sin(phase)).float())
        self.register_buffer("filters", mel_filters(bands)[:, 1:-1].T.float())

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-power of each band and frame, and the true lengths in frames."""
        frames = (waveform.shape[1] - FRAME_SAMPLES) // FRAME_HOP_SAMPLES + 1
        half, hop = FRAME_SAMPLES // 2, FRAME_HOP_SAMPLES
        padded = F.pad(waveform, (1, 3 * hop - FRAME_SAMPLES))
        emphasised = padded[:, 1:] - PRE_EMPHASIS * padded[:, :-1]
        blocks = emphasised[:, : (frames + 2) * hop].unflatten(1, (-1, hop))
        first, second, third = (blocks[:, part : part + frames] for part in range(3))
        before = torch.cat([first, second[..., : half - hop]], 2)
        after = torch.cat([second[..., half - hop :], third[..., : FRAME_SAMPLES - 2 * hop]], 2).flip(2)
        even, odd = (before + after) @ self.cosines, (before - after) @ self.sines
        power = (even * even + odd * odd) @ self.filters
        return power.clamp(min=FLOOR).log().transpose(1, 2), whole_frames(lengths)


class PointwiseBandConv(nn.Module):
    """A valid 2-D convolution of maps of so many bands, as 1-D ones over frames, one for each point.

    A kernel of 8 x 8 over 20 bands takes 13 x 8 products a lag, `correlation_points` 29 of them.

    Shape: (batch, channel, frame, band) in and out.

    >>> conv, maps = nn.Conv2d(6, 4, 8), torch.randn(2, 6, 30, 20)
    >>> (PointwiseBandConv(conv, bands=20)(maps) - conv(maps)).abs().max().item() < 1e-5
    True
    """

    to_points: Tensor
    from_points: Tensor
    bias: Tensor

    def __init__(self, conv: nn.Conv2d, bands: int):
        super().__init__()
        frames, taps = conv.weight.shape[2:]
        to_points, kernel_to_points, from_points = correlation_points(bands, taps)
        self.points, self.channels, self.width = len(to_points), conv.in_channels, conv.out_channels
        kernels = torch.einsum("pt,oclt->pocl", kernel_to_points, conv.weight.detach().double())
        self.over_frames = nn.Conv1d(
            self.points * self.channels, self.points * self.width, frames, groups=self.points, bias=False
        ).requires_grad_(False)
        self.over_frames.weight.copy_(kernels.flatten(0, 1))
        assert conv.bias is not None
        self.register_buffer("to_points", to_points.float())
        self.register_buffer("from_points", from_points.float())
        self.register_buffer("bias", conv.bias.detach()[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """The maps that the convolution gives."""
        batch, _, frames, _ = x.shape
        # "batch channel frame band -> batch point (channel frame)", and back after the convolution.
        points = self.to_points @ x.permute(0, 3, 1, 2).flatten(2)
        maps = self.over_frames(points.view(batch, self.points * self.channels, frames))
        bands = self.from_points @ maps.view(batch, self.points, -1)
        return bands.unflatten(2, (self.width, -1)).permute(0, 2, 3, 1) + self.bias


def correlation_points(size: int, taps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Matrices B, G and C such that C ((B x) * (G w)) is the valid correlation of `size` values x with w.

    By the DFT of `size` points: a real coefficient takes one product, a complex one three (Gauss), so that
    all points are real. The circle brings the first values back only where no valid position looks.

    Shape: (point, size), (point, taps), (size - taps + 1, point), float64.

    >>> values, kernel = torch.arange(7.0).double() ** 2, torch.tensor([2.0, -1, 3]).double()
    >>> to_points, kernel_to_points, from_points = correlation_points(7, 3)
    >>> (from_points @ ((to_points @ values) * (kernel_to_points @ kernel))).round().tolist()
    [11.0, 25.0, 47.0, 77.0, 115.0]
    """
    angle = 2 * math.pi / size * torch.arange(size, dtype=torch.float64)
    to_points, kernel_to_points, from_points = [], [], []
    for frequency in range(size // 2 + 1):
        cos, sin = torch.cos(frequency * angle), torch.sin(frequency * angle)
        if 2 * frequency in (0, size):
            to_points += [cos]
            kernel_to_points += [cos]
            from_points += [cos / size]
        else:
            to_points += [cos - sin, cos, -sin]
            kernel_to_points += [cos, sin - cos, cos + sin]
            from_points += [2 * (cos - sin) / size, -2 * sin / size, -2 * cos / size]
    return (
        torch.stack(to_points),
        torch.stack(kernel_to_points)[:, :taps],
        torch.stack(from_points, 1)[: size - taps + 1],
    )
