"""Parallel 2-D convolutions with squeeze-and-excitation (PCNSE): Zhao et al. (2021), section 3.3, Table 4.

Table 4 does not show how 500 x 40 becomes 243 x 13. Three layouts give these sizes with the same parameters:

=============  ===========================================================================================
branch-pool    each same-padded branch has its own 2x2 pool; Conv_4 valid; Conv_5 and Conv_6 same
mid-pool       same-padded branches; Conv_4 and Conv_5 valid; 2x2 pool; Conv_6 valid
inception      each same-padded branch has a 3x3/1 pool; Conv_4, Conv_5 and Conv_6 valid; 2x2 pool
=============  ===========================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from emotrace.models.layers.conv_block import ConvBlock, Pool, first_centre, positions_out
from emotrace.models.layers.fft_convolution import FftConv2d

BRANCH_KERNELS = (1, 3, 5)


@dataclass(frozen=True)
class Layout:
    """Positions of the pools, and which of Conv_4 (8x8), Conv_5 (3x3) and Conv_6 (3x3) are same-padded."""

    branch_pool: Pool | None
    trunk_same: tuple[bool, bool, bool]
    trunk_pools: tuple[Pool | None, Pool | None, Pool | None]


LAYOUTS = {
    "branch-pool": Layout(Pool(2, 2), (False, True, True), (None, None, None)),
    "mid-pool": Layout(None, (False, False, False), (None, Pool(2, 2), None)),
    "inception": Layout(Pool(3, 1), (False, False, False), (None, None, Pool(2, 2))),
}


class ParallelConv(nn.Module):
    """Three branches with kernels 1, 3 and 5, and a trunk of three convolutions (Fig. 2a; Table 4).

    Without `reduction` it is the paper's PCN, with it PCNSE.

    Args:
        layout: a key of `LAYOUTS`
        bands: bands of the input
        width: channels of each branch
        reduction: reduction ratio of squeeze-and-excitation; None: without it

    Shape: (batch, 3, frame, band), (batch,) true lengths → (batch, step, feature), (batch,).

    >>> pcnse = ParallelConv(layout="branch-pool", bands=40, width=64, reduction=8)
    >>> local, steps = pcnse(torch.randn(1, 3, 500, 40), torch.tensor([500]))
    >>> local.shape, steps.tolist()
    (torch.Size([1, 243, 832]), [243])
    """

    frames_per_step = 2

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
        chosen = LAYOUTS[layout]
        block = partial(ConvBlock, reduction=reduction, batch_norm=batch_norm, momentum=momentum, eps=eps)
        self.branches = nn.ModuleList(
            block(channels, width, kernel, same=True, pool=chosen.branch_pool) for kernel in BRANCH_KERNELS
        )
        sizes = ((3 * width, width, 8), (width, 2 * width, 3), (2 * width, width, 3))
        convolutions = (FftConv2d, nn.Conv2d, nn.Conv2d)  # Conv_4 has eight tenths of the multiplications
        self.trunk = nn.ModuleList(
            block(*size, same=same, pool=pool, convolution=convolution)
            for size, same, pool, convolution in zip(
                sizes, chosen.trunk_same, chosen.trunk_pools, convolutions, strict=True
            )
        )
        self.features_out = self.positions_out(bands) * width

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Local features of each step, and their true lengths."""
        branches = [branch(x, lengths) for branch in self.branches]
        x, lengths = torch.cat([maps for maps, _ in branches], dim=1), branches[0][1]
        for block in self.trunk:
            x, lengths = block(x, lengths)
        # The paper's Reshape keeps time: "batch channel step band -> batch step (band channel)".
        return x.permute(0, 2, 3, 1).flatten(2), lengths

    def positions_out(self, positions: int) -> int:
        """Number of steps for a number of frames; number of output bands for a number of bands.

        >>> [ParallelConv(name, 40, 8, None).positions_out(500) for name in LAYOUTS]
        [243, 243, 243]
        """
        return positions_out((self.branches[0], *self.trunk), positions)

    def centre_of_first_step(self) -> float:
        """Centre of step 0 in frames; step i lies 2i frames later, since each layout pools by 2 once.

        Valid convolutions and pools see later frames only, so step 0 starts at frame 0.

        >>> [ParallelConv(name, 40, 8, None).centre_of_first_step() for name in LAYOUTS]
        [7.5, 7.0, 7.0]
        """
        return first_centre((self.branches[0], *self.trunk))
