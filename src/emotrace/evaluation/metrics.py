"""How good predictions are: WA, UA, macro-F1, intervals over speakers, and the spread over folds or seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import audmetric
import numpy as np
import numpy.typing as npt

from emotrace.evaluation.confusion import confusion_text
from emotrace.evaluation.predictions import Prediction

RESAMPLES = 2000
COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`: where 95 % of the resampled values lie.

    >>> str(Interval(0.81234, 0.9))
    '[0.812, 0.900]'
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Metrics:
    """What `score` measured; fractions, not per cent. The intervals are None where there is but one speaker.

    `confusion` has a row per true and a column per predicted label, both in the order of `labels`.
    """

    n: int
    speakers: int
    wa: float
    ua: float
    macro_f1: float
    wa_interval: Interval | None
    ua_interval: Interval | None
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, object]:
        """What `emotrace evaluate --json` prints."""
        return {
            "n": self.n,
            "wa": self.wa,
            "ua": self.ua,
            "macro_f1": self.macro_f1,
            "wa_interval": _ends(self.wa_interval),
            "ua_interval": _ends(self.ua_interval),
            "labels": list(self.labels),
            "confusion": [list(row) for row in self.confusion],
        }

    def as_text(self) -> str:
        """The figures under both their names, then the confusion matrix."""
        return "\n".join(
            [
                f"{self.n} predictions, {self.speakers} speaker{'s' if self.speakers != 1 else ''}",
                f"WA (accuracy)  {self.wa:.3f}  {self.wa_interval or ''}".rstrip(),
                f"UA (UAR)       {self.ua:.3f}  {self.ua_interval or ''}".rstrip(),
                f"macro-F1       {self.macro_f1:.3f}",
                "In brackets: 95 % intervals, from resampling speakers."
                if self.ua_interval
                else "No intervals: they resample speakers, and here there is one.",
                "",
                confusion_text(self.labels, self.confusion),
            ]
        )


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over `groups` folds or seeds; the deviation of one is None."""

    groups: int
    wa_mean: float
    wa_sd: float | None
    ua_mean: float
    ua_sd: float | None


