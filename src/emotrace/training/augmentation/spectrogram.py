"""Changes to a static log-Mel spectrogram that leave its emotion as it is, masks, and mixtures."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from emotrace.features.spectrogram import FLOOR, NEPERS_PER_DB
from emotrace.recipe import Augmentation
from emotrace.training.data.examples import Batch

NOISE_TILT_DB = 10  # at either end of the frequency axis: hum to hiss
LOWEST_BANDS, HIGHEST_BANDS = 0.15, 0.35  # at most, of the mel axis: a telephone's 300 and 3000 Hz
FLANK = 1 / 40  # of the mel axis: where a channel passes from nothing lost to all


def augment(static: Tensor, settings: Augmentation, generator: torch.Generator, longest: int) -> Tensor:
    """A new take of the same utterance: another tempo, vocal tract, level, channel and room noise.

    Working on the spectrogram costs a thousandth of the same on the waveform.

    Shape: (frame, band) → (frame, band), with another number of frames where the tempo changes; at most
    `longest`, and at least 16.
    """

    def share() -> float:
        return torch.rand((), generator=generator).item()

    def draw(reach: float) -> float:
        return (2 * share() - 1) * reach

    if settings.stretch:
        frames = round(len(static) * (1 + draw(settings.stretch)))
        static = resampled(static, torch.linspace(0, len(static) - 1, max(16, min(frames, longest))))
    if settings.warp:
        bands = static.shape[1]
        static = resampled(static.T, torch.arange(bands) * (1 + draw(settings.warp))).T
    if settings.gain_db:
        static = static + draw(settings.gain_db) * NEPERS_PER_DB
    if settings.tilt_db:
        static = static + draw(settings.tilt_db) * NEPERS_PER_DB * torch.linspace(-1, 1, static.shape[1])
    if settings.noise_db and share() < settings.noisy:
        quiet = static.quantile(0.1, dim=0)
        floor = quiet.mean() + share() * settings.noise_db * NEPERS_PER_DB
        slope = draw(NOISE_TILT_DB) * NEPERS_PER_DB * torch.linspace(-1, 1, static.shape[1])
        # A band of stationary noise fluctuates from frame to frame about as a chi-squared variable does.
        wobble = torch.randn(static.shape, generator=generator) * 0.5
        static = torch.logaddexp(static, floor + slope + wobble)
    if settings.narrow and share() < settings.narrow:
        low, high = share() * LOWEST_BANDS, 1 - share() * HIGHEST_BANDS
        static = band_limit(static, low, high, 20 + 80 * share())
    return static.contiguous()


def band_limit(static: Tensor, low: float, high: float, loss_db: float, places: Tensor | None = None) -> Tensor:
    """As a channel passes it that loses so much below and above two places of the mel axis, 0 to 1.

    Args:
        static: log-powers (frame, band)
        places: where on that axis each column lies, if they are not bands of equal width

    >>> band_limit(torch.zeros(1, 8), 0.25, 0.75, 10).abs().gt(0).int().tolist()
    [[1, 1, 0, 0, 0, 0, 1, 1]]
    """
    if places is None:
        places = (torch.arange(static.shape[1]) + 0.5) / static.shape[1]
    outside = ((low - places).clamp(min=0) + (places - high).clamp(min=0)) / FLANK
    return (static - outside.clamp(max=1) * loss_db * NEPERS_PER_DB).clamp(min=math.log(FLOOR))


def resampled(x: Tensor, places: Tensor) -> Tensor:
    """Values between rows by linear interpolation; beyond the ends, the end rows.

    >>> resampled(torch.tensor([[0.0], [2.0]]), torch.tensor([0.0, 0.5, 9.0])).flatten().tolist()
    [0.0, 1.0, 2.0]
    """
    places = places.clamp(0, len(x) - 1)
    low = places.floor().long()
    high = (low + 1).clamp(max=len(x) - 1)
    part = (places - low)[:, None]
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


def _outside(places: Tensor, width: Tensor, total: Tensor) -> Tensor:
    start = torch.rand(len(width), device=width.device) * (total - width)
    inside = (places >= start[:, None]) & (places < (start + width)[:, None])
    return (~inside).float()


def mixup(batch: Batch, concentration: float) -> tuple[Batch, Batch, float]:
    """Each window mixed with another of its batch (Zhang et al. 2018), up to where the shorter one ends.

    The share of the window itself is drawn from a beta distribution, by torch's global generator.

    Returns:
        The mixture with the labels of the windows, the same with those of what was mixed in, and the share;
        the batch itself and 1 where `concentration` is 0 or nothing else is there.
    """
    if not concentration or len(batch.labels) < 2:
        return batch, batch, 1.0
    share = float(torch.distributions.Beta(concentration, concentration).sample())
    other = torch.randperm(len(batch.labels), device=batch.labels.device)
    x = share * batch.x + (1 - share) * batch.x[other]
    lengths = torch.minimum(batch.lengths, batch.lengths[other])
    x = x[:, : int(lengths.max())]
    parts = tuple(batch.parts[place] for place in other.tolist())
    return batch._replace(x=x, lengths=lengths), Batch(x, lengths, batch.labels[other], parts), share
