"""Calibration and risk face plain loops."""

import math
from dataclasses import replace

import numpy as np
import pytest

from emotrace.evaluation.calibration import (
    calibration_error,
    confidence_of,
    reliability,
    reliability_png,
    risk_coverage,
    risk_coverage_png,
)
from emotrace.evaluation.predictions import Prediction

LABELS = ("anger", "sadness", "neutral")


def made(count: int, seed: int = 0, believable: bool = False) -> list[Prediction]:
    """Predictions with scores of two decimals, so that some tie and some lie on the edge of a bin.

    Where they are believable, the truth is drawn by the scores.
    """
    random = np.random.default_rng(seed)
    predictions = []
    for number in range(count):
        cuts = np.sort(random.integers(0, 101, 2))
        scores = np.diff([0, *cuts, 100]) / 100
        truth = random.choice(LABELS, p=scores if believable else None)
        predicted = LABELS[int(scores.argmax())]
        by_label = dict(zip(LABELS, map(float, scores), strict=True))
        predictions.append(Prediction(f"{number}.wav", "03", 0, 1, str(truth), predicted, by_label))
    return predictions


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_calibration_error_is_that_of_a_plain_loop(bins: int) -> None:
    predictions, total = made(400), 0.0
    for number in range(bins):
        inside = []
        for p in predictions:
            at = max(math.ceil(round(confidence_of(p) * bins, 9)), 1)
            if at == number + 1:
                inside.append(p)
        if inside:
            accuracy = sum(p.correct for p in inside) / len(inside)
            confidence = sum(confidence_of(p) for p in inside) / len(inside)
            total += len(inside) * abs(accuracy - confidence)
        assert reliability(predictions, bins)[number].n == len(inside)
    assert calibration_error(predictions, bins) == pytest.approx(total / len(predictions))


def test_scores_that_say_the_truth_have_a_small_error_and_boasts_a_large_one() -> None:
    honest = made(20_000, believable=True)
    assert calibration_error(honest) < 0.02
    boasts = [replace(p, scores={**dict.fromkeys(LABELS, 0.0), p.predicted: 1.0}) for p in honest]
    wrong = sum(not p.correct for p in honest) / len(honest)
    assert calibration_error(boasts) == pytest.approx(wrong)


def test_risk_at_each_coverage_is_that_of_abstaining_below_a_confidence() -> None:
    predictions = made(300)
    coverage, risk = risk_coverage(predictions)
    thresholds = sorted({confidence_of(p) for p in predictions}, reverse=True)
    assert len(coverage) == len(risk) == len(thresholds)
    for place, threshold in enumerate(thresholds):
        given = [p for p in predictions if confidence_of(p) >= threshold]
        assert coverage[place] == pytest.approx(len(given) / 300)
        assert risk[place] == pytest.approx(sum(not p.correct for p in given) / len(given))
    assert coverage[-1] == 1


def test_pictures_are_pictures_and_the_same_every_time() -> None:
    for draw in (reliability_png, risk_coverage_png):
        picture = draw(made(50))
        assert picture.startswith(b"\x89PNG")
        assert draw(made(50)) == picture
