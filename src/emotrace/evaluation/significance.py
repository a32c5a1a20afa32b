"""Whether one system is better than another: the paper's z-test, McNemar's, and a bootstrap over speakers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_table
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
    """`z`, and the one-tailed probability `p` of at least that if the two proportions were one."""

    z: float
    p: float


@dataclass(frozen=True)
class McNemar:
    """How many utterances only the first system got right, how many only the second; two-sided `p`."""

    only_first: int
    only_second: int
    p: float


@dataclass(frozen=True)
class Difference:
    """UA or WA of the first system less that of the second, its 95 % interval over speakers, two-sided p."""

    value: float
    interval: Interval
    p: float


def z_test(first: float, second: float, n_first: int, n_second: int | None = None) -> ZTest:
    """Whether the accuracy `first` exceeds `second`, as the paper tests it: one-tailed, variance pooled.

    z = (a - b) / sqrt(q (1 - q) (1/n + 1/m)), where q = (n a + m b) / (n + m). Accuracies are fractions over
    `n_first` and `n_second` utterances, by default as many. It takes the two samples to be independent, which
    systems tested on the same utterances are not: for those use `mcnemar`. UA is no proportion: for it use
    `ua_difference`. The accuracies below are the best and the first of Table 5 in Zhao et al. (2021), on
    2280 utterances, where the paper says p < .05.

    Raises:
        ValueError: an accuracy is outside 0 … 1, or a count below 1.

    >>> better = z_test(0.731, 0.688, 2280)
    >>> round(better.z, 2), round(better.p, 4)
    (3.2, 0.0007)
    """
    n_second = n_first if n_second is None else n_second
    if not (0 <= first <= 1 and 0 <= second <= 1 and n_first >= 1 and n_second >= 1):
        raise ValueError(
            f"found accuracies {first} and {second} over {n_first} and {n_second} utterances; "
            "expected fractions of 0 to 1, over at least 1"
        )
    if first == second:  # also where both are 0 or 1, and the variance with them
        return ZTest(0.0, 0.5)
    z, p = proportions_ztest([first * n_first, second * n_second], [n_first, n_second], alternative="larger")
    return ZTest(float(z), float(p))


def mcnemar(first: Sequence[Prediction], second: Sequence[Prediction]) -> McNemar:
    """McNemar's exact test: whether two systems differ in accuracy on the same utterances.

    Of the utterances that only one system got right, each is as likely the first's as the second's if they
    are equally good, so the counts are binomial with probability 1/2; `p` is two-sided. Give one seed of
    each system: the test counts utterances as independent, and one utterance under three seeds is not.

    Raises:
        RunError: the two did not label the same utterances, or disagree about the truth.

    >>> labels = {"anger": 1.0, "rest": 0.0}
    >>> right = [Prediction(f"{i}.wav", "03", 0, 1, "anger", "anger", labels) for i in range(6)]
    >>> wrong = [Prediction(f"{i}.wav", "03", 0, 1, "anger", "rest", labels) for i in range(6)]
    >>> mcnemar(right, wrong)
    McNemar(only_first=6, only_second=0, p=0.03125)
    """
    pairs = paired(first, second)
    only_first = sum(a.correct and not b.correct for a, b in pairs)
    only_second = sum(b.correct and not a.correct for a, b in pairs)
    both = sum(a.correct and b.correct for a, b in pairs)
    neither = len(pairs) - both - only_first - only_second
    test = mcnemar_of_table([[both, only_first], [only_second, neither]], exact=True)
    return McNemar(only_first, only_second, float(test.pvalue))


def ua_difference(
    first: Sequence[Prediction], second: Sequence[Prediction], *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """How much greater the UA of `first` is, with a 95 % interval that draws the same speakers for both.

    `p` is twice the share of resamples in which the difference is nothing or has the other sign, one more of
    each counted so that it is never 0.

    Raises:
        RunError: the two did not label the same utterances, disagree about the truth, or have one speaker.

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
    """The same of WA.

    Raises:
        RunError: as `ua_difference` does.
    """
    return _difference(accuracy, first, second, resamples, seed)


def _difference(
    measure: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float64]],
    first: Sequence[Prediction],
    second: Sequence[Prediction],
    resamples: int,
    seed: int,
) -> Difference:
    pairs = paired(first, second)
    truth = [a.truth for a, _ in pairs]
    speakers = [a.speaker for a, _ in pairs]
    if len(set(speakers)) < 2:
        raise RunError(f"found only speaker {speakers[0]}; an interval over speakers needs two or more")
    labels = first[0].labels
    by_first = confusion_by_speaker(truth, [a.predicted for a, _ in pairs], speakers, labels)
    by_second = confusion_by_speaker(truth, [b.predicted for _, b in pairs], speakers, labels)
    drawn_first, drawn_second = (resample_speakers(m, resamples, seed) for m in (by_first, by_second))
    drawn = measure(drawn_first) - measure(drawn_second)
    rarer = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return Difference(
        value=float(measure(by_first.sum(axis=0)) - measure(by_second.sum(axis=0))),
        interval=interval(drawn),
        p=min(1.0, 2 * (1 + int(rarer)) / (1 + resamples)),
    )


def holm(ps: Sequence[float]) -> list[float]:
    """Probabilities corrected for how many there are, as Holm (1979) does: as they would be of one test.

    The smallest is multiplied by their number, the next by one less, and so on; none falls below the one
    before, nor exceeds 1.

    >>> holm([0.03, 0.01, 0.6])
    [0.06, 0.03, 0.6]
    """
    return [float(p) for p in multipletests(ps, method="holm")[1]] if ps else []


def paired(
    first: Sequence[Prediction], second: Sequence[Prediction]
) -> tuple[tuple[Prediction, Prediction], ...]:
    """Each utterance of `first` beside the same utterance of `second`.

    Matched by file and seed or, where each side has one seed, by file alone.

    Raises:
        RunError: an utterance is on one side only, has two truths or two speakers, or the labels differ.
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
