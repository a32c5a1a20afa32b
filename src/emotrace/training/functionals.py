"""Logistic regression on the functionals of clips, and what it says of others."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from emotrace.models.emotion_model import EmotionModel
from emotrace.models.functionals.classifier import FEATURE_SET_WEIGHTS, UTTERANCE_WEIGHT
from emotrace.models.functionals.random_kernels import MIN_DEVIATION
from emotrace.models.functionals.statistics import trim_silence
from emotrace.recipe import Augmentation, Recipe
from emotrace.training.augmentation.acoustic import augmented_copies
from emotrace.training.data.examples import Example, window_batches
from emotrace.training.scoring import MAX_TEMPERATURE, Floats, fit_temperature, model_log_scores
from emotrace.training.seeds import seed_of
from emotrace.training.two_stage import FromStatic

T = TypeVar("T")
STEPS = 100
MIXED = 20_000  # frames that a mixture is fitted to
MIXTURE_STEPS = 30
LEAST_VARIANCE = 1e-3  # of a component, where the variance of all is 1


def fit_functionals(network: EmotionModel, examples: Sequence[Example], recipe: Recipe, seed: int) -> None:
    """Set the classifier of `network.functionals` by clips of training speakers.

    It hears each of them as it is, and other takes of it.
    """
    fit_mixture(network, examples, seed_of(seed, "mixture"))
    generator = torch.Generator().manual_seed(seed_of(seed, "functionals"))
    fit(network, augmented_copies(network.spectrum, examples, recipe, generator), recipe.functionals_l2)


def fit_mixture(network: EmotionModel, examples: Sequence[Example], seed: int) -> None:
    """Set the mixture of each picture of `network.functionals` by frames of training speakers.

    Of `MIXED` frames drawn by chance, every value in its own deviations, so that all count the same.
    """
    classifier = network.functionals
    assert classifier is not None

    def described(representations: Tensor, frames: Tensor) -> Iterator[tuple[Tensor, ...]]:
        speech_mask = trim_silence(representations[0, :, 0], frames)
        mixed, _ = classifier.coefficients(representations, speech_mask)
        for place, own in enumerate(speech_mask):
            yield tuple(mixed[:, place, own])

    found = zip(*in_order(network, examples, described), strict=True)
    for picture, frames in enumerate(found):
        weights, means, deviations = mixture_of(
            torch.cat(frames).double().cpu().numpy(), classifier.fisher.weights.shape[1], seed
        )
        classifier.fisher.weights[picture] = torch.from_numpy(weights)
        classifier.fisher.means[picture] = torch.from_numpy(means)
        classifier.fisher.deviations[picture] = torch.from_numpy(deviations)


def mixture_of(frames: Floats, components: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Weights, means and deviations of a mixture of diagonal Gaussians, fitted to frames (frame, value)."""
    drawn = np.random.default_rng(seed).permutation(len(frames))[:MIXED]
    frames = frames[np.resize(drawn, max(len(drawn), components))]  # again, where there are very few
    unit = frames.std(0) + MIN_DEVIATION
    mixture = GaussianMixture(
        components,
        covariance_type="diag",
        reg_covar=LEAST_VARIANCE,
        max_iter=MIXTURE_STEPS,
        random_state=seed % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(frames / unit)
    return mixture.weights_, mixture.means_ * unit, mixture.covariances_**0.5 * unit


def fit(network: EmotionModel, copies: Iterable[Sequence[Example]], l2: float) -> None:
    """Set the classifier of `network.functionals`: each window is an example, emotions weigh the same.

    Each kind of statistics is fitted apart, so that none leans on the errors of another.
    """
    classifier = network.functionals
    assert classifier is not None
    found, truth = examples(network, copies)
    fits = regressions(found, truth, classifier.feature_set_sizes, len(classifier.bias) - 1, l2)
    means, scales, weights, biases = zip(*fits, strict=True)
    classifier.mean.copy_(torch.cat(means))
    classifier.scale.copy_(torch.cat(scales))
    classifier.weight[:-1] = torch.cat(weight_feature_sets(weights), 1)
    classifier.bias[:-1] = sum(weight_feature_sets(biases))


def weight_feature_sets(feature_sets: Iterable[Tensor]) -> list[Tensor]:
    """What each kind of statistics says, as much as it counts."""
    return [
        count / sum(FEATURE_SET_WEIGHTS) * own
        for count, own in zip(FEATURE_SET_WEIGHTS, feature_sets, strict=True)
    ]


def regressions(
    found: Tensor, truth: Tensor, feature_sets: Sequence[int], emotions: int, l2: float
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """For each kind of statistics its means, its scales, and weights and bias of what that makes of them."""
    for feature_set in found.split(list(feature_sets), 1):
        x = feature_set.double()  # one kind at a time: all of a large corpus take gigabytes
        mean, scale = x.mean(0), 1 / (x.std(0) + 1e-4)
        yield mean, scale, *regression((x - mean) * scale, truth, emotions, l2)


def examples(network: EmotionModel, copies: Iterable[Sequence[Example]]) -> tuple[Tensor, Tensor]:
    """The functionals of every window of every take, (window, statistic), and its emotion."""
    found, labels = [], []
    for examples in copies:
        found.append(statistics_of(network, examples))
        labels += [example.label for example in examples for _ in example.windows]
    return torch.cat(found), torch.tensor(labels)


def regression(x: Tensor, truth: Tensor, emotions: int, l2: float) -> tuple[Tensor, Tensor]:
    """Weights (emotion, statistic) and biases of a logistic regression, in double precision.

    The loss is the mean log-loss, emotions weighing the same, and `l2` / 2 times the squares of the weights;
    it has one minimum.
    """
    rarity = 1 / torch.bincount(truth, minlength=emotions).clamp(min=1).double()
    balance = rarity[truth] / rarity[truth].sum()
    weight = torch.zeros(emotions, x.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(emotions, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        losses = F.cross_entropy(F.linear(x, weight, bias), truth, reduction="none")
        value = (losses * balance).sum() + l2 / 2 * weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    return weight.detach(), bias.detach()


def fit_fusion_weight(network: EmotionModel, examples: Sequence[Example]) -> None:
    """Set `network.functionals.fusion_weight` by clips of validation speakers: what calibrates either, as a ratio.

    A network that knows nothing wants no end of temperature; it gets what leaves some for both together.
    """
    classifier = network.functionals
    assert classifier is not None
    classifier.fusion_weight.fill_(1.0)
    own = fit_temperature(window_log_scores(network, examples, functionals=False), examples)
    classifier_temperature = fit_temperature(classifier_log_scores(network, examples), examples)
    classifier.fusion_weight.fill_(min(own, MAX_TEMPERATURE / UTTERANCE_WEIGHT) / classifier_temperature)


def statistics_of(network: EmotionModel, examples: Sequence[Example]) -> Tensor:
    """The functionals of every window in the order of the clips, (window, statistic)."""
    classifier = network.functionals
    assert classifier is not None
    return torch.stack(in_order(network, examples, classifier.statistics)).cpu()


def window_log_scores(
    network: EmotionModel, examples: Sequence[Example], *, functionals: bool = True
) -> list[list[Floats]]:
    """Log-scores (K,) of each window of each clip: the network's, and what functionals add."""
    logs = model_log_scores(FromStatic(network, Augmentation()), examples, network.objective)
    if network.functionals is None or not functionals:
        return logs
    both = zip(logs, classifier_log_scores(network, examples), strict=True)
    return [[row + UTTERANCE_WEIGHT * more for row, more in zip(*rows, strict=True)] for rows in both]


def classifier_log_scores(network: EmotionModel, examples: Sequence[Example]) -> list[list[Floats]]:
    """What functionals say of each window of each clip, times their share."""
    assert network.functionals is not None
    rows = iter(in_order(network, examples, network.functionals))
    return [[next(rows).double().cpu().numpy() for _ in example.windows] for example in examples]


def in_order(
    network: EmotionModel, examples: Sequence[Example], function: Callable[[Tensor, Tensor], Iterable[T]]
) -> list[T]:
    """What is said of every window as functionals hear it, one by one, in the order of the clips."""
    assert network.functionals is not None
    device = network.functionals.mean.device
    found: dict[tuple[int, int], T] = {}
    with torch.inference_mode():
        for places, batch in window_batches(
            [replace(example, views=(example.spectra,)) for example in examples]
        ):
            frames = batch.lengths.to(device)
            spectra = network.spectrum.bands_and_autocorrelation(batch.x.to(device))
            found.update(
                zip(places, function(network.representations(*spectra, frames), frames), strict=True)
            )
    return [found[c, w] for c, example in enumerate(examples) for w in range(len(example.spectra))]
