"""Metrics of predictions: WA, UA, macro-F1, intervals over speakers, and spread over folds or seeds."""

import statistics
from collections.abc import Mapping, Sequence
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
    """An interval with 95 % of the resampled values.

    >>> str(Interval(0.81234, 0.9))
    '[0.812, 0.900]'
    """

    low: float
    high: float

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Metrics:
    """Metrics of some predictions, as fractions.

    Attributes:
        n: number of predictions
        speakers: number of speakers
        wa: weighted accuracy, the share of correct labels
        ua: unweighted accuracy, the mean recall of the classes
        macro_f1: mean F1 score of the classes
        wa_interval: 95 % interval of WA over speakers; None if there is only one speaker
        ua_interval: the same for UA
        labels: the labels in the order of the matrix
        confusion: counts; rows are true labels, columns predicted labels
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
        """The metrics as `emotrace evaluate --json` prints them."""
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
        """The metrics, each with both of its names, and the confusion matrix."""
        return "\n".join(
            [
                f"{self.n} predictions, {self.speakers} speaker{'s' if self.speakers != 1 else ''}",
                f"WA (accuracy)  {self.wa:.3f}  {self.wa_interval or ''}".rstrip(),
                f"UA (UAR)       {self.ua:.3f}  {self.ua_interval or ''}".rstrip(),
                f"macro-F1       {self.macro_f1:.3f}",
                "In brackets: 95 % intervals from resampling speakers."
                if self.ua_interval
                else "No intervals: they need two speakers or more.",
                "",
                confusion_text(self.labels, self.confusion),
            ]
        )


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over `groups` folds or seeds; None for a single group."""

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
    """Metrics of predicted labels, with 95 % percentile intervals from a bootstrap over speakers.

    WA is the accuracy. UA, also called unweighted average recall or balanced accuracy, is the mean over
    classes of TP / (TP + FN). Macro-F1 is the mean over classes of 2 TP / (2 TP + FP + FN). Classes without a
    true utterance do not count in UA, also within a resample; classes without a true or a predicted utterance
    do not count in macro-F1.

    A resample draws as many speakers as there are, with replacement, with all of their utterances. Utterances
    of one speaker are not independent, so resampling utterances would make the intervals too narrow. The same
    `seed` gives the same intervals.

    Shape: `truth`, `predicted` and `speakers` have one item per utterance; `labels` is the matrix's order.

    Raises:
        ValueError: their lengths differ, they are empty, or a label is not one of `labels`

    >>> metrics = score(
    ...     ["anger", "anger", "rest"], ["anger", "rest", "rest"], ["a", "b", "b"], ["anger", "rest"]
    ... )
    >>> round(metrics.wa, 3), metrics.ua, metrics.confusion
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
    """Metrics of predictions, pooled over folds and seeds.

    Predictions of several seeds all count. Intervals remain valid, since a resample draws whole speakers.

    Raises:
        ValueError: there are no predictions
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


def score_by_corpus(predictions: Sequence[Prediction], corpora: Mapping[str, str]) -> dict[str, Metrics]:
    """Metrics of the predictions for each corpus of a collection.

    Args:
        corpora: the corpus of each utterance, by name
    """
    groups: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        groups.setdefault(corpora[prediction.file], []).append(prediction)
    return {corpus: score_predictions(groups[corpus]) for corpus in sorted(groups)}


def spread(predictions: Sequence[Prediction], by: Literal["fold", "seed"] = "fold") -> Spread:
    """Mean and standard deviation of WA and UA over folds (with seeds pooled) or over seeds.

    >>> right = Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 1.0, "rest": 0.0})
    >>> wrong = Prediction("b.wav", "08", 1, 1, "rest", "anger", {"anger": 1.0, "rest": 0.0})
    >>> spread([right, wrong]).wa_mean
    0.5
    """
    groups: dict[int, list[Prediction]] = {}
    for p in predictions:
        groups.setdefault(p.fold if by == "fold" else p.seed, []).append(p)
    by_group = [score_predictions(group, resamples=1) for _, group in sorted(groups.items())]
    was, uas = [metrics.wa for metrics in by_group], [metrics.ua for metrics in by_group]
    return Spread(
        groups=len(by_group),
        wa_mean=statistics.mean(was),
        wa_sd=statistics.stdev(was) if len(was) > 1 else None,
        ua_mean=statistics.mean(uas),
        ua_sd=statistics.stdev(uas) if len(uas) > 1 else None,
    )


def confusion_by_speaker(
    truth: Sequence[str], predicted: Sequence[str], speakers: Sequence[str], labels: Sequence[str]
) -> npt.NDArray[np.int64]:
    """One confusion matrix per speaker, speakers in alphabetical order.

    Shape: (speaker, truth, predicted).

    Raises:
        ValueError: the lengths differ, the sequences are empty, or a label is not one of `labels`

    >>> confusion_by_speaker(["anger", "rest"], ["anger", "anger"], ["b", "a"], ["anger", "rest"]).tolist()
    [[[0, 0], [1, 0]], [[1, 0], [0, 0]]]
    """
    if not len(truth) == len(predicted) == len(speakers) > 0:
        raise ValueError(
            f"found {len(truth)} true labels, {len(predicted)} predicted ones and {len(speakers)} speakers; "
            "expected as many of each, and at least one"
        )
    unknown = {*truth, *predicted} - {*labels}
    if unknown:
        raise ValueError(f"found the labels {', '.join(sorted(unknown))}; expected only {', '.join(labels)}")
    column = {label: i for i, label in enumerate(labels)}
    row = {speaker: i for i, speaker in enumerate(sorted(set(speakers)))}
    counts = np.zeros((len(row), len(labels), len(labels)), dtype=np.int64)
    indices = [row[s] for s in speakers], [column[t] for t in truth], [column[p] for p in predicted]
    np.add.at(counts, indices, 1)
    return counts


def resample_speakers(
    by_speaker: npt.NDArray[np.int64], resamples: int = RESAMPLES, seed: int = 0
) -> npt.NDArray[np.int64]:
    """Confusion matrices of resampled speakers: as many as there are, drawn with replacement.

    The draws depend only on `resamples`, `seed` and the number of speakers, so two systems with the same
    speakers get the same draws.

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
    """WA of confusion matrices (…, truth, predicted): trace divided by sum.

    >>> accuracy(np.array([[3, 1], [0, 4]])).item()
    0.875
    """
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    return np.asarray(correct / confusion.sum(axis=(-2, -1)), dtype=np.float64)


def mean_recall(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """UA of confusion matrices (…, truth, predicted): mean recall of the classes with true utterances.

    >>> mean_recall(np.array([[[3, 1], [0, 4]], [[3, 1], [0, 0]]])).tolist()
    [0.875, 0.75]
    """
    per_class = confusion.sum(axis=-1)
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    total = (correct / np.maximum(per_class, 1)).sum(axis=-1)
    return np.asarray(total / (per_class > 0).sum(axis=-1), dtype=np.float64)


def interval(values: npt.NDArray[np.float64]) -> Interval:
    """The percentile interval with the middle 95 % of `values`.

    >>> str(interval(np.arange(201.0)))
    '[5.000, 195.000]'
    """
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _ends(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
