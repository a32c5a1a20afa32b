import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn.metrics import balanced_accuracy_score

from emotrace.errors import RunError
from emotrace.evaluation.predictions import Prediction
from emotrace.evaluation.significance import mcnemar, pair_predictions, ua_difference, z_test

LABELS = ("anger", "neutral", "sadness")


def run(accuracy: float, seed: int, n: int = 90, speakers: int = 6) -> list[Prediction]:
    """Predictions with about the given accuracy, on the same utterances for every seed."""
    truths, draw = random.Random(0), random.Random(seed)
    predictions = []
    for i in range(n):
        truth = truths.choice(LABELS)
        predicted = truth if draw.random() < accuracy else draw.choice(LABELS)
        predictions.append(
            Prediction(f"{i}.wav", str(i % speakers), 0, seed, truth, predicted, dict.fromkeys(LABELS, 0.0))
        )
    return predictions


def ua(predictions: Sequence[Prediction]) -> float:
    return float(balanced_accuracy_score([p.truth for p in predictions], [p.predicted for p in predictions]))


@pytest.mark.parametrize(
    ("first", "second", "z", "p"), [(0.731, 0.688, 3.20, 0.0007), (0.731, 0.725, 0.46, 0.32)]
)
def test_the_comparisons_of_the_paper_are_reproduced_on_2280_utterances(
    first: float, second: float, z: float, p: float
) -> None:
    found = z_test(first, second, 2280)
    assert found.z == pytest.approx(z, abs=0.005)
    assert found.p == pytest.approx(p, rel=0.02)


def test_z_agrees_with_the_formula() -> None:
    a, b, n, m = 0.7, 0.6, 150, 250
    pooled = (n * a + m * b) / (n + m)
    z = (a - b) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    found = z_test(a, b, n, m)
    assert (found.z, found.p) == pytest.approx((z, norm.sf(z)))


def test_z_is_antisymmetric_and_0_for_equal_accuracies() -> None:
    assert z_test(0.6, 0.7, 100).z == pytest.approx(-z_test(0.7, 0.6, 100).z)
    assert z_test(0.6, 0.7, 100).p > 0.5
    assert z_test(1.0, 1.0, 100).p == 0.5


def test_percentages_and_zero_utterances_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found accuracies 73.1 and 68.8 over 2280"):
        z_test(73.1, 68.8, 2280)
    with pytest.raises(ValueError, match="over 0 and 0 utterances"):
        z_test(0.7, 0.6, 0)


def test_mcnemar_is_a_binomial_test_on_the_discordant_utterances() -> None:
    first, second = run(0.8, 1), run(0.5, 2)
    found = mcnemar(first, second)
    only_first = sum(a.correct > b.correct for a, b in zip(first, second, strict=True))
    only_second = sum(a.correct < b.correct for a, b in zip(first, second, strict=True))
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.p == pytest.approx(binomtest(only_first, only_first + only_second).pvalue)
    assert mcnemar(second, first).p == pytest.approx(found.p)


def test_equal_systems_do_not_differ() -> None:
    same = run(0.7, 1)
    assert mcnemar(same, same).p == 1
    difference = ua_difference(same, same)
    assert (difference.value, difference.interval.low, difference.interval.high) == (0, 0, 0)


def test_the_ua_difference_agrees_with_a_plain_loop_over_speakers() -> None:
    first, second = run(0.8, 1), run(0.5, 2)
    found = ua_difference(first, second)
    assert found.value == pytest.approx(ua(first) - ua(second))

    draw, differences = random.Random(7), []
    for _ in range(2000):
        chosen = [i for name in draw.choices("012345", k=6) for i, p in enumerate(first) if p.speaker == name]
        differences.append(ua([first[i] for i in chosen]) - ua([second[i] for i in chosen]))
    expected = np.quantile(differences, [0.025, 0.975])
    assert (found.interval.low, found.interval.high) == pytest.approx(expected, abs=0.012)


def test_utterances_are_matched_by_name_and_not_by_position() -> None:
    first, second = run(0.8, 1), run(0.5, 2)
    assert mcnemar(first, second[::-1]) == mcnemar(first, second)
    assert all(a.file == b.file for a, b in pair_predictions(first, second[::-1]))


def test_several_seeds_are_matched_seed_by_seed() -> None:
    first = [replace(p, seed=s) for s in (1, 2) for p in run(0.8, s)]
    second = [replace(p, seed=s) for s in (2, 1) for p in run(0.5, s)]
    assert all((a.file, a.seed) == (b.file, b.seed) for a, b in pair_predictions(first, second))


def test_runs_with_different_utterances_are_refused() -> None:
    first = run(0.8, 1)
    with pytest.raises(RunError, match=r"of 90 and 89 predictions 1 have no partner \(0.wav\)"):
        mcnemar(first, run(0.5, 2)[1:])
    with pytest.raises(RunError, match="no partner"):
        mcnemar([], [])
    with pytest.raises(RunError, match="expected the same corpus in both"):
        mcnemar(first, [replace(first[0], speaker="another"), *first[1:]])
    with pytest.raises(RunError, match="found only speaker 0"):
        ua_difference(first[::6], first[::6])
