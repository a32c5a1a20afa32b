"""Changes to a static log-Mel spectrogram that leave its emotion as it is, and masks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from emotrace.features.level import NEPERS_PER_DB, POWER_FLOOR
from emotrace.recipe import Augmentation

FLANK = 1 / 40  # of the mel axis: where a channel passes from nothing lost to all


def augment(static: Tensor, settings: Augmentation, generator: torch.Generator, longest: int) -> Tensor:
    """An augmented copy of an utterance: another tempo, vocal tract and level.

    Working on the spectrogram costs a thousandth of the same on the waveform.

    Shape: (frame, band) → (frame, band), with another number of frames where the tempo changes; at most
    `longest`, and at least 16.
    """

    def uniform() -> float:
        return torch.rand((), generator=generator).item()

    def draw(reach: float) -> float:
        return (2 * uniform() - 1) * reach

    if settings.tempo_perturbation:
        frames = round(len(static) * (1 + draw(settings.tempo_perturbation)))
        static = resampled(static, torch.linspace(0, len(static) - 1, max(16, min(frames, longest))))
    if settings.vtlp:
        bands = static.shape[1]
        static = resampled(static.T, torch.arange(bands) * (1 + draw(settings.vtlp))).T
    if settings.gain_db:
        static = static + draw(settings.gain_db) * NEPERS_PER_DB
    return static.contiguous()


def band_limit(
    static: Tensor, low: float, high: float, loss_db: float, positions: Tensor | None = None
) -> Tensor:
    """As a channel passes it that loses so much below and above two places of the mel axis, 0 to 1.

    Args:
        static: log-powers (frame, band)
        places: where on that axis each column lies, if they are not bands of equal width

    >>> band_limit(torch.zeros(1, 8), 0.25, 0.75, 10).abs().gt(0).int().tolist()
    [[1, 1, 0, 0, 0, 0, 1, 1]]
    """
    if positions is None:
        positions = (torch.arange(static.shape[1]) + 0.5) / static.shape[1]
    outside = ((low - positions).clamp(min=0) + (positions - high).clamp(min=0)) / FLANK
    return (static - outside.clamp(max=1) * loss_db * NEPERS_PER_DB).clamp(min=math.log(POWER_FLOOR))


def resampled(x: Tensor, positions: Tensor) -> Tensor:
    """Values between rows by linear interpolation; beyond the ends, the end rows.

    >>> resampled(torch.tensor([[0.0], [2.0]]), torch.tensor([0.0, 0.5, 9.0])).flatten().tolist()
    [0.0, 1.0, 2.0]
    """
    positions = positions.clamp(0, len(x) - 1)
    low = positions.floor().long()
    high = (low + 1).clamp(max=len(x) - 1)
    part = (positions - low)[:, None]
    return x[low] * (1 - part) + x[high] * part


def masks(lengths: Tensor, frames: int, bands: int, settings: Augmentation) -> Tensor | None:
    """Stretches of time and of frequency to blank out (SpecAugment; Park et al. 2019), 0 where blanked.

    Drawn from torch's global generator. A mask in time covers at most a fifth of an utterance.

    Shape: (batch,) lengths → (batch, 1, frame, band), or None where the settings ask for no mask.
    """
    if not settings.time_masks and not settings.band_masks:
        return None
    batch = len(lengths)
    keep = torch.ones(batch, frames, bands, device=lengths.device)
    longest = torch.minimum(lengths // 5, torch.tensor(settings.time_mask_frames)).float()
    for _ in range(settings.time_masks):
        width = torch.rand(batch, device=lengths.device) * longest
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
