"""Training of the functionals classifier: mixtures, logistic regressions, fusion with the network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from emotrace.features.log_power import LogPower
from emotrace.models.emotion_model import EmotionModel
from emotrace.models.functionals.classifier import (
    FEATURE_SET_WEIGHTS,
    UTTERANCE_WEIGHT,
    FunctionalsClassifier,
)
from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.models.functionals.random_kernels import MIN_DEVIATION
from emotrace.models.functionals.statistics import trim_silence
from emotrace.recipe import Augmentation, Recipe
from emotrace.training.augmentation.acoustic import augmented_copies
from emotrace.training.data.examples import Example, window_batches
from emotrace.training.logistic_regression import fit_logistic_regression
from emotrace.training.pooled import fit_pooled_classifier, map_features
from emotrace.training.scoring import MAX_TEMPERATURE, Floats, fit_temperature, model_log_scores
from emotrace.training.seeds import seed_of
from emotrace.training.two_stage import FromStatic

T = TypeVar("T")
MIXTURE_FRAMES = 20_000  # frames that a mixture is fitted to
MIXTURE_ITERATIONS = 30
MIN_VARIANCE = 1e-3  # of a component, where the variance of all frames is 1
MIN_STATISTIC_DEVIATION = 1e-4  # a statistic that varies less is treated as constant


def fit_functionals(network: EmotionModel, examples: Sequence[Example], recipe: Recipe, seed: int) -> None:
    """Fit the mixtures and the classifier of `network.functionals` to training examples.

    The classifier learns from each example and from `recipe.augmented_copies` augmented copies of it.
    """
    if isinstance(network.functionals, PooledClassifier):
        fit_pooled_classifier(network.functionals, examples, recipe.functionals_l2)
        return
    assert isinstance(network.spectrum, LogPower)
    fit_mixtures(network, examples, seed_of(seed, "mixture"))
    generator = torch.Generator().manual_seed(seed_of(seed, "functionals"))
    copies = augmented_copies(network.spectrum, examples, recipe, generator)
    fit_classifier(network, copies, recipe.functionals_l2)


def functionals_of(network: EmotionModel) -> FunctionalsClassifier:
    """The functionals classifier of a network that has one."""
    assert isinstance(network.functionals, FunctionalsClassifier)
    return network.functionals


def fit_mixtures(network: EmotionModel, examples: Sequence[Example], seed: int) -> None:
    """Fit one mixture of Gaussians to each representation of `network.functionals`."""
    classifier = functionals_of(network)

    def coefficients(representations: Tensor, frames: Tensor) -> Iterator[tuple[Tensor, ...]]:
        speech_mask = trim_silence(representations[0, :, 0], frames)
        values, _ = classifier.coefficients(representations, speech_mask)
        for index, mask in enumerate(speech_mask):
            yield tuple(values[:, index, mask])

    by_representation = zip(*map_windows(network, examples, coefficients), strict=True)
    components = classifier.fisher.weights.shape[1]
    for index, frames in enumerate(by_representation):
        x = torch.cat(frames).double().cpu().numpy()
        weights, means, deviations = mixture_parameters(x, components, seed)
        classifier.fisher.weights[index] = torch.from_numpy(weights)
        classifier.fisher.means[index] = torch.from_numpy(means)
        classifier.fisher.deviations[index] = torch.from_numpy(deviations)


def mixture_parameters(frames: Floats, components: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Weights, means and deviations of a mixture of diagonal Gaussians, fitted to frames (frame, value).

    Of more than `MIXTURE_FRAMES` frames, random ones are used. Each value is scaled to deviation 1 first, so
    that all have the same influence.
    """
    drawn = np.random.default_rng(seed).permutation(len(frames))[:MIXTURE_FRAMES]
    frames = frames[np.resize(drawn, max(len(drawn), components))]  # repeated, where there are too few
    unit = frames.std(0) + MIN_DEVIATION
    mixture = GaussianMixture(
        components,
        covariance_type="diag",
        reg_covar=MIN_VARIANCE,
        max_iter=MIXTURE_ITERATIONS,
        random_state=seed % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(frames / unit)
    return mixture.weights_, mixture.means_ * unit, mixture.covariances_**0.5 * unit


def fit_classifier(network: EmotionModel, copies: Iterable[Sequence[Example]], l2: float) -> None:
    """Fit the emotion rows of the classifier of `network.functionals`; every window is one data point.

    Each feature set has its own regression, so that no set compensates for the errors of another.
    """
    classifier = functionals_of(network)
    statistics, labels, sample_weights = labelled_statistics(network, copies)
    emotions = len(classifier.bias) - 1
    means, scales, weights, biases = [], [], [], []
    for feature_set in statistics.split(list(classifier.feature_set_sizes), 1):
        x = feature_set.double()  # one set at a time, to limit memory
        mean, scale = x.mean(0), 1 / (x.std(0) + MIN_STATISTIC_DEVIATION)
        weight, bias = fit_logistic_regression((x - mean) * scale, labels, emotions, l2, sample_weights)
        means.append(mean)
        scales.append(scale)
        weights.append(weight)
        biases.append(bias)
    classifier.mean.copy_(torch.cat(means))
    classifier.scale.copy_(torch.cat(scales))
    classifier.weight[:-1] = torch.cat(weight_feature_sets(weights), 1)
    classifier.bias[:-1] = sum(weight_feature_sets(biases))


def weight_feature_sets(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Weights or biases of the feature sets, times `FEATURE_SET_WEIGHTS`, which are scaled to sum 1."""
    total = sum(FEATURE_SET_WEIGHTS)
    return [weight / total * values for weight, values in zip(FEATURE_SET_WEIGHTS, parameters, strict=True)]


def labelled_statistics(
    network: EmotionModel, copies: Iterable[Sequence[Example]]
) -> tuple[Tensor, Tensor, Tensor]:
    """Statistics (window, statistic), labels (window,) and weights (window,) of all windows of all copies."""
    statistics, labels, weights = [], [], []
    for examples in copies:
        statistics.append(compute_statistics(network, examples))
        labels += [example.label for example in examples for _ in example.windows]
        weights += [example.weight for example in examples for _ in example.windows]
    return torch.cat(statistics), torch.tensor(labels), torch.tensor(weights)


def fit_fusion_weight(network: EmotionModel, examples: Sequence[Example]) -> None:
    """Set `network.functionals.fusion_weight` so that classifier and network are calibrated alike.

    It is the ratio of the temperatures fitted to validation examples for either alone. A network that has
    learnt nothing has no finite temperature; the upper limit leaves room for the joint temperature.
    """
    classifier = network.functionals
    assert classifier is not None
    classifier.fusion_weight.fill_(1.0)
    network_logs = window_log_scores(network, examples, functionals=False)
    network_temperature = min(fit_temperature(network_logs, examples), MAX_TEMPERATURE / UTTERANCE_WEIGHT)
    classifier_temperature = fit_temperature(classifier_log_scores(network, examples), examples)
    classifier.fusion_weight.fill_(network_temperature / classifier_temperature)


def window_log_scores(
    network: EmotionModel, examples: Sequence[Example], *, functionals: bool = True
) -> list[list[Floats]]:
    """Log-scores (K,) of each window of each example, of the network and its functionals classifier."""
    logs = model_log_scores(FromStatic(network, Augmentation()), examples, network.objective)
    if network.functionals is None or not functionals:
        return logs
    pairs = zip(logs, classifier_log_scores(network, examples), strict=True)
    return [[row + UTTERANCE_WEIGHT * added for row, added in zip(*rows, strict=True)] for rows in pairs]


def classifier_log_scores(network: EmotionModel, examples: Sequence[Example]) -> list[list[Floats]]:
    """Log-scores (K,) of each window by the functionals classifier, times its fusion weight."""
    if isinstance(network.functionals, PooledClassifier):
        rows = iter(map_features(network.functionals, examples))
    else:
        rows = iter(map_windows(network, examples, functionals_of(network)))
    return [[next(rows).double().cpu().numpy() for _ in example.windows] for example in examples]


def compute_statistics(network: EmotionModel, examples: Sequence[Example]) -> Tensor:
    """Statistics of every window in the order of the examples, (window, statistic)."""
    return torch.stack(map_windows(network, examples, functionals_of(network).statistics)).cpu()


def map_windows(
    network: EmotionModel, examples: Sequence[Example], function: Callable[[Tensor, Tensor], Iterable[T]]
) -> list[T]:
    """Results of `function` for every window, in the order of the examples.

    Args:
        function: representations (2, batch, channel, frame, value), (batch,) true lengths → one result per
            window
    """
    spectrum, device = network.spectrum, functionals_of(network).mean.device
    assert isinstance(spectrum, LogPower)
    found: dict[tuple[int, int], T] = {}
    from_spectra = [replace(example, views=(example.spectra,)) for example in examples]
    with torch.inference_mode():
        for indices, batch in window_batches(from_spectra):
            frames = batch.lengths.to(device)
            spectra = spectrum.bands_and_autocorrelation(batch.x.to(device))
            results = function(network.representations(*spectra, frames), frames)
            found.update(zip(indices, results, strict=True))
    return [found[e, w] for e, example in enumerate(examples) for w in range(len(example.spectra))]
