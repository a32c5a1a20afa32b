"""Calibration of scores: expected calibration error, reliability diagram and risk-coverage curve."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emotrace.evaluation.predictions import Prediction

BINS = 15

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bin:
    """Predictions with a confidence above `low` and up to `high`; the means of an empty bin are None."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def confidence(prediction: Prediction) -> float:
    """The score of the predicted label.

    >>> confidence(Prediction("a.wav", "03", 0, 1, "rest", "anger", {"anger": 0.7, "rest": 0.3}))
    0.7
    """
    return prediction.scores[prediction.predicted]


def reliability(predictions: Sequence[Prediction], bins: int = BINS) -> tuple[Bin, ...]:
    """Mean confidence and accuracy in `bins` bins of equal width from 0 to 1; the first bin includes 0.

    >>> prediction = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.9, "rest": 0.1})
    >>> reliability([prediction], bins=2)[1]
    Bin(low=0.5, high=1.0, n=1, confidence=0.9, accuracy=1.0)
    """
    confidences = np.array([confidence(p) for p in predictions])
    correct = np.array([p.correct for p in predictions])
    edges = np.arange(bins + 1) / bins
    bin_numbers = np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, bins - 1)
    return tuple(
        Bin(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            n=int(inside.sum()),
            confidence=float(confidences[inside].mean()) if inside.any() else None,
            accuracy=float(correct[inside].mean()) if inside.any() else None,
        )
        for number, inside in enumerate(bin_numbers == number for number in range(bins))
    )


def calibration_error(predictions: Sequence[Prediction], bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): Σ n_b / n · |accuracy_b - confidence_b|.

    b runs over `bins` bins of equal width; only the confidence in the predicted label counts. The error is 0
    if a share c of the predictions with confidence c is correct.

    >>> prediction = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.75, "rest": 0.25})
    >>> calibration_error([prediction])
    0.25
    """
    total = sum(
        b.n * abs(b.accuracy - b.confidence)
        for b in reliability(predictions, bins)
        if b.accuracy is not None and b.confidence is not None
    )
    return float(total / len(predictions))


def risk_coverage(predictions: Sequence[Prediction]) -> tuple[Floats, Floats]:
    """Coverage and risk of abstaining below each confidence that occurs, the highest confidence first.

    Coverage is the share of predictions with at least that confidence, which `--abstain-below` would keep.
    Risk is the share of wrong labels among them.

    Shape: two arrays (threshold,), with values in (0, 1] and in [0, 1].

    >>> scores = {"anger": 0.9, "rest": 0.1}, {"anger": 0.6, "rest": 0.4}
    >>> surest, unsure = (Prediction(f"{s}.wav", "03", 0, 1, "anger", "anger", s) for s in scores)
    >>> wrong = Prediction("c.wav", "03", 0, 1, "rest", "anger", scores[1])
    >>> [values.round(2).tolist() for values in risk_coverage([surest, unsure, wrong])]
    [[0.33, 1.0], [0.0, 0.33]]
    """
    confidences = np.array([confidence(p) for p in predictions])
    order = np.argsort(-confidences, kind="stable")
    wrong = np.cumsum([not predictions[index].correct for index in order])
    last = np.flatnonzero(np.append(np.diff(confidences[order]) < 0, True))
    kept = last + 1
    return kept / len(predictions), wrong[last] / kept


def reliability_png(predictions: Sequence[Prediction], bins: int = BINS) -> bytes:
    """A reliability diagram as PNG: accuracy by confidence with the diagonal, and the size of each bin."""
    figure = Figure(figsize=(4.2, 4.8), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    by_bin = reliability(predictions, bins)
    lows, width = [b.low for b in by_bin], 1 / bins
    upper.bar(lows, [b.accuracy or 0 for b in by_bin], width, align="edge", edgecolor="white")
    upper.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8)
    upper.set(
        ylabel="accuracy", ylim=(0, 1), xlim=(0, 1),
        title=f"calibration error {calibration_error(predictions, bins):.3f}",
    )  # fmt: skip
    lower.bar(lows, [b.n for b in by_bin], width, align="edge", edgecolor="white", color="grey")
    lower.set(xlabel="score of the label", ylabel="predictions")
    return _png(figure)


def risk_coverage_png(predictions: Sequence[Prediction]) -> bytes:
    """A risk-coverage curve as PNG."""
    figure = Figure(figsize=(4.2, 3.4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    coverage, risk = risk_coverage(predictions)
    axes.plot(coverage, risk, drawstyle="steps-post", linewidth=1.2)
    axes.set(
        xlabel="coverage: share of utterances with a label", ylabel="risk: share of wrong labels",
        xlim=(0, 1), ylim=(0, None),
    )  # fmt: skip
    axes.grid(linewidth=0.3)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
