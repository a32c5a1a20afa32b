"""Squeeze-and-excitation: Zhao et al. (2021), eqs. 3-6; Hu et al. (2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotrace.models.layers.masking import real


class SqueezeExcitation(nn.Module):
    """How much each channel counts, from what the whole utterance shows in all of them.

    Squeeze (eq. 4): z is the mean of a channel over an utterance's real frames and all bands.
    Excitation (eq. 5): s = sigmoid(W2 relu(W1 z)), W1 (C/r, C), W2 (C, C/r), no bias.
    The scale (eq. 6), each channel times its s, is the caller's.

    Shape: (batch, channel, frame, band), (batch,) lengths in frames → (batch, channel).

    >>> SqueezeExcitation(64, reduction=8)(torch.randn(2, 64, 9, 5), torch.tensor([9, 4])).shape
    torch.Size([2, 64])
    """

    def __init__(self, channels: int, reduction: int):
        super().__init__()
        self.squeeze = nn.Linear(channels, max(1, channels // reduction), bias=False)
        self.excite = nn.Linear(max(1, channels // reduction), channels, bias=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The weight s of each channel, between 0 and 1."""
        batch, channels, frames, bands = x.shape
        # A product with the mask: its gradient, too, lies as the maps do, channels last.
        weight = real(lengths, frames)[:, None].to(x.dtype)
        total = (weight @ x.permute(0, 2, 3, 1).flatten(2)).view(batch, bands, channels)
        total = total.to(torch.promote_types(x.dtype, torch.float32)).sum(1)
        z = total / (bands * lengths[:, None])
        return self.excite(self.squeeze(z).relu()).sigmoid()
