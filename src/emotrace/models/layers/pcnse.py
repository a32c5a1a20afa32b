"""Parallel 2-D convolutions with squeeze-and-excitation (PCNSE): Zhao et al. (2021), section 3.3, Table 4.

Table 4 leaves open how 500 x 40 becomes 243 x 13; three layouts do, with the same parameters:

=============  ===========================================================================================
branch-pool    each same-padded branch has its own 2x2 pool; Conv_4 valid; Conv_5 and Conv_6 same
mid-pool       same-padded branches; Conv_4 and Conv_5 valid; 2x2 pool; Conv_6 valid
inception      each same-padded branch has a 3x3/1 pool; Conv_4, Conv_5 and Conv_6 valid; 2x2 pool
=============  ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.models.layers.fft_convolution import FftConv2d
from emotrace.models.layers.masking import real
from emotrace.models.layers.squeeze_excitation import SqueezeExcitation

BRANCH_KERNELS = (1, 3, 5)
Positions = TypeVar("Positions", int, Tensor)


@dataclass(frozen=True)
class Pool:
    """A max-pool of `size` x `size`, without padding."""

    size: int
    stride: int

    def out(self, positions: Positions) -> Positions:
        """Positions that come out, along either axis."""
        return (positions - self.size) // self.stride + 1


@dataclass(frozen=True)
class Layout:
    """Where a layout pools, and which of Conv_4 (8x8), Conv_5 (3x3) and Conv_6 (3x3) are same-padded."""

    branch_pool: Pool | None
    trunk_same: tuple[bool, bool, bool]
    trunk_pools: tuple[Pool | None, Pool | None, Pool | None]


LAYOUTS = {
    "branch-pool": Layout(Pool(2, 2), (False, True, True), (None, None, None)),
    "mid-pool": Layout(None, (False, False, False), (None, Pool(2, 2), None)),
    "inception": Layout(Pool(3, 1), (False, False, False), (None, None, Pool(2, 2))),
}


class FrameBatchNorm(nn.Module):
    """Batch normalisation whose training statistics are over real frames only.

    Shape: (batch, channel, frame, band) in and out; lengths: (batch,) in frames.

    >>> FrameBatchNorm(4)(torch.randn(2, 4, 9, 5), torch.tensor([9, 4])).shape
    torch.Size([2, 4, 9, 5])
    """

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=eps, momentum=momentum)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Normalised maps; while training, zero beyond the true lengths."""
        if not self.training:
            return self.norm(x)
        batch, channels, frames, bands = x.shape
        chosen = real(lengths, frames).flatten().nonzero().squeeze(1)
        if len(chosen) == batch * frames:
            return self.norm(x)
        # Packing the real frames lets the library's own kernel do the statistics and their gradient.
        rows = x.permute(0, 2, 3, 1).reshape(batch * frames, bands, channels)
        packed = TakeRows.apply(rows, chosen)[:, None].permute(0, 3, 1, 2)  # type: ignore[no-untyped-call]
        normed = self.norm(packed).permute(0, 2, 3, 1)[:, 0]
        spread = PutRows.apply(normed, chosen, batch * frames)  # type: ignore[no-untyped-call]
        return spread.view(batch, frames, bands, channels).permute(0, 3, 1, 2)


class TakeRows(torch.autograd.Function):
    """Some rows, each at most once; the library's own gradient adds where a copy is enough, and is slow."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, chosen: Tensor) -> Tensor:
        ctx.save_for_backward(chosen)
        ctx.total = len(rows)
        return rows.index_select(0, chosen)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (chosen,) = ctx.saved_tensors
        return spread_rows(gradient, chosen, ctx.total), None


class PutRows(torch.autograd.Function):
    """The inverse of `TakeRows`: rows put back in their places, zero elsewhere."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, chosen: Tensor, total: int) -> Tensor:
        ctx.save_for_backward(chosen)
        return spread_rows(rows, chosen, total)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (chosen,) = ctx.saved_tensors
        return gradient.index_select(0, chosen), None, None


def spread_rows(rows: Tensor, chosen: Tensor, total: int) -> Tensor:
    """`total` rows, those at `chosen` as given and the others zero."""
    return rows.new_zeros(total, *rows.shape[1:]).index_copy_(0, chosen, rows)


