"""Normalisation of spectrograms by the statistics of each channel and band."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotrace.models.layers.masking import length_mask


class Normalisation(nn.Module):
    """Mean 0 and standard deviation 1 per channel and band; zero beyond the true lengths.

    With `scope` "utterance" the statistics are those of each utterance. With any other scope they are the
    buffers `mean` and `scale`, which training sets from the real frames of the training speakers.

    Shape: (batch, channel, frame, band) in and out; lengths: (batch,).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int, bands: int, scope: str):
        super().__init__()
        self.scope = scope
        self.register_buffer("mean", torch.zeros(channels, 1, bands))
        self.register_buffer("scale", torch.ones(channels, 1, bands))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Normalised spectrogram."""
        mask = length_mask(lengths, x.shape[2])[:, None, :, None].to(x.dtype)
        if self.scope == "utterance":
            count = lengths[:, None, None, None]
            centred = x - (x * mask).sum(2, keepdim=True) / count
            variance = (centred.square() * mask).sum(2, keepdim=True) / count
            return centred * (variance + 1e-5).rsqrt() * mask
        return (x - self.mean) * self.scale * mask
