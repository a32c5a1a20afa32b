"""A convolution with batch normalisation, squeeze-and-excitation and pooling, and its length arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.models.layers.frame_batch_norm import FrameBatchNorm
from emotrace.models.layers.masking import length_mask
from emotrace.models.layers.squeeze_excitation import SqueezeExcitation

Positions = TypeVar("Positions", int, Tensor)


@dataclass(frozen=True)
class Pool:
    """A max-pool of `size` x `size` without padding."""

    size: int
    stride: int

    def positions_out(self, positions: Positions) -> Positions:
        """Number of output positions along either axis."""
        return (positions - self.size) // self.stride + 1


class ConvBlock(nn.Module):
    """Convolution → batch normalisation → ReLU → squeeze-and-excitation → max-pool.

    The input of a same-padded convolution must be zero beyond each true length. The output is zero beyond its
    true lengths.

    Args:
        channels: input channels
        width: output channels
        kernel: frames and bands of the kernel, one number if they are equal
        same: whether the convolution is same-padded; then the number of frames does not change, and an even
            kernel covers one later position more than earlier ones. Otherwise it is valid, with kernel - 1
            frames fewer
        pool: max-pool after the block; None: no pool
        reduction: reduction ratio of squeeze-and-excitation; None: without it
        convolution: class of the convolution

    Shape: (batch, channel, frame, band), (batch,) true lengths → maps and true lengths after the block.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: int | tuple[int, int],
        *,
        same: bool,
        pool: Pool | None,
        reduction: int | None,
        batch_norm: bool,
        momentum: float,
        eps: float,
        convolution: type[nn.Conv2d] = nn.Conv2d,
    ):
        super().__init__()
        frames, bands = (kernel, kernel) if isinstance(kernel, int) else kernel
        self.shrink = 0 if same else frames - 1
        self.extra_later = 1 - frames % 2 if same else 0
        self.extra_padding = (0, 1 - bands % 2, 0, 1 - frames % 2) if same else (0, 0, 0, 0)
        self.pool = pool
        padding = ((frames - 1) // 2, (bands - 1) // 2) if same else 0
        self.conv = convolution(channels, width, (frames, bands), padding=padding)
        self.norm = FrameBatchNorm(width, momentum, eps) if batch_norm else None
        self.squeeze = SqueezeExcitation(width, reduction) if reduction else None

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Feature maps, and their true lengths."""
        x = F.pad(x, self.extra_padding) if any(self.extra_padding) else x
        x, lengths = self.conv(x), lengths - self.shrink
        if self.norm is not None:
            x = self.norm(x, lengths)
        x = x.relu()
        gate = None if self.squeeze is None else self.squeeze(x, lengths)[:, None, None]
        if self.pool is not None:
            # The gate is positive, so the maximum can be taken before scaling, on fewer values.
            x, lengths = F.max_pool2d(x, self.pool.size, self.pool.stride), self.pool.positions_out(lengths)
        mask = length_mask(lengths, x.shape[2])[:, :, None, None]
        scale = mask if gate is None else gate * mask
        return (x.permute(0, 2, 3, 1) * scale.to(x.dtype)).permute(0, 3, 1, 2), lengths

    def positions_out(self, positions: int) -> int:
        """Number of output frames for a number of input frames; the same for bands."""
        positions -= self.shrink
        return positions if self.pool is None else self.pool.positions_out(positions)

    def span_and_stride(self) -> tuple[int, int]:
        """How much further one output position sees into later than into earlier input positions, and stride.

        A same-padded convolution sees as far in both directions, with an even kernel one position further
        into the later ones.
        """
        span = self.shrink + self.extra_later
        return (span, 1) if self.pool is None else (span + self.pool.size - 1, self.pool.stride)


def positions_out(blocks: Iterable[Any], positions: int) -> int:
    """Number of output positions of blocks in sequence."""
    for block in blocks:
        positions = block.positions_out(positions)
    return positions


def first_centre(blocks: Iterable[Any]) -> float:
    """Centre of output position 0 of blocks in sequence, in input positions."""
    total_span, total_stride = 0, 1
    for block in blocks:
        span, stride = block.span_and_stride()
        total_span, total_stride = total_span + span * total_stride, total_stride * stride
    return total_span / 2