def score(
    truth: Sequence[str],
    predicted: Sequence[str],
    speakers: Sequence[str],
    labels: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Metrics:
    """Measure predictions, with 95 % percentile intervals from a bootstrap over speakers.

    WA is accuracy. UA, the unweighted average recall or balanced accuracy, is the mean over classes of
    TP / (TP + FN); macro-F1 that of 2 TP / (2 TP + FP + FN). A class that is never the truth has no recall,
    and is left out of UA, and of that of each resample that drew none of it; a class neither true nor
    predicted is left out of macro-F1. A resample draws as many speakers as there are, with replacement, and
    takes all utterances of each: those of one speaker are not independent, so to draw utterances would make
    the intervals too narrow. The same `seed` gives the same intervals.

    Shape: `truth`, `predicted` and `speakers` are equally long; `labels` fixes the order of the matrix.

    Raises:
        ValueError: the three differ in length or are empty, or a label is not among `labels`.

    >>> measured = score(
    ...     ["anger", "anger", "rest"], ["anger", "rest", "rest"], ["a", "b", "b"], ["anger", "rest"]
    ... )
    >>> round(measured.wa, 3), measured.ua, measured.confusion
    (0.667, 0.75, ((1, 1), (0, 1)))
    """
    by_speaker = confusion_by_speaker(truth, predicted, speakers, labels)
    confusion = by_speaker.sum(axis=0)
    resampled = resample_speakers(by_speaker, resamples, seed)
    several = len(by_speaker) > 1
    recalls = audmetric.recall_per_class(truth, predicted, zero_division=np.nan)
    return Metrics(
        n=len(truth),
        speakers=len(by_speaker),
        wa=float(audmetric.accuracy(truth, predicted)),
        ua=float(np.nanmean(list(recalls.values()))),
        macro_f1=float(audmetric.unweighted_average_fscore(truth, predicted)),
        wa_interval=interval(accuracy(resampled)) if several else None,
        ua_interval=interval(mean_recall(resampled)) if several else None,
        labels=tuple(labels),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
    )


def score_predictions(
    predictions: Sequence[Prediction], *, resamples: int = RESAMPLES, seed: int = 0
) -> Metrics:
    """Pool `predictions`, of one fold or of all, and `score` them.

    Predictions of several seeds count each; the intervals stay honest, since a drawn speaker brings them all.

    Raises:
        ValueError: there are none.
    """
    if not predictions:
        raise ValueError("found no predictions; expected one or more")
    return score(
        [p.truth for p in predictions],
        [p.predicted for p in predictions],
        [p.speaker for p in predictions],
        predictions[0].labels,
        resamples=resamples,
        seed=seed,
    )


def spread(predictions: Sequence[Prediction], by: Literal["fold", "seed"] = "fold") -> Spread:
    """Mean and standard deviation of WA and UA over the folds, all seeds pooled, or over the seeds.

    >>> right = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 1.0, "rest": 0.0})
    >>> wrong = Prediction("b.wav", "08", 1, 1, "rest", "anger", {"anger": 1.0, "rest": 0.0})
    >>> spread([right, wrong]).wa_mean
    0.5
    """
    groups: dict[int, list[Prediction]] = {}
    for p in predictions:
        groups.setdefault(p.fold if by == "fold" else p.seed, []).append(p)
    scores = [score_predictions(group, resamples=1) for _, group in sorted(groups.items())]
    was, uas = [s.wa for s in scores], [s.ua for s in scores]
    return Spread(
        groups=len(scores),
        wa_mean=statistics.mean(was),
        wa_sd=statistics.stdev(was) if len(was) > 1 else None,
        ua_mean=statistics.mean(uas),
        ua_sd=statistics.stdev(uas) if len(uas) > 1 else None,
    )


def confusion_by_speaker(
    truth: Sequence[str], predicted: Sequence[str], speakers: Sequence[str], labels: Sequence[str]
) -> npt.NDArray[np.int64]:
    """One confusion matrix per speaker, speakers by alphabet.

    Shape: (speaker, truth, predicted).

    Raises:
        ValueError: the sequences differ in length or are empty, or a label is not among `labels`.

    >>> confusion_by_speaker(["anger", "rest"], ["anger", "anger"], ["b", "a"], ["anger", "rest"]).tolist()
    [[[0, 0], [1, 0]], [[1, 0], [0, 0]]]
    """
    if not len(truth) == len(predicted) == len(speakers) > 0:
        raise ValueError(
            f"found {len(truth)} true labels, {len(predicted)} predicted ones and {len(speakers)} speakers; "
            "expected one of each per utterance, and an utterance"
        )
    unknown = {*truth, *predicted} - {*labels}
    if unknown:
        raise ValueError(f"found the labels {', '.join(sorted(unknown))}; expected only {', '.join(labels)}")
    place = {label: i for i, label in enumerate(labels)}
    row = {speaker: i for i, speaker in enumerate(sorted(set(speakers)))}
    counts = np.zeros((len(row), len(labels), len(labels)), dtype=np.int64)
    where = [row[s] for s in speakers], [place[t] for t in truth], [place[p] for p in predicted]
    np.add.at(counts, where, 1)
    return counts


def resample_speakers(
    by_speaker: npt.NDArray[np.int64], resamples: int = RESAMPLES, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Confusion matrices of as many speakers as there are, drawn with replacement.

    The draws depend on `resamples`, `seed` and the number of speakers alone, so that two systems can be
    resampled alike.

    Shape: (speaker, truth, predicted) in, (resample, truth, predicted) out.

    >>> resample_speakers(np.ones((3, 1, 1), dtype=np.int64), resamples=2).ravel().tolist()
    [3, 3]
    """
    speakers = len(by_speaker)
    times_drawn = np.random.default_rng(seed).multinomial(
        speakers, np.full(speakers, 1 / speakers), size=resamples
    )
    return np.tensordot(times_drawn, by_speaker, axes=1)


def accuracy(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """WA of confusion matrices (…, truth, predicted): the trace over the sum.

    >>> accuracy(np.array([[3, 1], [0, 4]])).item()
    0.875
    """
    right = np.trace(confusion, axis1=-2, axis2=-1)
    return np.asarray(right / confusion.sum(axis=(-2, -1)), dtype=np.float64)


def mean_recall(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """UA of confusion matrices (…, truth, predicted): the mean recall of the classes that occur.

    >>> mean_recall(np.array([[[3, 1], [0, 4]], [[3, 1], [0, 0]]])).tolist()
    [0.875, 0.75]
    """
    per_class = confusion.sum(axis=-1)
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    total = (right / np.maximum(per_class, 1)).sum(axis=-1)
    return np.asarray(total / (per_class > 0).sum(axis=-1), dtype=np.float64)


def interval(values: npt.NDArray[np.float64]) -> Interval:
    """The percentile interval that holds the middle 95 % of `values`.

    >>> str(interval(np.arange(201.0)))
    '[5.000, 195.000]'
    """
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
