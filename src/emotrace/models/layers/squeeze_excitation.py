"""Squeeze-and-excitation: Zhao et al. (2021), eqs. 3-6; Hu et al. (2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotrace.models.layers.masking import length_mask


class SqueezeExcitation(nn.Module):
    """A weight for each channel, computed from the means of all channels over the utterance.

    Squeeze (eq. 4): z is the mean of a channel over an utterance's real frames and all bands.
    Excitation (eq. 5): s = sigmoid(W2 relu(W1 z)), W1 (C/r, C), W2 (C, C/r), no bias.
    Scale (eq. 6): the caller multiplies each channel by its s.

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
        # A product with the mask keeps the gradient in the memory layout of the maps, channels last.
        mask = length_mask(lengths, frames)[:, None].to(x.dtype)
        total = (mask @ x.permute(0, 2, 3, 1).flatten(2)).view(batch, bands, channels)
        total = total.to(torch.promote_types(x.dtype, torch.float32)).sum(1)
        z = total / (bands * lengths[:, None])
        return self.excite(self.squeeze(z).relu()).sigmoid()
