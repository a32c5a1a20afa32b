"""Squeeze-and-excitation: Zhao et al. (2021), eqs. 3-6; Hu et al. (2018)."""

from __future__ import annotations

from torch import Tensor, nn

from emotrace.model.lengths import real


class SqueezeExcitation(nn.Module):
    """Weigh each channel by what the whole utterance shows in all of them.

    Squeeze (eq. 4): z is the mean of a channel over an utterance's real frames and all bands.
    Excitation (eq. 5): s = sigmoid(W2 relu(W1 z)), W1 (C/r, C), W2 (C, C/r), no bias.
    Scale (eq. 6): each channel times its s. Frames beyond the true length come out as zero.

    Shape: (batch, channel, frame, band) in and out; lengths: (batch,) in frames.

    >>> import torch
    >>> SqueezeExcitation(64, reduction=8)(torch.randn(2, 64, 9, 5), torch.tensor([9, 4])).shape
    torch.Size([2, 64, 9, 5])
    """

    def __init__(self, channels: int, reduction: int):
        super().__init__()
        self.squeeze = nn.Linear(channels, max(1, channels // reduction), bias=False)
        self.excite = nn.Linear(max(1, channels // reduction), channels, bias=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Recalibrated channels."""
        within = real(lengths, x.shape[2])[:, None]
        z = (x.mean(3).float() * within).sum(2) / lengths[:, None]
        s = self.excite(self.squeeze(z).relu()).sigmoid()
        return x * (s[:, :, None] * within)[..., None].to(x.dtype)


class ZeroBeyond(nn.Module):
    """In place of squeeze-and-excitation in PCN: only zero the frames beyond the true length."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """The same, zero beyond."""
        return x * real(lengths, x.shape[2]).to(x.dtype)[:, None, :, None]
