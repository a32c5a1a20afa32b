"""Augmentation of log-Mel spectrograms that preserves the emotion, and masks for SpecAugment."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from emotrace.features.level import NEPERS_PER_DB, POWER_FLOOR
from emotrace.recipe import Augmentation

FLANK = 1 / 40  # of the mel axis, between no loss and the full loss of a channel
MIN_FRAMES = 16  # of an utterance after a change of tempo


def augment(static: Tensor, settings: Augmentation, generator: torch.Generator, max_frames: int) -> Tensor:
    """An augmented copy of an utterance: another tempo, vocal tract length and level.

    Augmenting the spectrogram costs a thousandth of augmenting the waveform.

    Shape: (frame, band) → (frame, band); the number of frames changes with the tempo, and is at most
    `max_frames` and at least 16.
    """

    def uniform() -> float:
        return torch.rand((), generator=generator).item()

    def within(limit: float) -> float:
        return (2 * uniform() - 1) * limit

    if settings.tempo_perturbation:
        frames = round(len(static) * (1 + within(settings.tempo_perturbation)))
        static = resampled(
            static, torch.linspace(0, len(static) - 1, max(MIN_FRAMES, min(frames, max_frames)))
        )
    if settings.vtlp:
        bands = static.shape[1]
        static = resampled(static.T, torch.arange(bands) * (1 + within(settings.vtlp))).T
    if settings.gain_db:
        static = static + within(settings.gain_db) * NEPERS_PER_DB
    return static.contiguous()


def band_limit(
    static: Tensor, low: float, high: float, loss_db: float, positions: Tensor | None = None
) -> Tensor:
    """Attenuate by `loss_db` below `low` and above `high`, positions on a mel axis from 0 to 1.

    Args:
        static: log-powers (frame, band)
        positions: position of each column on the mel axis; None: bands of equal width

    >>> band_limit(torch.zeros(1, 8), 0.25, 0.75, 10).abs().gt(0).int().tolist()
    [[1, 1, 0, 0, 0, 0, 1, 1]]
    """
    if positions is None:
        positions = (torch.arange(static.shape[1]) + 0.5) / static.shape[1]
    outside = ((low - positions).clamp(min=0) + (positions - high).clamp(min=0)) / FLANK
    return (static - outside.clamp(max=1) * loss_db * NEPERS_PER_DB).clamp(min=math.log(POWER_FLOOR))


def resampled(x: Tensor, positions: Tensor) -> Tensor:
    """Rows at fractional positions by linear interpolation; beyond the ends, the end rows.

    >>> resampled(torch.tensor([[0.0], [2.0]]), torch.tensor([0.0, 0.5, 9.0])).flatten().tolist()
    [0.0, 1.0, 2.0]
    """
    positions = positions.clamp(0, len(x) - 1)
    low = positions.floor().long()
    high = (low + 1).clamp(max=len(x) - 1)
    fraction = (positions - low)[:, None]
    return x[low] * (1 - fraction) + x[high] * fraction


def masks(lengths: Tensor, frames: int, bands: int, settings: Augmentation) -> Tensor | None:
    """Masks over time and frequency (SpecAugment; Park et al. 2019), 0 where masked and 1 elsewhere.

    They are drawn from PyTorch's global generator. A time mask covers at most a fifth of an utterance.

    Shape: (batch,) lengths → (batch, 1, frame, band), or None where the settings have no masks.
    """
    if not settings.time_masks and not settings.band_masks:
        return None
    batch = len(lengths)
    keep = torch.ones(batch, frames, bands, device=lengths.device)
    max_width = torch.minimum(lengths // 5, torch.tensor(settings.time_mask_frames)).float()
    for _ in range(settings.time_masks):
        width = torch.rand(batch, device=lengths.device) * max_width
        keep *= _outside(torch.arange(frames, device=lengths.device), width, lengths)[:, :, None]
    for _ in range(settings.band_masks):
        width = torch.rand(batch, device=lengths.device) * settings.band_mask_bands
        total = torch.full_like(lengths, bands)
        keep *= _outside(torch.arange(bands, device=lengths.device), width, total)[:, None, :]
    return keep[:, None]


def _outside(positions: Tensor, width: Tensor, total: Tensor) -> Tensor:
    start = torch.rand(len(width), device=width.device) * (total - width)
    inside = (positions >= start[:, None]) & (positions < (start + width)[:, None])
    return (~inside).float()
