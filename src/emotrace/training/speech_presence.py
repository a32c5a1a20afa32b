"""What tells functionals whether anybody speaks."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

from emotrace.models.emotion_model import EmotionModel
from emotrace.recipe import Recipe
from emotrace.training.augmentation.acoustic import AcousticAugmenter, augmented_copy
from emotrace.training.data.examples import Example
from emotrace.training.data.non_speech import non_speech_examples
from emotrace.training.functionals import regression, statistics_of, weight_feature_sets
from emotrace.training.seeds import seed_of

EACH = 2  # sounds for each window of speech, times `recipe.non_speech_per_utterance`
SNR_DB = (-5.0, 10.0)  # of speech in noise, which must be told from noise alone
SHORTEST = 20  # frames of a part
MOST_WINDOWS = 2_000  # of speech, some 500 MB of statistics and 1 GB of sounds


def fit_speech_presence(
    network: EmotionModel, examples: Sequence[Example], recipe: Recipe, seed: int
) -> None:
    """Set the last row of the classifier of `network.functionals` by clips of training speakers.

    It is a logistic regression between them and sounds without speech. It hears each clip as it is, and parts
    of other takes of it in a room, through a channel, and in noise that may be the louder of the two; and
    sounds of the kinds that CTC learns from too. What statistics are at large, `fit` must have found before.
    Of a corpus with more than `MOST_WINDOWS` windows it hears every second clip, or every third … A recipe
    without `non_speech` leaves the row as it is, which says nothing.
    """
    if not recipe.non_speech_per_utterance:
        return
    classifier = network.functionals
    assert classifier is not None
    generator = torch.Generator().manual_seed(seed_of(seed, "no speech"))
    augmenter = AcousticAugmenter(copy.deepcopy(network.spectrum).cpu(), recipe, generator)
    examples = examples[:: math.ceil(sum(len(example.windows) for example in examples) / MOST_WINDOWS)]
    count = round(EACH * recipe.non_speech_per_utterance * sum(len(example.windows) for example in examples))

    def inputs() -> Iterator[Sequence[Example]]:  # one after the other: spectra are large
        yield examples
        for condition in (
            augmenter.in_room,
            augmenter.through_channel,
            partial(augmenter.in_noise, snr_db=SNR_DB),
        ):
            yield [
                random_excerpt(augmented_copy(example, augmenter, condition), augmenter.uniform)
                for example in examples
            ]
        yield non_speech_examples(count, augmenter.spectrum, recipe.max_frames, generator, spectra=True)

    found = torch.cat([statistics_of(network, examples_of_kind) for examples_of_kind in inputs()])
    without = (torch.arange(len(found)) >= len(found) - count).long()
    standardised = (found - classifier.mean.cpu()) * classifier.scale.cpu()
    feature_sets = standardised.split(list(classifier.feature_set_sizes), 1)
    fits = [
        regression(feature_set.double(), without, 2, recipe.functionals_l2) for feature_set in feature_sets
    ]
    weights, biases = zip(*fits, strict=True)
    classifier.weight[-1] = torch.cat([own[1] - own[0] for own in weight_feature_sets(weights)])
    classifier.bias[-1] = sum(own[1] - own[0] for own in weight_feature_sets(biases))


def random_excerpt(example: Example, uniform: Callable[[], float]) -> Example:
    """A part of each window, of any length from anywhere: else what is short would be no speech.

    `uniform` draws a number between 0 and 1.
    """
    excerpts = []
    for power in example.spectra:
        length = min(len(power), max(SHORTEST, int(uniform() * len(power))))
        start = int(uniform() * (len(power) - length + 1))
        excerpts.append(power[start : start + length])
    return replace(example, spectra=tuple(excerpts))
