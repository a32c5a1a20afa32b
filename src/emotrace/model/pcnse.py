"""Parallel 2-D convolutions with squeeze-and-excitation (PCNSE): Zhao et al. (2021), section 3.3, Table 4.

Table 4 leaves open how 500 x 40 becomes 243 x 13; three layouts do, with the same parameters:

=============  ===========================================================================================
branch-pool    each same-padded branch has its own 2x2 pool; Conv_4 valid; Conv_5 and Conv_6 same
mid-pool       same-padded branches; Conv_4 and Conv_5 valid; 2x2 pool; Conv_6 valid
inception      each same-padded branch has a 3x3/1 pool; Conv_4, Conv_5 and Conv_6 valid; 2x2 pool
=============  ===========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from emotrace.model.lengths import real
from emotrace.model.squeeze import SqueezeExcitation, ZeroBeyond

BRANCH_KERNELS = (1, 3, 5)


@dataclass(frozen=True)
class Pool:
    """A max-pool of `size` x `size`, without padding."""

    size: int
    stride: int

    def out(self, positions: int | Tensor) -> int | Tensor:
        """Positions that come out, along either axis."""
        return (positions - self.size) // self.stride + 1


@dataclass(frozen=True)
class Layout:
    """Where a layout pools, and which of Conv_4 (8x8), Conv_5 (3x3) and Conv_6 (3x3) are same-padded."""

    after_branch: Pool | None
    same: tuple[bool, bool, bool]
    pool_after: int | None  # index of the trunk convolution that a 2x2 pool follows


LAYOUTS = {
    "branch-pool": Layout(Pool(2, 2), (False, True, True), None),
    "mid-pool": Layout(None, (False, False, False), 1),
    "inception": Layout(Pool(3, 1), (False, False, False), 2),
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
        packed = rows.index_select(0, chosen)[:, None].permute(0, 3, 1, 2)
        normed = self.norm(packed).permute(0, 2, 3, 1)[:, 0]
        spread = normed.new_zeros(rows.shape).index_copy(0, chosen, normed)
        return spread.view(batch, frames, bands, channels).permute(0, 3, 1, 2)


class ConvBlock(nn.Module):
    """Convolution → batch normalisation → ReLU → squeeze-and-excitation.

    Same-padded: frames stay as they are; valid: `kernel` - 1 fewer. The input must be zero beyond each true
    length where the convolution is same-padded; the output is.

    Shape: (batch, channel, frame, band), (batch,) → the same kind of pair.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: int,
        *,
        same: bool,
        reduction: int | None,
        batch_norm: bool,
        momentum: float,
        eps: float,
    ):
        super().__init__()
        self.shrink = 0 if same else kernel - 1
        self.conv = nn.Conv2d(channels, width, kernel, padding=kernel // 2 if same else 0)
        self.norm = FrameBatchNorm(width, momentum, eps) if batch_norm else None
        self.recalibrate = SqueezeExcitation(width, reduction) if reduction else ZeroBeyond()

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Feature maps, zero beyond their true lengths, and these lengths."""
        x, lengths = self.conv(x), lengths - self.shrink
        if self.norm is not None:
            x = self.norm(x, lengths)
        return self.recalibrate(x.relu(), lengths), lengths


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
        self.layout = LAYOUTS[layout]

        def block(inputs: int, outputs: int, kernel: int, same: bool) -> ConvBlock:
            return ConvBlock(
                inputs,
                outputs,
                kernel,
                same=same,
                reduction=reduction,
                batch_norm=batch_norm,
                momentum=momentum,
                eps=eps,
            )

        same4, same5, same6 = self.layout.same
        self.branches = nn.ModuleList(block(channels, width, kernel, True) for kernel in BRANCH_KERNELS)
        self.trunk = nn.ModuleList(
            [
                block(3 * width, width, 8, same4),
                block(width, 2 * width, 3, same5),
                block(2 * width, width, 3, same6),
            ]
        )
        self.features_out = int(self.positions_out(bands)) * width

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Local features, step by step, and their true lengths."""
        maps, frames = [], lengths
        for branch in self.branches:
            y, frames = branch(x, lengths)
            maps.append(pooled(y, self.layout.after_branch))
        x, lengths = torch.cat(maps, dim=1), self._after(frames, self.layout.after_branch)
        for index, block in enumerate(self.trunk):
            x, lengths = block(x, lengths)
            if index == self.layout.pool_after:
                x, lengths = pooled(x, Pool(2, 2)), self._after(lengths, Pool(2, 2))
        # The paper's Reshape keeps time: "batch channel step band -> batch step (band channel)".
        return x.permute(0, 2, 3, 1).flatten(2), lengths

    @staticmethod
    def _after(lengths: Tensor, pool: Pool | None) -> Tensor:
        return lengths if pool is None else pool.out(lengths)  # type: ignore[return-value]

    def positions_out(self, positions: int) -> int:
        """Steps that come of so many frames; bands that come of so many bands.

        >>> [ParallelConv(name, 40, 8, None).positions_out(500) for name in LAYOUTS]
        [243, 243, 243]
        """
        if self.layout.after_branch:
            positions = self.layout.after_branch.out(positions)  # type: ignore[assignment]
        for index, block in enumerate(self.trunk):
            positions -= block.shrink  # type: ignore[operator]
            if index == self.layout.pool_after:
                positions //= 2
        return positions

    def centre_of_first_step(self) -> float:
        """Centre of step 0, in frames; step i lies 2i frames later, since each layout pools by 2 once.

        Valid convolutions and pools reach to later frames only, so step 0 spans frames 0 … reach.

        >>> [ParallelConv(name, 40, 8, None).centre_of_first_step() for name in LAYOUTS]
        [7.5, 7.0, 7.0]
        """
        reach, stride = 0, 1
        if self.layout.after_branch:
            reach += self.layout.after_branch.size - 1
            stride *= self.layout.after_branch.stride
        for index, block in enumerate(self.trunk):
            reach += block.shrink * stride  # type: ignore[operator]
            if index == self.layout.pool_after:
                reach += stride
                stride *= 2
        return reach / 2


def pooled(x: Tensor, pool: Pool | None) -> Tensor:
    """Max-pooled feature maps, or the same where there is no pool."""
    return x if pool is None else nn.functional.max_pool2d(x, pool.size, pool.stride)
