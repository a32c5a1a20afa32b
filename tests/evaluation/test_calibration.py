"""Calibration and risk compared with plain loops."""

import math
from dataclasses import replace

import numpy as np
import pytest

from emotrace.evaluation.calibration import (
    calibration_error,
    choose_bins,
    confidence,
    coverage_text,
    reliability,
    reliability_png,
    risk_coverage,
    risk_coverage_png,
)
from emotrace.evaluation.predictions import Prediction

LABELS = ("anger", "sadness", "neutral")


def draw_predictions(count: int, seed: int = 0, calibrated: bool = False) -> list[Prediction]:
    """Predictions with scores of two decimals, so that some tie and some lie on the edge of a bin.

    If `calibrated`, the truth is drawn with the scores as probabilities.
    """
    random = np.random.default_rng(seed)
    predictions = []
    for number in range(count):
        cuts = np.sort(random.integers(0, 101, 2))
        scores = np.diff([0, *cuts, 100]) / 100
        truth = random.choice(LABELS, p=scores if calibrated else None)
        predicted = LABELS[int(scores.argmax())]
        by_label = dict(zip(LABELS, map(float, scores), strict=True))
        predictions.append(Prediction(f"{number}.wav", "03", 0, 1, str(truth), predicted, by_label))
    return predictions


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_calibration_error_agrees_with_a_plain_loop(bins: int) -> None:
    predictions, total = draw_predictions(400), 0.0
    for number in range(bins):
        inside = []
        for p in predictions:
            bin_number = max(math.ceil(round(confidence(p) * bins, 9)), 1)
            if bin_number == number + 1:
                inside.append(p)
        if inside:
            accuracy = sum(p.correct for p in inside) / len(inside)
            mean_confidence = sum(confidence(p) for p in inside) / len(inside)
            total += len(inside) * abs(accuracy - mean_confidence)
        assert reliability(predictions, bins)[number].n == len(inside)
    assert calibration_error(predictions, bins) == pytest.approx(total / len(predictions))


def test_calibrated_scores_have_a_small_error_and_overconfident_ones_a_large_one() -> None:
    calibrated_predictions = draw_predictions(20_000, calibrated=True)
    assert calibration_error(calibrated_predictions) < 0.02
    overconfident = [
        replace(p, scores={**dict.fromkeys(LABELS, 0.0), p.predicted: 1.0}) for p in calibrated_predictions
    ]
    wrong = sum(not p.correct for p in calibrated_predictions) / len(calibrated_predictions)
    assert calibration_error(overconfident) == pytest.approx(wrong)


def test_risk_and_coverage_are_those_of_abstaining_below_each_confidence() -> None:
    predictions = draw_predictions(300)
    coverage, risk = risk_coverage(predictions)
    thresholds = sorted({confidence(p) for p in predictions}, reverse=True)
    assert len(coverage) == len(risk) == len(thresholds)
    for index, threshold in enumerate(thresholds):
        kept = [p for p in predictions if confidence(p) >= threshold]
        assert coverage[index] == pytest.approx(len(kept) / 300)
        assert risk[index] == pytest.approx(sum(not p.correct for p in kept) / len(kept))
    assert coverage[-1] == 1


def test_plots_are_reproducible_png_images() -> None:
    for draw in (reliability_png, risk_coverage_png):
        image = draw(draw_predictions(50))
        assert image.startswith(b"\x89PNG")
        assert draw(draw_predictions(50)) == image


@pytest.mark.parametrize("count", [1, 20, 300])
def test_the_table_of_abstaining_agrees_with_a_plain_loop(count: int) -> None:
    predictions = draw_predictions(count)
    rows = coverage_text(predictions).splitlines()[1:]
    assert rows
    assert rows[0].split()[1] == str(count)  # the lowest limit keeps every label
    for row in rows:
        limit, kept, coverage, _, risk, _ = row.replace("(", "").split()
        keeps = [p for p in predictions if confidence(p) >= float(limit)]
        assert int(kept) == len(keeps)
        assert float(coverage) == pytest.approx(100 * len(keeps) / count, abs=0.051)
        wrong = sum(not p.correct for p in keeps)
        assert float(risk) == pytest.approx(100 * wrong / len(keeps), abs=0.051)


def test_a_reliability_diagram_of_few_predictions_has_few_bins() -> None:
    assert [choose_bins(draw_predictions(count)) for count in (1, 20, 99, 150, 1000)] == [3, 3, 9, 15, 15]
