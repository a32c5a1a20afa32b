"""The HTK mel scale and its triangular filters."""

from __future__ import annotations

import torch
from torch import Tensor

from emotrace.features.dft import DFT_SAMPLES, SAMPLE_RATE_HZ


def hz_to_mel(hz: Tensor) -> Tensor:
    """Frequency in Hz on the HTK mel scale.

    >>> round(hz_to_mel(torch.tensor(1000.0)).item())
    1000
    """
    return 2595 * torch.log10(1 + hz / 700)


def mel_to_hz(mel: Tensor) -> Tensor:
    """Frequency in Hz of a value on the HTK mel scale; the inverse of `hz_to_mel`."""
    return 700 * (10 ** (mel / 2595) - 1)


def mel_filters(bands: int) -> Tensor:
    """Triangles of height 1, equally spaced in mel from 0 Hz to half the sampling rate.

    Shape: (band, bin), float64.

    >>> mel_filters(40).shape
    torch.Size([40, 257])
    """
    top = hz_to_mel(torch.tensor(SAMPLE_RATE_HZ / 2, dtype=torch.float64))
    corners = mel_to_hz(torch.linspace(0, 1, bands + 2, dtype=torch.float64) * top)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    hz = torch.arange(DFT_SAMPLES // 2 + 1, dtype=torch.float64) * SAMPLE_RATE_HZ / DFT_SAMPLES
    return torch.minimum((hz - left) / (centre - left), (right - hz) / (right - centre)).clamp(min=0)
