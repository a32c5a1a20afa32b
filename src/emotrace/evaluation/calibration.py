"""Whether scores can be believed: calibration error, reliability diagram and risk-coverage curve."""

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
    """The predictions whose confidence is above `low` and at most `high`; None where there are none."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


def confidence_of(prediction: Prediction) -> float:
    """The score of the label that was predicted.

    >>> confidence_of(Prediction("a.wav", "03", 0, 1, "rest", "anger", {"anger": 0.7, "rest": 0.3}))
    0.7
    """
    return prediction.scores[prediction.predicted]


def reliability(predictions: Sequence[Prediction], bins: int = BINS) -> tuple[Bin, ...]:
    """Mean confidence and accuracy in each of `bins` equally wide bins from 0 to 1; 0 itself is in the first.

    >>> sure = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.9, "rest": 0.1})
    >>> reliability([sure], bins=2)[1]
    Bin(low=0.5, high=1.0, n=1, confidence=0.9, accuracy=1.0)
    """
    confidences = np.array([confidence_of(p) for p in predictions])
    correct = np.array([p.correct for p in predictions])
    edges = np.arange(bins + 1) / bins
    place = np.clip(np.searchsorted(edges, confidences, side="left") - 1, 0, bins - 1)
    return tuple(
        Bin(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            n=int(inside.sum()),
            confidence=float(confidences[inside].mean()) if inside.any() else None,
            accuracy=float(correct[inside].mean()) if inside.any() else None,
        )
        for number, inside in enumerate(place == number for number in range(bins))
    )


def calibration_error(predictions: Sequence[Prediction], bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): Σ n_b / n · |accuracy_b - confidence_b|.

    Of the label predicted alone, in 15 bins of equal width unless told otherwise. 0 where of the predictions
    made with confidence c a part c is right.

    >>> sure = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.75, "rest": 0.25})
    >>> calibration_error([sure])
    0.25
    """
    total = sum(
        one.n * abs(one.accuracy - one.confidence)
        for one in reliability(predictions, bins)
        if one.accuracy is not None and one.confidence is not None
    )
    return float(total / len(predictions))


def risk_coverage(predictions: Sequence[Prediction]) -> tuple[Floats, Floats]:
    """The part of wrong labels (risk) among the surest predictions, by how large a part is given (coverage).

    One point per confidence that occurs, the highest first: what `--abstain-below` it would give.

    Shape: two of (confidence,), each from 0 (without it) to 1.

    >>> scores = {"anger": 0.9, "rest": 0.1}, {"anger": 0.6, "rest": 0.4}
    >>> surer, unsure = (Prediction(f"{s}.wav", "03", 0, 1, "anger", "anger", s) for s in scores)
    >>> wrong = Prediction("c.wav", "03", 0, 1, "rest", "anger", scores[1])
    >>> [values.round(2).tolist() for values in risk_coverage([surer, unsure, wrong])]
    [[0.33, 1.0], [0.0, 0.33]]
    """
    confidences = np.array([confidence_of(p) for p in predictions])
    order = np.argsort(-confidences, kind="stable")
    wrong = np.cumsum([not predictions[place].correct for place in order])
    last = np.flatnonzero(np.append(np.diff(confidences[order]) < 0, True))
    given = last + 1
    return given / len(predictions), wrong[last] / given


def reliability_png(predictions: Sequence[Prediction], bins: int = BINS) -> bytes:
    """Accuracy over confidence, bin by bin beside the diagonal, and below it how many there are."""
    figure = Figure(figsize=(4.2, 4.8), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    found = reliability(predictions, bins)
    lows, width = [one.low for one in found], 1 / bins
    above.bar(lows, [one.accuracy or 0 for one in found], width, align="edge", edgecolor="white")
    above.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8)
    above.set(
        ylabel="accuracy", ylim=(0, 1), xlim=(0, 1),
        title=f"calibration error {calibration_error(predictions, bins):.3f}",
    )  # fmt: skip
    below.bar(lows, [one.n for one in found], width, align="edge", edgecolor="white", color="grey")
    below.set(xlabel="score of the label", ylabel="predictions")
    return _png(figure)


def risk_coverage_png(predictions: Sequence[Prediction]) -> bytes:
    """How many labels are wrong, by how many are given when the least sure are left out."""
    figure = Figure(figsize=(4.2, 3.4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    coverage, risk = risk_coverage(predictions)
    axes.plot(coverage, risk, drawstyle="steps-post", linewidth=1.2)
    axes.set(
        xlabel="part of utterances given a label", ylabel="part of labels that is wrong",
        xlim=(0, 1), ylim=(0, None),
    )  # fmt: skip
    axes.grid(linewidth=0.3)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
