"""Significance tests of two systems: the paper's z-test, McNemar's test, and a bootstrap over speakers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_test
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

from emotrace.errors import RunError
from emotrace.evaluation.metrics import (
    RESAMPLES,
    Interval,
    accuracy,
    confusion_by_speaker,
    interval,
    mean_recall,
    resample_speakers,
)
from emotrace.evaluation.predictions import Prediction


@dataclass(frozen=True)
class ZTest:
    """The statistic `z`, and the one-tailed probability `p` of at least `z` for equal proportions."""

    z: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """The numbers of utterances that only one of two systems got right, and the two-sided `p`."""

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True)
class Difference:
    """A difference of UA or WA (first minus second), its 95 % interval over speakers, and its two-sided p."""

    value: float
    interval: Interval
    p: float


def z_test(first: float, second: float, n_first: int, n_second: int | None = None) -> ZTest:
    """The paper's test that the accuracy `first` is higher than `second`: one-tailed, with pooled variance.

    z = (a - b) / sqrt(q (1 - q) (1/n + 1/m)), where q = (n a + m b) / (n + m). The test assumes independent
    samples; for systems tested on the same utterances use `mcnemar`. UA is not a proportion; for UA use
    `ua_difference`. The example has the best and the first accuracy of Table 5 in Zhao et al. (2021), on 2280
    utterances; the paper reports p < .05.

    Args:
        first: accuracy as a fraction of `n_first` utterances
        second: accuracy as a fraction of `n_second` utterances
        n_first: number of utterances
        n_second: number of utterances; None: `n_first`

    Raises:
        ValueError: an accuracy is not between 0 and 1, or a count is below 1

    >>> better = z_test(0.731, 0.688, 2280)
    >>> round(better.z, 2), round(better.p, 4)
    (3.2, 0.0007)
    """
    n_second = n_first if n_second is None else n_second
    if not (0 <= first <= 1 and 0 <= second <= 1 and n_first >= 1 and n_second >= 1):
        raise ValueError(
            f"found accuracies {first} and {second} over {n_first} and {n_second} utterances; "
            "expected fractions between 0 and 1, over at least 1 utterance"
        )
    if first == second:  # the variance is 0 if both are 0 or 1
        return ZTest(0.0, 0.5)
    z, p = proportions_ztest([first * n_first, second * n_second], [n_first, n_second], alternative="larger")
    return ZTest(float(z), float(p))


def mcnemar(first: Sequence[Prediction], second: Sequence[Prediction]) -> McNemar:
    """McNemar's exact test of a difference in accuracy of two systems on the same utterances.

    If two systems are equally good, the number of utterances that only the first gets right is binomial with
    probability 1/2; `p` is two-sided. Give the predictions of one seed per system: the test assumes
    independent utterances, and predictions of one utterance with several seeds are not independent.

    Raises:
        RunError: the two have different utterances or different true labels

    >>> labels = {"anger": 1.0, "rest": 0.0}
    >>> right = [Prediction(f"{i}.wav", "03", 0, 1, "anger", "anger", labels) for i in range(6)]
    >>> wrong = [Prediction(f"{i}.wav", "03", 0, 1, "anger", "rest", labels) for i in range(6)]
    >>> mcnemar(right, wrong)
    McNemar(only_first=6, only_second=0, p=0.03125)
    """
    pairs = pair_predictions(first, second)
    only_first = sum(a.correct and not b.correct for a, b in pairs)
    only_second = sum(b.correct and not a.correct for a, b in pairs)
    both = sum(a.correct and b.correct for a, b in pairs)
    neither = len(pairs) - both - only_first - only_second
    test = mcnemar_test([[both, only_first], [only_second, neither]], exact=True)
    return McNemar(only_first, only_second, float(test.pvalue))


def ua_difference(
    first: Sequence[Prediction], second: Sequence[Prediction], *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """UA of `first` minus UA of `second`, with a 95 % interval from resampling the same speakers for both.

    `p` is twice the share of resamples whose difference is 0 or has the other sign, with 1 added to both
    counts so that it is never 0.

    Raises:
        RunError: the two have different utterances or true labels, or there is only one speaker

    >>> labels = {"anger": 1.0, "rest": 0.0}
    >>> right = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "anger", labels) for i in range(6)]
    >>> wrong = [Prediction(f"{i}.wav", str(i), 0, 1, "anger", "rest", labels) for i in range(6)]
    >>> ua_difference(right, wrong, resamples=999)
    Difference(value=1.0, interval=Interval(low=1.0, high=1.0), p=0.002)
    """
    return _difference(mean_recall, first, second, resamples, seed)


def wa_difference(
    first: Sequence[Prediction], second: Sequence[Prediction], *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """WA of `first` minus WA of `second`; otherwise as `ua_difference`.

    Raises:
        RunError: the two have different utterances or true labels, or there is only one speaker
    """
    return _difference(accuracy, first, second, resamples, seed)


def _difference(
    metric: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]],
    first: Sequence[Prediction],
    second: Sequence[Prediction],
    resamples: int,
    seed: int,
) -> Difference:
    pairs = pair_predictions(first, second)
    truth = [a.truth for a, _ in pairs]
    speakers = [a.speaker for a, _ in pairs]
    if len(set(speakers)) < 2:
        raise RunError(f"found only speaker {speakers[0]}; an interval over speakers needs two or more")
    labels = first[0].labels
    by_first = confusion_by_speaker(truth, [a.predicted for a, _ in pairs], speakers, labels)
    by_second = confusion_by_speaker(truth, [b.predicted for _, b in pairs], speakers, labels)
    resampled_first, resampled_second = (resample_speakers(m, resamples, seed) for m in (by_first, by_second))
    resampled = metric(resampled_first) - metric(resampled_second)
    rarer = min(np.count_nonzero(resampled <= 0), np.count_nonzero(resampled >= 0))
    return Difference(
        value=float(metric(by_first.sum(axis=0)) - metric(by_second.sum(axis=0))),
        interval=interval(resampled),
        p=min(1.0, 2 * (1 + int(rarer)) / (1 + resamples)),
    )


def holm(ps: Sequence[float]) -> list[float]:
    """P values corrected for multiple tests by the method of Holm (1979).

    The smallest p is multiplied by the number of tests n, the next one by n - 1, and so on. None becomes
    smaller than the one before it or larger than 1.

    >>> holm([0.03, 0.01, 0.6])
    [0.06, 0.03, 0.6]
    """
    return [float(p) for p in multipletests(ps, method="holm")[1]] if ps else []


def pair_predictions(
    first: Sequence[Prediction], second: Sequence[Prediction]
) -> tuple[tuple[Prediction, Prediction], ...]:
    """Pairs of predictions of the same utterance.

    Predictions are matched by file and seed, or by file alone if each side has a single seed.

    Raises:
        RunError: an utterance has no partner, or the partners differ in true label, speaker or labels
    """
    one_seed_each = len({p.seed for p in first}) == len({p.seed for p in second}) == 1

    def key(p: Prediction) -> tuple[str, int]:
        return p.file, 0 if one_seed_each else p.seed

    by_key = {key(p): p for p in second}
    unmatched = {key(p) for p in first} ^ by_key.keys()
    if unmatched or not first:
        example = min(unmatched)[0] if unmatched else "none"
        raise RunError(
            f"of {len(first)} and {len(second)} predictions {len(unmatched)} have no partner ({example}); "
            "expected two runs on the same utterances and seeds"
        )
    pairs = tuple((p, by_key[key(p)]) for p in first)
    for a, b in pairs:
        if (a.truth, a.speaker, sorted(a.labels)) != (b.truth, b.speaker, sorted(b.labels)):
            raise RunError(
                f"{a.file} is {a.truth} by {a.speaker} of {', '.join(a.labels)} in one run and {b.truth} by "
                f"{b.speaker} of {', '.join(b.labels)} in the other; expected the same corpus in both"
            )
    return pairs
