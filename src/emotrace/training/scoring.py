"""A network's scores for clips, as the exported runtime computes them."""

from __future__ import annotations

from collections.abc import Sequence
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
HOTTEST = 1000.0


def model_log_scores(
    model: nn.Module, examples: Sequence[Example], objective: Objective
) -> list[list[Floats]]:
    """Log-scores (K,), not normalised, of each window of each clip.

    `model` maps (batch, time, feature), (batch,) to outputs and their lengths, from which `objective`
    computes the scores. It is left in evaluation mode.
    """
    model.eval()
    device = next(model.parameters()).device
    found: list[list[Any]] = [[None] * len(example.windows) for example in examples]
    with torch.inference_mode():
        for places, batch in window_batches(examples):
            output, steps = model(batch.x.to(device), batch.lengths.to(device))
            logs = objective.log_scores(output.float().cpu().numpy(), steps.cpu().numpy())
            for (example, window), row in zip(places, logs, strict=True):
                found[example][window] = row.astype(np.float64)
    return found


def example_scores(
    logs: Sequence[Sequence[Floats]], examples: Sequence[Example], temperature: float = 1.0
) -> Floats:
    """Probabilities of each clip, shape (clip, K): per window normalised, averaged by duration."""
    return np.stack(
        [
            average_scores(class_scores(np.stack(rows), temperature), example.durations)
            for rows, example in zip(logs, examples, strict=True)
        ]
    )


def predictions_of(
    examples: Sequence[Example], scores: Floats, emotions: Sequence[str], *, fold: int, seed: int
) -> list[Prediction]:
    """What scores, a row a clip, say of each clip."""
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
    """The temperature under which validation clips are likeliest (Guo et al. 2017), from 0.25 to 1000."""
    truth = [example.label for example in examples]
    temperatures = np.geomspace(0.25, HOTTEST, 200)
    losses = [log_loss(example_scores(logs, examples, float(t)), truth) for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def log_loss(scores: Floats, truth: Sequence[int]) -> float:
    """Mean of -log of the true emotion's score.

    >>> round(log_loss(np.array([[0.5, 0.5]]), [0]), 4)
    0.6931
    """
    return float(-np.log(np.maximum(scores[np.arange(len(truth)), list(truth)], 1e-12)).mean())


def recall_mean(scores: Floats, truth: Sequence[int]) -> float:
    """UA: the mean over emotions of the part of its clips that is recognised.

    >>> recall_mean(np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]]), [0, 0, 1])
    0.5
    """
    labels, guesses = np.asarray(truth), scores.argmax(1)
    return float(np.mean([(guesses[labels == label] == label).mean() for label in np.unique(labels)]))
