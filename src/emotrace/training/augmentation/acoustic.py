"""Other takes of utterances to learn from: at other paces, by other voices, elsewhere."""

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

DECAY_S = (0.1, 1.0)  # of a room, until its echo is 60 dB softer
ECHO = (0.5, 2.5)  # power of a room's echo, times that of the sound itself
LOW = (0.1, 0.2)  # of the mel axis, what lies below: 200 to 460 Hz, as telephones lose it
HIGHEST = 0.4  # of it, what a channel loses at most above: from 2.5 kHz on
LOSS_DB = (20.0, 80.0)
SNR_DB = (5.0, 30.0)  # of the whole utterance, from 60 Hz to 4 kHz
STEEPEST = 1.5  # noise falls by at most so many times 3 dB an octave
HUM_HZ = 30.0  # and no further below
SWELL_DB = 20.0
SWELL_FRAMES = 25
MOST_WINDOWS = 40_000  # of all takes, some 2 GB of statistics


def augmented_copies(
    spectrum: LogPower, examples: Sequence[Example], recipe: Recipe, generator: torch.Generator
) -> Iterator[Sequence[Example]]:
    """The clips as they are, then `recipe.augmented_copies` other takes of them.

    One after the other: spectra are large. With `surroundings` one is where it was, the next in rooms, the
    next through channels, the next in noise, and so on: from clean takes alone a classifier of functionals
    learns what noise, an echo of a third of a second or a telephone takes away. Where takes had several of
    them at once, clean speech was known much less (results/README.md).

    Of a corpus so large that all would have more than `MOST_WINDOWS` windows, each other take is of every
    second clip, or every third …, in turn.
    """
    augmenter = AcousticAugmenter(copy.deepcopy(spectrum).cpu(), recipe, generator)
    conditions = augmenter.conditions if recipe.acoustic_augmentation else augmenter.conditions[:1]
    windows = sum(len(example.windows) for example in examples)
    every = max(1, math.ceil(recipe.augmented_copies * windows / max(1, MOST_WINDOWS - windows)))
    yield examples
    for number in range(recipe.augmented_copies):
        turn, index = divmod(number, len(conditions))
        condition = conditions[index]
        yield [
            augmented_copy(example, augmenter, condition)
            for example in examples[(number + turn) % every :: every]
        ]


def augmented_copy(
    example: Example, augmenter: AcousticAugmenter, condition: Callable[[Tensor], Tensor]
) -> Example:
    """Another take of a clip at some place."""
    return replace(
        example, spectra=tuple(condition(augmenter.perturb_speaker(power)) for power in example.spectra)
    )


