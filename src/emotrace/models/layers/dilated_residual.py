"""Dilated residual network: Zhao et al. (2021), section 3.4, eq. 7, Fig. 2d; connected as in keras-tcn."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.models.layers.masking import length_mask

KERNEL = 2


class DilatedConv(nn.Module):
    """1-D convolution over steps `dilation` apart: F(s) = sum over i of f(i) x(s - dilation i) (eq. 7).

    A causal convolution covers the step itself and the past. Otherwise the receptive field is shared between
    past and future, and the input is first set to zero beyond each true length.

    Shape: (batch, channel, step) in and out; lengths: (batch,).
    """

    def __init__(self, width: int, dilation: int, causal: bool):
        super().__init__()
        self.causal = causal
        reach = (KERNEL - 1) * dilation
        self.padding = (reach, 0) if causal else (reach // 2, reach - reach // 2)
        self.conv = nn.Conv1d(width, width, KERNEL, dilation=dilation)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Convolved sequence with the same number of steps."""
        if not self.causal:
            x = x * length_mask(lengths, x.shape[2]).to(x.dtype)[:, None]
        return self.conv(F.pad(x, self.padding))


class ResidualBlock(nn.Module):
    """Two dilated convolutions, each with ReLU and spatial dropout.

    Their output is added to the skip sum. Added to a 1x1 convolution of the block's input, it is also the
    input of the next block.

    Shape: (batch, channel, step) → (next, skip), both of the same shape.
    """

    def __init__(self, width: int, dilation: int, dropout: float, causal: bool):
        super().__init__()
        self.convs = nn.ModuleList(DilatedConv(width, dilation, causal) for _ in range(2))
        self.dropout = nn.Dropout1d(dropout)  # drops a channel at all steps, as Keras's SpatialDropout1D
        self.match = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The input of the next block, and the contribution of this block to the skip sum."""
        y = x
        for conv in self.convs:
            y = self.dropout(conv(y, lengths).relu())
        return y + self.match(x), y


class DilatedResidual(nn.Module):
    """Stacks of residual blocks with growing dilation; the output is the sum of all skips.

    Shape: (batch, step, feature) → (batch, step, width); lengths: (batch,).

    >>> import torch
    >>> drn = DilatedResidual(832, width=128, stacks=2, dilations=(1, 2, 4, 8, 16, 32, 64, 128))
    >>> drn.receptive_field, drn(torch.randn(1, 243, 832), torch.tensor([243])).shape
    (1021, torch.Size([1, 243, 128]))
    """

    def __init__(
        self,
        features: int,
        width: int,
        stacks: int,
        dilations: Sequence[int],
        dropout: float = 0.05,
        causal: bool = True,
    ):
        super().__init__()
        self.features_out = width
        self.receptive_field = 1 + 2 * stacks * (KERNEL - 1) * sum(dilations)
        self.enter = nn.Conv1d(features, width, 1)
        self.blocks = nn.ModuleList(
            ResidualBlock(width, dilation, dropout, causal) for _ in range(stacks) for dilation in dilations
        )

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Context features, one vector per step."""
        x = self.enter(x.transpose(1, 2))
        skips = []
        for block in self.blocks:
            x, skip = block(x, lengths)
            skips.append(skip)
        return sum(skips[1:], skips[0]).transpose(1, 2)
