"""Training of the pooled classifier of the encoder systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.training.data.examples import Example, window_batches
from emotrace.training.logistic_regression import fit_logistic_regression

MIN_STATISTIC_DEVIATION = 1e-4  # a statistic that varies less is treated as constant
MIN_EXCERPT_FRAMES = 8  # of speech that is distinguished from other sounds


def fit_pooled_classifier(classifier: PooledClassifier, examples: Sequence[Example], l2: float) -> None:
    """Fit the emotion rows; every window of every view is one data point.

    The statistics of each corpus are standardised by their own mean and deviation, so that the classifier
    does not learn what separates corpora. The model has the averages of these means and deviations, and
    `emotrace adapt` replaces them by those of recordings of one source.
    """
    groups = list(single_views(examples))
    statistics = torch.cat([pooled_statistics(classifier, group) for group in groups])
    windows = [example for group in groups for example in group for _ in example.windows]
    labels = torch.tensor([example.label for example in windows])
    weights = torch.tensor([example.weight for example in windows])
    means, deviations = [], []
    standardised = torch.zeros_like(statistics)
    for corpus in sorted({example.corpus for example in examples}):
        rows = torch.tensor([example.corpus == corpus for example in windows])
        mean, deviation = statistics[rows].mean(0), statistics[rows].std(0, correction=0)
        standardised[rows] = (statistics[rows] - mean) / (deviation + MIN_STATISTIC_DEVIATION)
        means.append(mean)
        deviations.append(deviation)
    emotions = len(classifier.bias) - 1
    weight, bias = fit_logistic_regression(standardised, labels, emotions, l2, weights)
    classifier.mean.copy_(torch.stack(means).mean(0))
    classifier.scale.copy_(1 / (torch.stack(deviations).mean(0) + MIN_STATISTIC_DEVIATION))
    classifier.weight[:-1] = weight
    classifier.bias[:-1] = bias


def fit_pooled_speech_presence(
    classifier: PooledClassifier, examples: Sequence[Example], sounds: Sequence[Example], l2: float, seed: int
) -> None:
    """Set the last row: the log-odds that there is no speech, from all views, excerpts of them, and sounds.

    Statistics are standardised as `fit_pooled_classifier`, which must run before, has set.
    """
    generator = torch.Generator().manual_seed(seed)
    speech = [example for group in single_views(examples) for example in group]
    excerpts = [excerpt(example, generator) for example in speech]
    statistics = torch.cat([pooled_statistics(classifier, group) for group in (speech, excerpts, sounds)])
    windows = sum(len(example.windows) for example in sounds)
    labels = (torch.arange(len(statistics)) >= len(statistics) - windows).long()  # 1: no speech
    standardised = (statistics - classifier.mean.double()) * classifier.scale.double()
    weight, bias = fit_logistic_regression(standardised, labels, 2, l2)
    classifier.weight[-1] = weight[1] - weight[0]
    classifier.bias[-1] = bias[1] - bias[0]


def single_views(examples: Sequence[Example]) -> list[list[Example]]:
    """The examples once for each of their views."""
    return [
        [replace(example, views=(example.views[view],)) for example in examples]
        for view in range(len(examples[0].views))
    ]


def excerpt(example: Example, generator: torch.Generator) -> Example:
    """The example with each window cut to a random length at a random position."""

    def cut(window: Tensor) -> Tensor:
        length, start = torch.rand(2, generator=generator).tolist()
        frames = min(len(window), max(MIN_EXCERPT_FRAMES, int(length * len(window))))
        first = int(start * (len(window) - frames + 1))
        return window[first : first + frames]

    return replace(example, views=(tuple(cut(window) for window in example.windows),))


def pooled_statistics(classifier: PooledClassifier, examples: Sequence[Example]) -> Tensor:
    """Statistics of every window in the order of the examples, (window, statistic), in double precision."""
    return torch.stack(map_features(classifier.statistics, examples)).double()


def map_features(function: Callable[[Tensor, Tensor], Tensor], examples: Sequence[Example]) -> list[Tensor]:
    """Results of `function` for every window, in the order of the examples.

    Args:
        function: features (batch, feature, frame), (batch,) true lengths → (batch, …)
    """
    found: dict[tuple[int, int], Tensor] = {}
    with torch.inference_mode():
        for indices, batch in window_batches(examples):
            results = function(batch.x.float().transpose(1, 2), batch.lengths)
            found.update(zip(indices, results, strict=True))
    return [found[e, w] for e, example in enumerate(examples) for w in range(len(example.windows))]
