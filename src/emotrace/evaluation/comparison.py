"""Compares runs on the same utterances; p values are corrected for the number of comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import Prediction
from emotrace.evaluation.significance import (
    Difference,
    McNemar,
    ZTest,
    holm,
    mcnemar,
    ua_difference,
    wa_difference,
    z_test,
)

FEW_SPEAKERS = 8  # with fewer, intervals of a bootstrap over speakers are too narrow


@dataclass(frozen=True)
class Comparison:
    """A run compared with a reference. Attributes that end in `_holm` are corrected p values (Holm 1979).

    Attributes:
        z: the paper's one-tailed test that the reference has the higher WA, on independent utterances
        mcnemar: two-sided test of a difference in accuracy; `only_first` counts for the reference
        ua: UA of the run minus that of the reference; None if there is only one speaker
        wa: the same for WA
    """

    z: ZTest
    z_holm: float
    mcnemar: McNemar
    mcnemar_holm: float
    ua: Difference | None
    ua_holm: float | None
    wa: Difference | None
    wa_holm: float | None


@dataclass(frozen=True)
class Pair:
    """McNemar's test of two runs, and its p value corrected for the number of pairs."""

    first: str
    second: str
    mcnemar: McNemar
    mcnemar_holm: float


def compare_to(reference: Sequence[Prediction], others: Sequence[Sequence[Prediction]]) -> list[Comparison]:
    """Compare each of `others` with `reference`.

    Differences pool the seeds of a run, as its metrics do. The z-test compares the pooled WA over the number
    of utterances. McNemar's test uses only the lowest seed, since it treats predictions as independent.

    Raises:
        RunError: two runs have different utterances or different true labels

    >>> labels = {"anger": 1.0, "rest": 0.0}
    >>> right = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "anger", labels) for i in range(6)]
    >>> wrong = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "rest", labels) for i in range(6)]
    >>> compared = compare_to(right, [wrong, right])
    >>> [(c.ua.value, c.mcnemar.p, c.mcnemar_holm) for c in compared]
    [(-1.0, 0.03125, 0.0625), (0.0, 1.0, 1.0)]
    """
    utterances = len({p.file for p in reference})
    wa = score_predictions(reference, resamples=1).wa
    several = len({p.speaker for p in reference}) > 1
    zs = [z_test(wa, score_predictions(other, resamples=1).wa, utterances) for other in others]
    mcnemars = [mcnemar(select_lowest_seed(reference), select_lowest_seed(other)) for other in others]
    uas = corrected_differences(ua_difference, reference, others) if several else [(None, None)] * len(others)
    was = corrected_differences(wa_difference, reference, others) if several else [(None, None)] * len(others)
    z_holm, mcnemar_holm = holm([z.p for z in zs]), holm([m.p for m in mcnemars])
    return [
        Comparison(zs[i], z_holm[i], mcnemars[i], mcnemar_holm[i], *uas[i], *was[i])
        for i in range(len(others))
    ]


def compare_pairs(runs: Mapping[str, Sequence[Prediction]]) -> list[Pair]:
    """McNemar's test of each pair of runs, on the lowest seed.

    Args:
        runs: predictions by the name of the run

    Raises:
        RunError: two runs have different utterances or different true labels

    >>> labels = {"anger": 1.0, "rest": 0.0}
    >>> right = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "anger", labels) for i in range(6)]
    >>> wrong = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "rest", labels) for i in range(6)]
    >>> pairs = compare_pairs({"a": right, "b": wrong, "c": right})
    >>> [(pair.first, pair.second, pair.mcnemar_holm) for pair in pairs]
    [('a', 'b', 0.09375), ('a', 'c', 1.0), ('b', 'c', 0.09375)]
    """
    by_name = {name: select_lowest_seed(predictions) for name, predictions in runs.items()}
    names = list(combinations(by_name, 2))
    tests = [mcnemar(by_name[first], by_name[second]) for first, second in names]
    corrected = holm([test.p for test in tests])
    return [
        Pair(first, second, test, p) for (first, second), test, p in zip(names, tests, corrected, strict=True)
    ]


def corrected_differences(
    difference: Callable[[Sequence[Prediction], Sequence[Prediction]], Difference],
    reference: Sequence[Prediction],
    others: Sequence[Sequence[Prediction]],
) -> list[tuple[Difference, float]]:
    """The difference of each run to the reference, and its corrected p value."""
    found = [difference(other, reference) for other in others]
    return list(zip(found, holm([one.p for one in found]), strict=True))


def select_lowest_seed(predictions: Sequence[Prediction]) -> list[Prediction]:
    """The predictions of the lowest seed."""
    lowest = min(p.seed for p in predictions)
    return [p for p in predictions if p.seed == lowest]