class ConvBlock(nn.Module):
    """Convolution → batch normalisation → ReLU → squeeze-and-excitation → max-pool.

    Same-padded: frames stay as they are, and an even kernel sees one position more behind than before; valid:
    `kernel` - 1 fewer. A kernel of two numbers has so many frames and bands, and is same-padded. The input
    must be zero beyond each true length where the convolution is same-padded; the output is zero beyond its
    own.

    Shape: (batch, channel, frame, band), (batch,) → the same kind of pair.
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
        self.tilt = 1 - frames % 2 if same else 0
        self.after = (0, 1 - bands % 2, 0, 1 - frames % 2) if same else (0, 0, 0, 0)
        self.pool = pool
        before = ((frames - 1) // 2, (bands - 1) // 2)
        self.conv = convolution(channels, width, (frames, bands), padding=before if same else 0)
        self.norm = FrameBatchNorm(width, momentum, eps) if batch_norm else None
        self.squeeze = SqueezeExcitation(width, reduction) if reduction else None

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Feature maps, and their true lengths."""
        x = F.pad(x, self.after) if any(self.after) else x
        x, lengths = self.conv(x), lengths - self.shrink
        if self.norm is not None:
            x = self.norm(x, lengths)
        x = x.relu()
        gate = None if self.squeeze is None else self.squeeze(x, lengths)[:, None, None]
        if self.pool is not None:
            # A gate is positive, so the maximum may be taken before the scale, on fewer values.
            x, lengths = F.max_pool2d(x, self.pool.size, self.pool.stride), self.pool.out(lengths)
        within = real(lengths, x.shape[2])[:, :, None, None]
        keep = within if gate is None else gate * within
        return (x.permute(0, 2, 3, 1) * keep.to(x.dtype)).permute(0, 3, 1, 2), lengths

    def positions_out(self, positions: int) -> int:
        """Frames that come of so many frames; bands that come of so many bands."""
        positions -= self.shrink
        return positions if self.pool is None else self.pool.out(positions)

    def reach(self) -> tuple[int, int]:
        """How many later positions one output position sees, and how many lie between two of them.

        A same-padded convolution sees as many earlier ones as later ones, which moves no centre, or with an
        even kernel one later one more.
        """
        if self.pool is None:
            return self.shrink + self.tilt, 1
        return self.shrink + self.tilt + self.pool.size - 1, self.pool.stride


def positions_through(blocks: Iterable[Any], positions: int) -> int:
    """Positions that come out of blocks one after the other."""
    for block in blocks:
        positions = block.positions_out(positions)
    return positions


def centre_of_first(blocks: Iterable[Any]) -> float:
    """Centre of output position 0 of blocks one after the other, in input positions."""
    reach, stride = 0, 1
    for block in blocks:
        more, apart = block.reach()
        reach, stride = reach + more * stride, stride * apart
    return reach / 2


class ParallelConv(nn.Module):
    """Three branches with kernels 1, 3 and 5 and a trunk of three convolutions (Fig. 2a; Table 4).

    Without `reduction` it is the paper's PCN, with it PCNSE.

    Shape: (batch, 3, frame, band), (batch,) true lengths → (batch, step, feature), (batch,).

    >>> pcnse = ParallelConv(layout="branch-pool", bands=40, width=64, reduction=8)
    >>> local, steps = pcnse(torch.randn(1, 3, 500, 40), torch.tensor([500]))
    >>> local.shape, steps.tolist()
    (torch.Size([1, 243, 832]), [243])
    """

    def __init__(
        self,
        layout: str,
        bands: int,
        width: int,
        reduction: int | None,
        channels: int = 3,
        batch_norm: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ):
        super().__init__()
        places = LAYOUTS[layout]

        def block(
            inputs: int,
            outputs: int,
            kernel: int,
            same: bool,
            pool: Pool | None,
            convolution: type[nn.Conv2d] = nn.Conv2d,
        ) -> ConvBlock:
            return ConvBlock(
                inputs,
                outputs,
                kernel,
                same=same,
                pool=pool,
                reduction=reduction,
                batch_norm=batch_norm,
                momentum=momentum,
                eps=eps,
                convolution=convolution,
            )

        self.branches = nn.ModuleList(
            block(channels, width, kernel, True, places.branch_pool) for kernel in BRANCH_KERNELS
        )
        sizes = ((3 * width, width, 8), (width, 2 * width, 3), (2 * width, width, 3))
        convolutions = (FftConv2d, nn.Conv2d, nn.Conv2d)  # Conv_4 has eight products of ten
        self.trunk = nn.ModuleList(
            block(*size, same, pool, kind)
            for size, same, pool, kind in zip(
                sizes, places.trunk_same, places.trunk_pools, convolutions, strict=True
            )
        )
        self.features_out = self.positions_out(bands) * width

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Local features, step by step, and their true lengths."""
        branches = [branch(x, lengths) for branch in self.branches]
        x, lengths = torch.cat([maps for maps, _ in branches], dim=1), branches[0][1]
        for block in self.trunk:
            x, lengths = block(x, lengths)
        # The paper's Reshape keeps time: "batch channel step band -> batch step (band channel)".
        return x.permute(0, 2, 3, 1).flatten(2), lengths

    def positions_out(self, positions: int) -> int:
        """Steps that come of so many frames; bands that come of so many bands.

        >>> [ParallelConv(name, 40, 8, None).positions_out(500) for name in LAYOUTS]
        [243, 243, 243]
        """
        return positions_through((self.branches[0], *self.trunk), positions)

    def centre_of_first_step(self) -> float:
        """Centre of step 0, in frames; step i lies 2i frames later, since each layout pools by 2 once.

        Valid convolutions and pools see later frames only, so step 0 spans frames 0 … reach.

        >>> [ParallelConv(name, 40, 8, None).centre_of_first_step() for name in LAYOUTS]
        [7.5, 7.0, 7.0]
        """
        return centre_of_first((self.branches[0], *self.trunk))
