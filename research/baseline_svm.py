"""Baseline: openSMILE features and a linear SVM, within a corpus and across corpora.

    python -m venv svm
    svm/bin/pip install . opensmile scikit-learn audmetric matplotlib
    svm/bin/python research/baseline_svm.py DATA OUTPUT [--sets eGeMAPS] [--cache FOLDER]

openSMILE has a separate environment because its licence allows research only. DATA is a folder with the
corpora `emodb` and `ravdess`, OUTPUT a folder for the table. The cache holds features as `CORPUS-SET.npz`.

Features are standardised and classes balanced. C is chosen on the training speakers, by holding out each of
five groups of them in turn. Features are normalised over the training speakers, as for a user with a single
recording, or per speaker, which needs all recordings of a speaker.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tables import write_table

from emotrace.audio.reading import SAMPLE_RATE_HZ, read_audio
from emotrace.corpora import open_corpus
from emotrace.evaluation.metrics import Metrics, score

SHARED = ("anger", "happiness", "sadness", "neutral")
SETS = {"eGeMAPS": "eGeMAPSv02", "ComParE": "ComParE_2016"}
COSTS = tuple(float(cost) for cost in np.logspace(-5, 0, 11))
INNER_FOLDS = 5


@dataclass(frozen=True)
class Speech:
    """The features `x` (utterance, feature) of a corpus, and the emotion and speaker of each utterance."""

    corpus: str
    x: np.ndarray
    emotions: np.ndarray
    speakers: np.ndarray

    def subset(self, chosen: np.ndarray) -> Speech:
        """The chosen utterances."""
        return replace(self, x=self.x[chosen], emotions=self.emotions[chosen], speakers=self.speakers[chosen])

    def shared(self) -> Speech:
        """The utterances of the emotions that are in both corpora."""
        return self.subset(np.isin(self.emotions, SHARED))

    def normalised_per_speaker(self) -> Speech:
        """Features with mean 0 and standard deviation 1 for each speaker."""
        x = np.empty_like(self.x)
        for speaker in np.unique(self.speakers):
            chosen = self.speakers == speaker
            x[chosen] = StandardScaler().fit_transform(self.x[chosen])
        return replace(self, x=x)


@dataclass(frozen=True)
class Row:
    """An experiment and its figures.

    Attributes:
        best_ua: UA if C is chosen on the test result itself; None across corpora
    """

    train: str
    test: str
    emotions: int
    features: str
    normalised: str
    metrics: Metrics
    best_ua: float | None = None


def features(corpus: str, root: Path, name: str, cache: Path) -> Speech:
    """Functionals of a corpus by openSMILE, computed once and cached."""
    path = cache / f"{corpus}-{name}.npz"
    if not path.exists():
        import opensmile

        smile = opensmile.Smile(opensmile.FeatureSet[SETS[name]], opensmile.FeatureLevel.Functionals)
        utterances = open_corpus(corpus, root).utterances
        rows = [
            smile.process_signal(read_audio(u.audio).samples, SAMPLE_RATE_HZ).to_numpy()[0]
            for u in utterances
        ]
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            x=np.stack(rows),
            emotions=np.array([u.emotion for u in utterances]),
            speakers=np.array([u.speaker for u in utterances]),
        )
    found = np.load(path, allow_pickle=False)
    return Speech(corpus, found["x"].astype(np.float64), found["emotions"], found["speakers"])


def classify(train: Speech, test: Speech) -> np.ndarray:
    """Predictions for `test` by a linear SVM trained on `train`, with C chosen on `train`."""
    groups = GroupKFold(min(INNER_FOLDS, len(np.unique(train.speakers))))
    held_out = {cost: np.empty_like(train.emotions) for cost in COSTS}
    for kept, held in groups.split(train.x, groups=train.speakers):
        for cost, predicted in predict(train.subset(kept), train.x[held], COSTS).items():
            held_out[cost][held] = predicted
    best = max(COSTS, key=lambda cost: balanced_accuracy_score(train.emotions, held_out[cost]))
    return predict(train, test.x, (best,))[best]


def predict(train: Speech, x: np.ndarray, costs: Sequence[float]) -> dict[float, np.ndarray]:
    """Predictions for `x` by SVMs with each C, which share one kernel matrix."""
    scaler = StandardScaler().fit(train.x)
    train_x, test_x = scaler.transform(train.x), scaler.transform(x)
    train_kernel, test_kernel = train_x @ train_x.T, test_x @ train_x.T
    predicted = {}
    for cost in costs:
        svm = SVC(kernel="precomputed", C=cost, class_weight="balanced").fit(train_kernel, train.emotions)
        predicted[cost] = svm.predict(test_kernel)
    return predicted


def cross_validate(speech: Speech, groups: list[tuple[str, ...]]) -> tuple[Metrics, float]:
    """Metrics of a cross-validation over groups of speakers, and UA at the best C."""
    predicted = np.empty_like(speech.emotions)
    by_cost = {cost: np.empty_like(speech.emotions) for cost in COSTS}
    for group in groups:
        tested = np.isin(speech.speakers, group)
        predicted[tested] = classify(speech.subset(~tested), speech.subset(tested))
        for cost, found in predict(speech.subset(~tested), speech.x[tested], COSTS).items():
            by_cost[cost][tested] = found
    best_ua = max(balanced_accuracy_score(speech.emotions, found) for found in by_cost.values())
    return metrics(speech, predicted), best_ua


def metrics(test: Speech, predicted: np.ndarray) -> Metrics:
    """UA and WA, with intervals that resample the test speakers."""
    labels = sorted({*test.emotions.tolist(), *predicted.tolist()})
    return score(test.emotions.tolist(), predicted.tolist(), test.speakers.tolist(), labels)


def feature_set_rows(emodb: Speech, ravdess: Speech, name: str) -> list[Row]:
    """All figures of a feature set."""
    actors = np.unique(ravdess.speakers).tolist()
    pairs = list(zip(actors[::2], actors[1::2], strict=True))
    alone = [(speaker,) for speaker in np.unique(emodb.speakers).tolist()]
    rows = []
    for normalised, normalise in (
        ("training speakers", lambda speech: speech),
        ("each speaker", Speech.normalised_per_speaker),
    ):
        within = [
            ("emodb", normalise(emodb), alone, "10 folds"),
            ("ravdess", normalise(ravdess), pairs, "6 folds"),
            ("ravdess", normalise(ravdess.shared()), pairs, "6 folds"),
        ]
        for corpus, speech, groups, folds in within:
            emotions = len(np.unique(speech.emotions))
            found, best_ua = cross_validate(speech, groups)
            rows.append(Row(corpus, f"{corpus}, {folds}", emotions, name, normalised, found, best_ua))
        for train, test in ((emodb, ravdess), (ravdess, emodb)):
            train_set, test_set = normalise(train.shared()), normalise(test.shared())
            found = metrics(test_set, classify(train_set, test_set))
            rows.append(Row(train.corpus, test.corpus, len(SHARED), name, normalised, found))
    return rows


NOTE = """\
Linear SVM on openSMILE's functionals. C is chosen on the training speakers. Intervals: 95 %, resampling the
test speakers. "UA, best C" is the UA if C is chosen on the test result itself: an upper bound, not a
baseline. Across corpora, all utterances of the four shared emotions are used for training or testing.
"""


def cells(row: Row) -> dict[str, str]:
    """The cells of a row by column."""
    return {
        "train": row.train,
        "test": row.test,
        "emotions": str(row.emotions),
        "features": row.features,
        "normalised by": row.normalised,
        "n": str(row.metrics.n),
        "UA": f"{row.metrics.ua:.3f}",
        "interval": str(row.metrics.ua_interval),
        "WA": f"{row.metrics.wa:.3f}",
        "UA, best C": "" if row.best_ua is None else f"{row.best_ua:.3f}",
    }


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/opensmile"))
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    options = parser.parse_args()
    warnings.filterwarnings("ignore", message="Segment too short")
    rows: list[Row] = []
    for name in options.sets:
        emodb, ravdess = (features(c, options.data / c, name, options.cache) for c in ("emodb", "ravdess"))
        rows += feature_set_rows(emodb, ravdess, name)
    print(write_table(options.output, [cells(row) for row in rows], NOTE), end="")


if __name__ == "__main__":
    main()