def augmented_views(
    spectrum: LogPower, examples: Sequence[Example], recipe: Recipe, generator: torch.Generator
) -> list[Example]:
    """The clips with some `recipe.augmented_copies` views, for networks to learn from.

    Each place has as many of them, and at least one: the first is as it was, the next in a room, the next
    through a channel, the next in noise, and so on. Of tempo and vocal tract stages make more each time they
    draw one. Of a large corpus there are fewer views.
    """
    augmenter = AcousticAugmenter(copy.deepcopy(spectrum).cpu(), recipe, generator)
    windows = sum(len(example.windows) for example in examples)
    rounds = max(
        1, min(recipe.augmented_copies, MOST_WINDOWS // max(1, windows)) // len(augmenter.conditions)
    )

    def viewed(example: Example) -> Example:
        found = [example.windows]
        for number in range(1, rounds * len(augmenter.conditions)):
            condition = augmenter.conditions[number % len(augmenter.conditions)]
            found.append(
                example.windows
                if condition is unchanged
                else tuple(map(bands, map(condition, example.spectra)))
            )
        return replace(example, views=tuple(found))

    def bands(power: Tensor) -> Tensor:
        return augmenter.spectrum.band_log_power(power[None])[0].T.contiguous()

    return [viewed(example) for example in examples]


@dataclass(frozen=True)
class AcousticAugmenter:
    """Draws other takes of power spectra (frame, bin), all that is drawn by one generator."""

    spectrum: LogPower
    recipe: Recipe
    generator: torch.Generator

    @property
    def conditions(self) -> tuple[Callable[[Tensor], Tensor], ...]:
        """Where a take may be: where it was, in a room, through a channel, in noise."""
        return unchanged, self.in_room, self.through_channel, self.in_noise

    def perturb_speaker(self, power: Tensor) -> Tensor:
        """Of another tempo, and of another pitch and vocal tract."""
        conditions = Augmentation(
            tempo_perturbation=self.recipe.augmentation.tempo_perturbation, vtlp=self.recipe.augmentation.vtlp
        )
        log = power.clamp(min=POWER_FLOOR).log()
        return augment(log, conditions, self.generator, self.recipe.max_frames).exp()

    def in_room(self, power: Tensor) -> Tensor:
        """With an echo."""
        shortest, longest = DECAY_S
        return reverberate(
            power, shortest * (longest / shortest) ** self.uniform(), self.uniform_between(*ECHO)
        )

    def through_channel(self, power: Tensor) -> Tensor:
        """Without high frequencies, and half of the time without low ones."""
        low = self.uniform_between(*LOW) if self.uniform() < 0.5 else 0.0
        high = 1 - HIGHEST * self.uniform()
        conditions = mel_positions(self.spectrum.hz)
        return band_limit(
            power.clamp(min=POWER_FLOOR).log(), low, high, self.uniform_between(*LOSS_DB), conditions
        ).exp()

    def in_noise(self, power: Tensor, snr_db: tuple[float, float] = SNR_DB) -> Tensor:
        """With noise, steady or swelling, whose power falls by 0 to 4.5 dB an octave."""
        frames = len(power)
        samples = self.spectrum.frame_samples + (frames - 1) * FRAME_HOP_SAMPLES
        noise = self.spectrum.power(torch.randn(1, samples, generator=self.generator))[0]
        noise = noise * self.spectrum.hz.clamp(min=HUM_HZ) ** (-STEEPEST * self.uniform())
        if self.uniform() < 0.5:
            points = torch.rand(max(2, frames // SWELL_FRAMES) + 1, 1, generator=self.generator)
            swell = resampled(points, torch.linspace(0, len(points) - 1, frames))
            noise = noise * 10 ** (-SWELL_DB / 10 * swell)
        return mix_at_snr(power, noise, self.spectrum.autocorrelation[:, 0], self.uniform_between(*snr_db))

    def uniform_between(self, least: float, most: float) -> float:
        """A number drawn from a range."""
        return least + (most - least) * self.uniform()

    def uniform(self) -> float:
        """A number between 0 and 1."""
        return torch.rand((), generator=self.generator).item()


def unchanged(power: Tensor) -> Tensor:
    """No other place."""
    return power


def mel_positions(hz: Tensor) -> Tensor:
    """Where frequencies lie on a mel axis that is 1 at half the sampling rate.

    >>> [round(index, 2) for index in mel_positions(torch.tensor([0.0, 1000.0, 8000.0])).tolist()]
    [0.0, 0.35, 1.0]
    """
    return hz_to_mel(hz) / hz_to_mel(torch.tensor(SAMPLE_RATE_HZ / 2))


def reverberate(power: Tensor, decay_s: float, loudness: float) -> Tensor:
    """As a room gives it back: the power of each bin, and after it so many times as much, falling by 60 dB.

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


def mix_at_snr(power: Tensor, noise: Tensor, loudness: Tensor, snr_db: float) -> Tensor:
    """Power and that of noise, which is so much softer in all; `loudness` says how much each bin counts.

    Shape: (frame, bin), (frame, bin), (bin,) → (frame, bin).

    >>> mix_at_snr(torch.full((1, 2), 10.0), torch.ones(1, 2), torch.ones(2), snr_db=20).tolist()
    [[10.100000381469727, 10.100000381469727]]
    """
    ratio = (power @ loudness).mean() / (noise @ loudness).mean().clamp(min=POWER_FLOOR)
    return power + noise * ratio / 10 ** (snr_db / 10)
