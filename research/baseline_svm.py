"""What people use: openSMILE features and a linear SVM, within a corpus and from one corpus to the other.

    python -m venv svm-v
    svm-v/bin/pip install . opensmile scikit-learn audmetric matplotlib
    svm-v/bin/python research/baseline_svm.py "$EMOTRACE_DATA" results/cross-corpus-baseline --cache features

An environment of its own, since openSMILE is free for research alone, and emotrace for everything. DATA
holds `emodb` and `ravdess`; the second argument is the start of the names of a Markdown and a CSV file.
Features are kept as `CORPUS-SET.npz` in the cache.

Features are standardised, classes balanced, and C is chosen by the speakers who train: five groups of them
in turn are held out. Normalisation is by the training speakers, as for a user with one clip, or by each
speaker, which needs all of a speaker's recordings at once.
"""

from __future__ import annotations

import argparse
import csv
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from emotrace.audio.reading import SAMPLE_RATE_HZ, read_audio
from emotrace.corpora import open_corpus
from emotrace.evaluation.metrics import Metrics, score
from emotrace.system.files import write_text

SHARED = ("anger", "happiness", "sadness", "neutral")
SETS = {"eGeMAPS": "eGeMAPSv02", "ComParE": "ComParE_2016"}
COSTS = tuple(float(cost) for cost in np.logspace(-5, 0, 11))
INNER_FOLDS = 5


@dataclass(frozen=True)
class Speech:
    """A corpus as one feature set sees it: `x` is (utterance, feature), and the rest one per utterance."""

    corpus: str
    x: np.ndarray
    emotions: np.ndarray
    speakers: np.ndarray

    def only(self, chosen: np.ndarray) -> Speech:
        """Some of the utterances."""
        return replace(self, x=self.x[chosen], emotions=self.emotions[chosen], speakers=self.speakers[chosen])

    def shared(self) -> Speech:
        """The utterances of the emotions that both corpora have."""
        return self.only(np.isin(self.emotions, SHARED))

    def by_speaker(self) -> Speech:
        """Each speaker's features with mean 0 and deviation 1."""
        x = np.empty_like(self.x)
        for speaker in np.unique(self.speakers):
            own = self.speakers == speaker
            x[own] = StandardScaler().fit_transform(self.x[own])
        return replace(self, x=x)


@dataclass(frozen=True)
class Row:
    """Who trained and was tested, what was done, and how well it went.

    Attributes:
        best_ua: UA if C were chosen on the result itself
        known_ua: what was measured so before, by another program
    """

    train: str
    test: str
    emotions: int
    features: str
    normalised: str
    scores: Metrics
    best_ua: float | None = None
    known_ua: float | None = None


def features(corpus: str, root: Path, name: str, cache: Path) -> Speech:
    """Functionals of a corpus by openSMILE, computed once."""
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
    """What a linear SVM that learnt from `train`, and chose its C there, says of `test`."""
    groups = GroupKFold(min(INNER_FOLDS, len(np.unique(train.speakers))))
    said = {cost: np.empty_like(train.emotions) for cost in COSTS}
    for kept, held in groups.split(train.x, groups=train.speakers):
        for cost, answers in answered(train.only(kept), train.x[held], COSTS).items():
            said[cost][held] = answers
    best = max(COSTS, key=lambda cost: balanced_accuracy_score(train.emotions, said[cost]))
    return answered(train, test.x, (best,))[best]


def answered(train: Speech, x: np.ndarray, costs: Sequence[float]) -> dict[float, np.ndarray]:
    """What SVMs with each C, which share one kernel matrix, say of `x`."""
    scaler = StandardScaler().fit(train.x)
    learnt, asked = scaler.transform(train.x), scaler.transform(x)
    among, across = learnt @ learnt.T, asked @ learnt.T
    said = {}
    for cost in costs:
        svm = SVC(kernel="precomputed", C=cost, class_weight="balanced").fit(among, train.emotions)
        said[cost] = svm.predict(across)
    return said


