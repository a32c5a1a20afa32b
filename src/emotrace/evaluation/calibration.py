"""Calibration of scores: expected calibration error, reliability diagram and risk-coverage curve."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emotrace.evaluation.confusion import align_columns
from emotrace.evaluation.predictions import Prediction

BINS = 15
_BLUE, _GREY = "#1f5fa8", "#8a8a8a"

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


def choose_bins(predictions: Sequence[Prediction]) -> int:
    """A number of bins with about ten predictions each: at least 3, at most `BINS`.

    >>> prediction = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.9, "rest": 0.1})
    >>> choose_bins([prediction] * 20), choose_bins([prediction] * 500)
    (3, 15)
    """
    return min(BINS, max(3, len(predictions) // 10))


def coverage_text(predictions: Sequence[Prediction]) -> str:
    """A table of what abstaining achieves: the limit, the share that keeps a label, and the share of errors.

    The limit is the argument of `--abstain-below`.

    >>> scores = {"anger": 0.9, "rest": 0.1}, {"anger": 0.6, "rest": 0.4}
    >>> surest, unsure = (Prediction(f"{s}.wav", "03", 0, 1, "anger", "anger", s) for s in scores)
    >>> wrong = Prediction("c.wav", "03", 0, 1, "rest", "anger", scores[1])
    >>> print(coverage_text([surest, unsure, wrong]))
    abstain below  utterances with a label  wrong labels among them
    0.60                       3 (100.0 %)                   33.3 %
    0.90                        1 (33.3 %)                    0.0 %
    """
    limits = np.sort(np.array([confidence(p) for p in predictions]))[::-1]
    rows = [["abstain below", "utterances with a label", "wrong labels among them"]]
    for coverage in (1.0, 0.8, 0.6, 0.4, 0.2):
        limit = float(limits[max(0, round(coverage * len(limits)) - 1)])
        limit = np.floor(limit * 100) / 100  # as printed, so that the option gives the same
        kept = [p for p in predictions if confidence(p) >= limit]
        wrong = sum(not p.correct for p in kept) / len(kept)
        row = [f"{limit:.2f}", f"{len(kept)} ({len(kept) / len(predictions):.1%})", f"{wrong:.1%}"]
        row = [cell.replace("%", " %") for cell in row]
        if row != rows[-1]:
            rows.append(row)
    return align_columns(rows)


def reliability_png(predictions: Sequence[Prediction], bins: int = BINS) -> bytes:
    """A reliability diagram as PNG: accuracy by confidence with the diagonal, and the size of each bin."""
    figure = Figure(figsize=(5.2, 5.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    by_bin = reliability(predictions, bins)
    lows, width = [b.low for b in by_bin], 1 / bins
    heights = [b.accuracy or 0 for b in by_bin]
    upper.bar(lows, heights, width, align="edge", edgecolor="white", color=_BLUE, label="found")
    upper.plot([0, 1], [0, 1], "--", color="black", linewidth=0.8, label="if the scores were exact")
    upper.set(
        ylabel="share of correct labels", ylim=(0, 1), xlim=(0, 1),
        title=f"Calibration: mean error of the scores {calibration_error(predictions, bins):.3f}",
    )  # fmt: skip
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    lower.bar(lows, [b.n for b in by_bin], width, align="edge", edgecolor="white", color=_GREY)
    lower.set(xlabel="score of the label", ylabel="utterances")
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    return _png(figure)


def risk_coverage_png(predictions: Sequence[Prediction]) -> bytes:
    """A risk-coverage curve as PNG."""
    figure = Figure(figsize=(5.2, 3.8), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    coverage, risk = risk_coverage(predictions)
    axes.plot(coverage, risk, drawstyle="steps-post", linewidth=1.6, color=_BLUE)
    axes.set(
        title="Errors that abstaining avoids",
        xlabel="coverage: share of utterances that keep a label", ylabel="risk: share of wrong labels",
        xlim=(0, 1), ylim=(0, max(0.1, 1.1 * float(risk.max()))),
    )  # fmt: skip
    axes.grid(linewidth=0.3)
    return _png(figure)


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
