"""Acoustic data augmentation of power spectra: tempo, vocal tract, reverberation, band limits, noise."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.features.level import POWER_FLOOR
from emotrace.features.log_power import LogPower
from emotrace.features.mel import hz_to_mel
from emotrace.recipe import Augmentation, Recipe
from emotrace.training.augmentation.spectrogram import augment, band_limit, resampled
from emotrace.training.data.examples import Example

REVERBERATION_S = (0.1, 1.0)  # time in which the reverberation falls by 60 dB
REVERBERATION_POWER = (0.5, 2.5)  # relative to the direct sound
LOW_CUTOFF = (0.1, 0.2)  # on a mel axis from 0 to 1: 200 to 460 Hz, as in telephones
MAX_HIGH_LOSS = 0.4  # of the mel axis, at its upper end: from 2.5 kHz
BAND_LOSS_DB = (20.0, 80.0)
SNR_DB = (5.0, 30.0)  # over the whole utterance, from 60 Hz to 4 kHz
MAX_NOISE_SLOPE = 1.5  # in steps of 3 dB an octave
MIN_SLOPE_HZ = 30.0  # below, the spectrum of noise is flat
SWELL_DB = 20.0
SWELL_FRAMES = 25
MAX_WINDOWS = 40_000  # of all copies: some 2 GB of statistics


def augmented_copies(
    spectrum: LogPower, examples: Sequence[Example], recipe: Recipe, generator: torch.Generator
) -> Iterator[Sequence[Example]]:
    """The examples as they are, then `recipe.augmented_copies` copies with augmented power spectra.

    Copies are generated one by one, because spectra are large. With `acoustic_augmentation`, the copies have
    no further change, reverberation, a band limit and noise in turn. Only one of them applies to a copy: with
    several at once, clean speech was recognised less well.

    If all copies had more than `MAX_WINDOWS` windows, each copy holds every second example, or every third,
    and so on, in turn.
    """
    augmenter = AcousticAugmenter(copy.deepcopy(spectrum).cpu(), recipe, generator)
    conditions = augmenter.conditions if recipe.acoustic_augmentation else augmenter.conditions[:1]
    windows = sum(len(example.windows) for example in examples)
    stride = max(1, math.ceil(recipe.augmented_copies * windows / max(1, MAX_WINDOWS - windows)))
    yield examples
    for number in range(recipe.augmented_copies):
        turn, index = divmod(number, len(conditions))
        chosen = examples[(number + turn) % stride :: stride]
        yield [augmented_copy(example, augmenter, conditions[index]) for example in chosen]


def augmented_copy(
    example: Example, augmenter: AcousticAugmenter, condition: Callable[[Tensor], Tensor]
) -> Example:
    """The example by another speaker, and under a condition such as `augmenter.in_room`."""
    spectra = tuple(condition(augmenter.perturb_speaker(power)) for power in example.spectra)
    return replace(example, spectra=spectra)


def augmented_views(
    spectrum: LogPower, examples: Sequence[Example], recipe: Recipe, generator: torch.Generator
) -> list[Example]:
    """The examples with about `recipe.augmented_copies` views, from which networks learn.

    There are as many views of each condition, at least one: unchanged, with reverberation, with a band limit,
    with noise. Tempo and vocal tract are perturbed later, whenever a stage draws a view. A large corpus has
    fewer views.
    """
    augmenter = AcousticAugmenter(copy.deepcopy(spectrum).cpu(), recipe, generator)
    conditions = augmenter.conditions
    windows = sum(len(example.windows) for example in examples)
    views = min(recipe.augmented_copies, MAX_WINDOWS // max(1, windows))
    rounds = max(1, views // len(conditions))

    def with_views(example: Example) -> Example:
        found = [example.windows]
        for number in range(1, rounds * len(conditions)):
            condition = conditions[number % len(conditions)]
            if condition is unchanged:
                found.append(example.windows)
            else:
                found.append(tuple(map(bands, map(condition, example.spectra))))
        return replace(example, views=tuple(found))

    def bands(power: Tensor) -> Tensor:
        return augmenter.spectrum.band_log_power(power[None])[0].T.contiguous()

    return [with_views(example) for example in examples]


@dataclass(frozen=True)
class AcousticAugmenter:
    """Changes power spectra (frame, bin) at random; all random numbers are drawn from `generator`."""

    spectrum: LogPower
    recipe: Recipe
    generator: torch.Generator

    @property
    def conditions(self) -> tuple[Callable[[Tensor], Tensor], ...]:
        """The acoustic conditions: unchanged, reverberation, band limit, noise."""
        return unchanged, self.in_room, self.through_channel, self.in_noise

    def perturb_speaker(self, power: Tensor) -> Tensor:
        """Another tempo, and another pitch and vocal tract length."""
        settings = self.recipe.augmentation
        perturbation = Augmentation(tempo_perturbation=settings.tempo_perturbation, vtlp=settings.vtlp)
        log_power = power.clamp(min=POWER_FLOOR).log()
        return augment(log_power, perturbation, self.generator, self.recipe.max_frames).exp()

    def in_room(self, power: Tensor) -> Tensor:
        """With reverberation."""
        shortest, longest = REVERBERATION_S
        decay_s = shortest * (longest / shortest) ** self.uniform()
        return reverberate(power, decay_s, self.uniform_between(*REVERBERATION_POWER))

    def through_channel(self, power: Tensor) -> Tensor:
        """Without high frequencies, and in half of the cases without low ones."""
        low = self.uniform_between(*LOW_CUTOFF) if self.uniform() < 0.5 else 0.0
        high = 1 - MAX_HIGH_LOSS * self.uniform()
        loss_db = self.uniform_between(*BAND_LOSS_DB)
        log_power = power.clamp(min=POWER_FLOOR).log()
        return band_limit(log_power, low, high, loss_db, mel_positions(self.spectrum.hz)).exp()

    def in_noise(self, power: Tensor, snr_db: tuple[float, float] = SNR_DB) -> Tensor:
        """With steady or swelling noise, whose power falls by 0 to 4.5 dB an octave."""
        frames = len(power)
        samples = self.spectrum.frame_samples + (frames - 1) * FRAME_HOP_SAMPLES
        noise = self.spectrum.power(torch.randn(1, samples, generator=self.generator))[0]
        noise = noise * self.spectrum.hz.clamp(min=MIN_SLOPE_HZ) ** (-MAX_NOISE_SLOPE * self.uniform())
        if self.uniform() < 0.5:
            points = torch.rand(max(2, frames // SWELL_FRAMES) + 1, 1, generator=self.generator)
            swell = resampled(points, torch.linspace(0, len(points) - 1, frames))
            noise = noise * 10 ** (-SWELL_DB / 10 * swell)
        return mix_at_snr(power, noise, self.spectrum.autocorrelation[:, 0], self.uniform_between(*snr_db))

    def uniform_between(self, low: float, high: float) -> float:
        """A random number between two limits."""
        return low + (high - low) * self.uniform()

    def uniform(self) -> float:
        """A random number between 0 and 1."""
        return torch.rand((), generator=self.generator).item()


def unchanged(power: Tensor) -> Tensor:
    """The power spectrum as it is."""
    return power


def mel_positions(hz: Tensor) -> Tensor:
    """Positions of frequencies on a mel axis that is 1 at half the sampling rate.

    >>> [round(position, 2) for position in mel_positions(torch.tensor([0.0, 1000.0, 8000.0])).tolist()]
    [0.0, 0.35, 1.0]
    """
    return hz_to_mel(hz) / hz_to_mel(torch.tensor(SAMPLE_RATE_HZ / 2))


def reverberate(power: Tensor, decay_s: float, loudness: float) -> Tensor:
    """Add reverberation that falls by 60 dB in `decay_s`; in all it has `loudness` times the direct power.

    Shape: (frame, bin) in and out.

    >>> one = torch.zeros(4, 1).index_fill(0, torch.tensor([0]), 1.0)
    >>> reverberate(one, 0.3, 1.0).squeeze(1).mul(100).round().tolist()
    [100.0, 37.0, 23.0, 15.0]
    """
    frames = torch.arange(1, round(decay_s * 100) + 2)
    tail = 10.0 ** (-6 * frames / (decay_s * 100))
    tail *= loudness / tail.sum()
    echo = F.conv1d(F.pad(power.T[:, None], (len(tail), 0)), tail.flip(0)[None, None])[:, 0, : len(power)]
    return power + echo.T


def mix_at_snr(power: Tensor, noise: Tensor, bin_weights: Tensor, snr_db: float) -> Tensor:
    """Add noise at a signal-to-noise ratio, in which each bin has the weight in `bin_weights`.

    Shape: (frame, bin), (frame, bin), (bin,) → (frame, bin).

    >>> mix_at_snr(torch.full((1, 2), 10.0), torch.ones(1, 2), torch.ones(2), snr_db=20).tolist()
    [[10.100000381469727, 10.100000381469727]]
    """
    ratio = (power @ bin_weights).mean() / (noise @ bin_weights).mean().clamp(min=POWER_FLOOR)
    return power + noise * ratio / 10 ** (snr_db / 10)
