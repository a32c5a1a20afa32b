"""Training of the functionals' detector of speech: speech against synthetic sounds without speech."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch

from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel
from emotrace.models.encoder_features import EncoderFeatures
from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.recipe import Recipe
from emotrace.training.augmentation.acoustic import AcousticAugmenter, augmented_copy
from emotrace.training.data.encoder_examples import POOL_SOUNDS, non_speech_features
from emotrace.training.data.examples import Example
from emotrace.training.data.non_speech import non_speech_examples
from emotrace.training.functionals import compute_statistics, functionals_of, weight_feature_sets
from emotrace.training.logistic_regression import fit_logistic_regression
from emotrace.training.pooled import fit_pooled_speech_presence
from emotrace.training.seeds import seed_of

SOUNDS_PER_WINDOW = 2  # times `recipe.non_speech_per_utterance`
SNR_DB = (-5.0, 10.0)  # of speech in noise, which must be distinguished from noise alone
MIN_FRAMES = 20  # of an excerpt
MAX_WINDOWS = 2_000  # of speech: some 500 MB of statistics and 1 GB of sounds


def fit_speech_presence(
    network: EmotionModel, examples: Sequence[Example], recipe: Recipe, seed: int
) -> None:
    """Set the last row of the classifier of `network.functionals`: the log-odds that there is no speech.

    It is a logistic regression between training examples and synthetic sounds without speech. Speech is given
    as it is, and as random excerpts with reverberation, with a band limit, and with noise that may be louder
    than the speech. Statistics are standardised as `fit_functionals`, which must run before, has set. Of a
    corpus with more than `MAX_WINDOWS` windows, every second example is used, or every third, and so on. With
    `non_speech_per_utterance` 0 the row stays zero.
    """
    if not recipe.non_speech_per_utterance:
        return
    if isinstance(network.spectrum, EncoderFeatures):
        assert isinstance(network.functionals, PooledClassifier)
        count = round(SOUNDS_PER_WINDOW * recipe.non_speech_per_utterance * len(examples))
        count = min(count, POOL_SOUNDS)
        frames = find_system("encoder-sadrn-ctc").max_frames(recipe)
        noises = non_speech_features(count, network.spectrum, recipe, frames, "speech presence")
        fit_pooled_speech_presence(
            network.functionals, examples, noises, recipe.functionals_l2, seed_of(seed, "excerpts")
        )
        return
    classifier = functionals_of(network)
    generator = torch.Generator().manual_seed(seed_of(seed, "no speech"))
    augmenter = AcousticAugmenter(copy.deepcopy(network.spectrum).cpu(), recipe, generator)
    examples = examples[:: math.ceil(count_windows(examples) / MAX_WINDOWS)]
    sounds = round(SOUNDS_PER_WINDOW * recipe.non_speech_per_utterance * count_windows(examples))

    def inputs() -> Iterator[Sequence[Example]]:  # generated one by one, to limit memory
        yield examples
        noisy = partial(augmenter.in_noise, snr_db=SNR_DB)
        for condition in (augmenter.in_room, augmenter.through_channel, noisy):
            copies = (augmented_copy(example, augmenter, condition) for example in examples)
            yield [random_excerpt(example, augmenter.uniform) for example in copies]
        yield non_speech_examples(sounds, augmenter.spectrum, recipe.max_frames, generator, spectra=True)

    statistics = torch.cat([compute_statistics(network, group) for group in inputs()])
    labels = (torch.arange(len(statistics)) >= len(statistics) - sounds).long()  # 1: no speech
    standardised = (statistics - classifier.mean.cpu()) * classifier.scale.cpu()
    fits = [
        fit_logistic_regression(feature_set, labels, 2, recipe.functionals_l2)
        for feature_set in standardised.split(list(classifier.feature_set_sizes), 1)
    ]
    weights, biases = zip(*fits, strict=True)
    classifier.weight[-1] = torch.cat([rows[1] - rows[0] for rows in weight_feature_sets(weights)])
    classifier.bias[-1] = sum(values[1] - values[0] for values in weight_feature_sets(biases))


def count_windows(examples: Sequence[Example]) -> int:
    """Number of windows of all examples."""
    return sum(len(example.windows) for example in examples)


def random_excerpt(example: Example, uniform: Callable[[], float]) -> Example:
    """The example with each power spectrum cut to a random length at a random position.

    Without short speech among the training data, short recordings would count as no speech.

    Args:
        uniform: draws a number between 0 and 1
    """
    excerpts = []
    for power in example.spectra:
        length = min(len(power), max(MIN_FRAMES, int(uniform() * len(power))))
        start = int(uniform() * (len(power) - length + 1))
        excerpts.append(power[start : start + length])
    return replace(example, spectra=tuple(excerpts))