def crossvalidated(speech: Speech, groups: list[tuple[str, ...]]) -> tuple[Metrics, float]:
    """Each group of speakers tested by an SVM that learnt from all others; and UA at the best C."""
    said = np.empty_like(speech.emotions)
    by_cost = {cost: np.empty_like(speech.emotions) for cost in COSTS}
    for group in groups:
        own = np.isin(speech.speakers, group)
        said[own] = classify(speech.only(~own), speech.only(own))
        for cost, answers in answered(speech.only(~own), speech.x[own], COSTS).items():
            by_cost[cost][own] = answers
    return scored(speech, said), max(balanced_accuracy_score(speech.emotions, a) for a in by_cost.values())


def scored(test: Speech, said: np.ndarray) -> Metrics:
    """UA and WA, with intervals that resample the speakers tested."""
    labels = sorted({*test.emotions.tolist(), *said.tolist()})
    return score(test.emotions.tolist(), said.tolist(), test.speakers.tolist(), labels)


def rows_of(emodb: Speech, ravdess: Speech, name: str, known: dict[str, float]) -> list[Row]:
    """All figures of a feature set; `known` has those measured before with C chosen on the result."""
    actors = np.unique(ravdess.speakers).tolist()
    pairs = list(zip(actors[::2], actors[1::2], strict=True))
    alone = [(speaker,) for speaker in np.unique(emodb.speakers).tolist()]
    rows = []
    for normalised, of in (("training speakers", lambda s: s), ("each speaker", Speech.by_speaker)):
        at_home = [
            ("emodb", of(emodb), alone, "10 folds"),
            ("ravdess", of(ravdess), pairs, "6 folds"),
            ("ravdess", of(ravdess.shared()), pairs, "6 folds"),
        ]
        for corpus, speech, groups, folds in at_home:
            emotions = len(np.unique(speech.emotions))
            figure = known.get(f"{corpus} {emotions} {normalised}")
            made, best = crossvalidated(speech, groups)
            rows.append(Row(corpus, f"{corpus}, {folds}", emotions, name, normalised, made, best, figure))
        for train, test in ((emodb, ravdess), (ravdess, emodb)):
            learnt, asked = of(train.shared()), of(test.shared())
            made = scored(asked, classify(learnt, asked))
            rows.append(Row(train.corpus, test.corpus, len(SHARED), name, normalised, made))
    return rows


KNOWN = {
    "eGeMAPS": {
        "emodb 4 training speakers": 0.780,
        "emodb 4 each speaker": 0.848,
        "ravdess 8 training speakers": 0.512,
    },
    "ComParE": {
        "emodb 4 training speakers": 0.831,
        "emodb 4 each speaker": 0.886,
        "ravdess 8 training speakers": 0.570,
    },
}

COLUMNS = (
    "train", "test", "emotions", "features", "normalised by", "n", "UA", "interval", "WA", "best C", "known",
)  # fmt: skip
NOTE = """\
Linear SVM on openSMILE's functionals, C chosen by the training speakers. Intervals: 95 %, resampling the
speakers tested. "Best C" is UA with C chosen on the result itself, and "known" is what another program
measured so before: a check, and no baseline. From corpus to corpus, all utterances of the four emotions that
both have are trained on, and all tested.
"""


def cells(row: Row) -> list[str]:
    """A row as text."""
    s, checks = row.scores, ["" if ua is None else f"{ua:.3f}" for ua in (row.best_ua, row.known_ua)]
    figures = [str(s.n), f"{s.ua:.3f}", str(s.ua_interval), f"{s.wa:.3f}"]
    return [row.train, row.test, str(row.emotions), row.features, row.normalised, *figures, *checks]


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("runs/opensmile"))
    parser.add_argument("--sets", default=",".join(SETS), help="as in eGeMAPS,ComParE")
    given = parser.parse_args()
    warnings.filterwarnings("ignore", message="Segment too short")
    rows: list[Row] = []
    for name in given.sets.split(","):
        emodb, ravdess = (features(c, given.data / c, name, given.cache) for c in ("emodb", "ravdess"))
        rows += rows_of(emodb, ravdess, name, KNOWN[name])
    lines = [list(COLUMNS), *map(cells, rows)]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    written = ["| " + " | ".join(line) + " |" for line in lines]
    page = "\n".join([NOTE, written[0], "|" + "---|" * len(COLUMNS), *written[1:]]) + "\n"
    write_text(given.output.with_suffix(".csv"), file.getvalue())
    write_text(given.output.with_suffix(".md"), page)
    print(page, end="")


if __name__ == "__main__":
    main()
