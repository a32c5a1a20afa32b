"""Several runs on the same utterances against one of them, each test corrected for how many there are."""

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

FEW_SPEAKERS = 8  # below this a bootstrap over speakers is too sure


@dataclass(frozen=True)
class Comparison:
    """A run against a reference; what ends in `_holm` is a `p` corrected for the number of runs.

    Attributes:
        z: the paper's one-tailed test that the reference's WA is the greater, utterances taken as independent
        mcnemar: whether the two are right as often, two-sided; `only_first` is what the reference alone got
        ua: UA of the run less that of the reference; None where there is but one speaker
        wa: the same of WA
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
    """Two runs: what each alone got right, and whether that is more than chance, corrected for all pairs."""

    first: str
    second: str
    mcnemar: McNemar
    mcnemar_holm: float


def against(reference: Sequence[Prediction], others: Sequence[Sequence[Prediction]]) -> list[Comparison]:
    """Compare each of `others` with `reference`.

    With several seeds the differences pool them, as the figures do; the z-test takes their WA over the number
    of utterances; McNemar's test is given the lowest seed alone, since it counts answers as independent.

    Raises:
        RunError: two runs did not label the same utterances, or disagree about the truth.

    >>> labels = {"anger": 1.0, "rest": 0.0}
    >>> right = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "anger", labels) for i in range(6)]
    >>> wrong = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "rest", labels) for i in range(6)]
    >>> compared = against(right, [wrong, right])
    >>> [(c.ua.value, c.mcnemar.p, c.mcnemar_holm) for c in compared]
    [(-1.0, 0.03125, 0.0625), (0.0, 1.0, 1.0)]
    """
    utterances = len({p.file for p in reference})
    wa = score_predictions(reference, resamples=1).wa
    several = len({p.speaker for p in reference}) > 1
    zs = [z_test(wa, score_predictions(other, resamples=1).wa, utterances) for other in others]
    mcnemars = [mcnemar(lowest_seed(reference), lowest_seed(other)) for other in others]
    uas = differences(ua_difference, reference, others) if several else [(None, None)] * len(others)
    was = differences(wa_difference, reference, others) if several else [(None, None)] * len(others)
    z_holm, mcnemar_holm = holm([z.p for z in zs]), holm([m.p for m in mcnemars])
    return [
        Comparison(zs[i], z_holm[i], mcnemars[i], mcnemar_holm[i], *uas[i], *was[i])
        for i in range(len(others))
    ]


def every_pair(runs: Mapping[str, Sequence[Prediction]]) -> list[Pair]:
    """McNemar's test between each run and each that comes after it, by their names, on the lowest seed.

    Raises:
        RunError: two runs did not label the same utterances, or disagree about the truth.

    >>> labels = {"anger": 1.0, "rest": 0.0}
    >>> right = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "anger", labels) for i in range(6)]
    >>> wrong = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "rest", labels) for i in range(6)]
    >>> pairs = every_pair({"a": right, "b": wrong, "c": right})
    >>> [(pair.first, pair.second, pair.mcnemar_holm) for pair in pairs]
    [('a', 'b', 0.09375), ('a', 'c', 1.0), ('b', 'c', 0.09375)]
    """
    resampled = {name: lowest_seed(predictions) for name, predictions in runs.items()}
    names = list(combinations(resampled, 2))
    tests = [mcnemar(resampled[first], resampled[second]) for first, second in names]
    corrected = holm([test.p for test in tests])
    return [
        Pair(first, second, test, p) for (first, second), test, p in zip(names, tests, corrected, strict=True)
    ]


def differences(
    of: Callable[[Sequence[Prediction], Sequence[Prediction]], Difference],
    reference: Sequence[Prediction],
    others: Sequence[Sequence[Prediction]],
) -> list[tuple[Difference, float]]:
    """Each run less the reference, and its `p` corrected."""
    found = [of(other, reference) for other in others]
    return list(zip(found, holm([difference.p for difference in found]), strict=True))


def lowest_seed(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Those of the lowest seed."""
    lowest = min(p.seed for p in predictions)
    return [p for p in predictions if p.seed == lowest]
