"""Scores of a network for examples, computed as the exported runtime computes those of its windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emotrace.decoding.ctc import average_scores, class_scores
from emotrace.evaluation.predictions import Prediction
from emotrace.models.heads.head import Objective
from emotrace.training.data.examples import Example, window_batches

Floats = npt.NDArray[np.float64]
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.25, 1000.0


def model_log_scores(
    model: nn.Module, examples: Sequence[Example], objective: Objective
) -> list[list[Floats]]:
    """Log-scores (K,), not normalised, of each window of each example.

    Args:
        model: (batch, time, feature), (batch,) lengths → outputs and their true lengths; it is left in
            evaluation mode
        objective: computes scores from the outputs
    """
    model.eval()
    device = next(model.parameters()).device
    found: list[list[Any]] = [[None] * len(example.windows) for example in examples]
    with torch.inference_mode():
        for indices, batch in window_batches(examples):
            output, steps = model(batch.x.to(device), batch.lengths.to(device))
            rows = objective.log_scores(output.float().cpu().numpy(), steps.cpu().numpy())
            for (example, window), row in zip(indices, rows, strict=True):
                found[example][window] = row.astype(np.float64)
    return found


def example_scores(
    logs: Sequence[Sequence[Floats]], examples: Sequence[Example], temperature: float = 1.0
) -> Floats:
    """Probabilities of each example, shape (example, K): normalised per window, averaged by duration."""
    return np.stack(
        [
            average_scores(class_scores(np.stack(rows), temperature), example.durations)
            for rows, example in zip(logs, examples, strict=True)
        ]
    )


def build_predictions(
    examples: Sequence[Example], scores: Floats, emotions: Sequence[str], *, fold: int, seed: int
) -> list[Prediction]:
    """The predictions for examples, from their scores (example, K)."""
    return [
        Prediction(
            example.name,
            example.speaker,
            fold,
            seed,
            emotions[example.label],
            emotions[int(row.argmax())],
            dict(zip(emotions, map(float, row), strict=True)),
        )
        for example, row in zip(examples, scores, strict=True)
    ]


def fit_temperature(logs: Sequence[Sequence[Floats]], examples: Sequence[Example]) -> float:
    """The temperature that minimises the log-loss of the examples: Guo et al. (2017)."""
    labels = [example.label for example in examples]
    return best_temperature(lambda t: log_loss(example_scores(logs, examples, t), labels))


def best_temperature(loss: Callable[[float], float]) -> float:
    """The temperature with the smallest loss, of 200 from 0.25 to 1000, equally spaced in logarithms.

    >>> round(best_temperature(lambda temperature: abs(temperature - 2)), 1)
    2.0
    """
    temperatures = np.geomspace(MIN_TEMPERATURE, MAX_TEMPERATURE, 200)
    return float(temperatures[int(np.argmin([loss(float(t)) for t in temperatures]))])


def log_loss(scores: Floats, labels: Sequence[int]) -> float:
    """Mean of -log of the true emotion's score.

    >>> round(log_loss(np.array([[0.5, 0.5]]), [0]), 4)
    0.6931
    """
    return float(-np.log(np.maximum(scores[np.arange(len(labels)), list(labels)], 1e-12)).mean())


def recall_mean(scores: Floats, labels: Sequence[int]) -> float:
    """UA: the mean over emotions of the fraction of examples that are recognised.

    >>> recall_mean(np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]]), [0, 0, 1])
    0.5
    """
    truth, predicted = np.asarray(labels), scores.argmax(1)
    return float(np.mean([(predicted[truth == label] == label).mean() for label in np.unique(truth)]))
