"""Comparison of runs, checked against plain loops, SciPy and statsmodels."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_test
from statsmodels.stats.multitest import multipletests

from emotrace.evaluation.comparison import compare_pairs, compare_to
from emotrace.evaluation.predictions import Prediction
from emotrace.evaluation.significance import holm, ua_difference, wa_difference, z_test

LABELS = ("anger", "neutral", "sadness")


def run(accuracy: float, seed: int, speakers: int = 6) -> list[Prediction]:
    """Predictions with about the given accuracy, on the same utterances for every seed."""
    truths, draw = random.Random(0), random.Random(seed)
    predictions = []
    for i in range(90):
        truth = truths.choice(LABELS)
        predicted = truth if draw.random() < accuracy else draw.choice(LABELS)
        scores = dict.fromkeys(LABELS, 0.0)
        predictions.append(Prediction(f"{i}.wav", str(i % speakers), 0, 1, truth, predicted, scores))
    return predictions


def wa(predictions: Sequence[Prediction]) -> float:
    return float(accuracy_score([p.truth for p in predictions], [p.predicted for p in predictions]))


def test_holm_agrees_with_a_plain_loop() -> None:
    ps = [0.011, 0.2, 0.03, 0.004, 0.9, 0.03]
    expected, worst = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[index]))
        expected[index] = worst
    assert holm(ps) == pytest.approx(expected)
    assert holm([]) == []


def test_the_wa_difference_and_its_p_agree_with_a_plain_loop_over_speakers() -> None:
    first, second = run(0.7, 1), run(0.55, 2)
    found = wa_difference(first, second)
    assert found.value == pytest.approx(wa(first) - wa(second))
    draw, drawn = random.Random(7), []
    for _ in range(2000):
        chosen = draw.choices("012345", k=6)
        indices = [i for name in chosen for i, p in enumerate(first) if p.speaker == name]
        drawn.append(
            np.mean([first[i].correct for i in indices]) - np.mean([second[i].correct for i in indices])
        )
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=0.015)
    assert found.p == pytest.approx(2 * np.mean(np.array(drawn) <= 0), abs=0.03)


def test_p_does_not_depend_on_the_order_and_is_1_for_equal_runs() -> None:
    first, second = run(0.8, 1), run(0.5, 2)
    assert ua_difference(first, second).p == ua_difference(second, first).p < 0.05
    assert ua_difference(first, first).p == 1


def test_differences_pool_seeds_but_tests_count_each_utterance_once() -> None:
    first = [replace(p, seed=s) for s in (1, 2) for p in run(0.8, s)]
    second = [replace(p, seed=s) for s in (1, 2) for p in run(0.5, s + 10)]
    (found,) = compare_to(first, [second])
    assert found.z == z_test(wa(first), wa(second), 90)
    assert found.ua is not None
    assert found.ua.value == pytest.approx(-ua_difference(first, second).value)
    pairs = list(zip(first[:90], second[:90], strict=True))
    alone = [sum(a.correct > b.correct for a, b in pairs), sum(a.correct < b.correct for a, b in pairs)]
    assert [found.mcnemar.only_first, found.mcnemar.only_second] == alone
    assert found.mcnemar.p == pytest.approx(binomtest(alone[0], sum(alone)).pvalue)


def test_p_values_are_corrected_separately_for_each_test() -> None:
    found = compare_to(run(0.8, 1), [run(0.5, 2), run(0.7, 3), run(0.6, 4)])
    assert [c.z_holm for c in found] == holm([c.z.p for c in found])
    assert [c.mcnemar_holm for c in found] == holm([c.mcnemar.p for c in found])
    assert [c.ua_holm for c in found] == holm([c.ua.p for c in found if c.ua])
    assert [c.wa_holm for c in found] == holm([c.wa.p for c in found if c.wa])


def test_pairs_agree_with_statsmodels() -> None:
    runs = {"a": run(0.9, 1), "b": run(0.5, 2), "c": run(0.7, 3), "d": run(0.72, 4)}
    runs["b"] += [replace(p, seed=2) for p in run(0.5, 9)]  # a second seed does not add utterances
    pairs = compare_pairs(runs)
    assert [pair.first + pair.second for pair in pairs] == ["ab", "ac", "ad", "bc", "bd", "cd"]
    expected = []
    for pair in pairs:
        both = [[0, 0], [0, 0]]
        for one, other in zip(runs[pair.first][:90], runs[pair.second][:90], strict=True):
            both[not one.correct][not other.correct] += 1
        assert [pair.mcnemar.only_first, pair.mcnemar.only_second] == [both[0][1], both[1][0]]
        expected.append(mcnemar_test(both, exact=True).pvalue)
    assert [pair.mcnemar.p for pair in pairs] == pytest.approx(expected)
    assert [pair.mcnemar_holm for pair in pairs] == pytest.approx(multipletests(expected, method="holm")[1])
    assert min(pair.mcnemar_holm for pair in pairs) < 0.05 < max(pair.mcnemar_holm for pair in pairs)
    assert compare_pairs({"a": runs["a"]}) == []


def test_one_speaker_has_no_differences_and_no_runs_give_no_comparisons() -> None:
    (found,) = compare_to(run(0.8, 1, speakers=1), [run(0.5, 2, speakers=1)])
    assert (found.ua, found.ua_holm, found.wa, found.wa_holm) == (None, None, None, None)
    assert found.mcnemar.p < 1
    assert compare_to(run(0.8, 1), []) == []
