"""Squeeze-and-excitation: Zhao et al. (2021), eqs. 3-6; Hu et al. (2018)."""

from __future__ import annotations

from torch import Tensor, nn

from emotrace.model.lengths import masked_mean


class SqueezeExcitation(nn.Module):
    """How much each channel counts, from what the whole utterance shows in all of them.

    Squeeze (eq. 4): z is the mean of a channel over an utterance's real frames and all bands.
    Excitation (eq. 5): s = sigmoid(W2 relu(W1 z)), W1 (C/r, C), W2 (C, C/r), no bias.
    The scale (eq. 6), each channel times its s, is the caller's.

    Shape: (batch, channel, frame, band), (batch,) lengths in frames → (batch, channel).

    >>> import torch
    >>> SqueezeExcitation(64, reduction=8)(torch.randn(2, 64, 9, 5), torch.tensor([9, 4])).shape
    torch.Size([2, 64])
    """

    def __init__(self, channels: int, reduction: int):
        super().__init__()
        self.squeeze = nn.Linear(channels, max(1, channels // reduction), bias=False)
        self.excite = nn.Linear(max(1, channels // reduction), channels, bias=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The weight s of each channel, between 0 and 1."""
        z = masked_mean(x.mean(3).transpose(1, 2).float(), lengths)
        return self.excite(self.squeeze(z).relu()).sigmoid()
