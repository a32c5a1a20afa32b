"""Measure the linear classifier of encoder features on corpora that it was not trained on.

    python research/leave_one_corpus_out.py research/collections/five.toml results/leave-one-corpus-out

For each of five corpora, the classifier is trained on all others and tested on it: as it is, and adapted
without labels to some of the corpus's recordings, as `emotrace adapt` does. Rows of a number of recordings
are means over draws; the recordings may be among those that are tested. CREMA-D only trains, because the
part at hand has two of the four emotions. There is no network and no augmentation.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch

from emotrace.corpora import open_corpus
from emotrace.decoding.ctc import average_scores
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import Prediction, write_predictions
from emotrace.inference.adaptation import blend
from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.recipes import load_recipe
from emotrace.system.files import write_text
from emotrace.training.data.examples import Example
from emotrace.training.experiment import Experiment
from emotrace.training.pooled import MIN_STATISTIC_DEVIATION, fit_pooled_classifier, pooled_statistics

SYSTEM = "encoder-sadrn-ctc"
TESTED = ("emodb", "ravdess", "nemo", "emovo", "tess")
RECORDINGS = (5, 10, 20, 50, 100)
DRAWS = 5
ONE_EMOTION = "one emotion (anger) alone"
WHOLE = "the whole corpus"
NOTHING = "nothing"


class Statistics:
    """The statistics of a corpus, and the scores that a classifier gives them."""

    def __init__(self, classifier: PooledClassifier, examples: list[Example], emotions: tuple[str, ...]):
        self.examples, self.emotions = examples, emotions
        self.rows = pooled_statistics(classifier, examples)
        self.owner = np.repeat(range(len(examples)), [len(example.windows) for example in examples])
        self.mean, self.scale = classifier.mean.clone(), classifier.scale.clone()
        self.classifier = classifier

    def predictions(self, fold: int, adapted_to: np.ndarray | None = None) -> list[Prediction]:
        """Predictions of all utterances, adapted to the windows of some of them."""
        mean, scale = self.mean.double(), self.scale.double()
        if adapted_to is not None:
            chosen = self.rows[torch.from_numpy(np.isin(self.owner, adapted_to))].numpy()
            found = blend(chosen, mean.numpy(), 1 / scale.numpy() - MIN_STATISTIC_DEVIATION)
            mean, deviation = map(torch.from_numpy, found)
            scale = 1 / (deviation + MIN_STATISTIC_DEVIATION)
        self.classifier.mean.copy_(mean)
        self.classifier.scale.copy_(scale)
        logits = self.classifier.class_scores(self.rows.float())[:, :-1]
        scores = logits.softmax(1).double().numpy()
        found = []
        for index, example in enumerate(self.examples):
            row = average_scores(scores[self.owner == index], example.durations)
            named = dict(zip(self.emotions, map(float, row), strict=True))
            truth, label = self.emotions[example.label], max(named, key=named.__getitem__)
            found.append(Prediction(example.name, example.speaker, fold, 1, truth, label, named))
        return found


def main(collection: Path, output: Path) -> None:
    """Measure every corpus, and write the results."""
    recipe = load_recipe((), "collection", SYSTEM).model_copy(update={"acoustic_augmentation": False})
    corpus = open_corpus("collection", collection)
    experiment = Experiment(corpus, SYSTEM, recipe, version="")
    features = experiment.examples[0].windows[0].shape[1]
    rows: dict[str, dict[str, float]] = {}
    kept: dict[str, list[Prediction]] = {NOTHING: [], WHOLE: []}
    for fold, held_out in enumerate(TESTED):
        classifier = PooledClassifier(features, len(corpus.emotions))
        train = [example for example in experiment.examples if example.corpus != held_out]
        fit_pooled_classifier(classifier, experiment.balanced(train), recipe.functionals_l2)
        test = [example for example in experiment.examples if example.corpus == held_out]
        statistics = Statistics(classifier, test, corpus.emotions)
        numbers, random = np.arange(len(test)), np.random.default_rng(1)
        anger = np.array([corpus.emotions[example.label] == "anger" for example in test])
        for name, chosen in ((NOTHING, None), (WHOLE, numbers)):
            found = statistics.predictions(fold, chosen)
            kept[name] += found
            rows.setdefault(name, {})[held_out] = score_predictions(found).ua
        found = statistics.predictions(
            fold, random.choice(numbers[anger], min(50, anger.sum()), replace=False)
        )
        rows.setdefault(ONE_EMOTION, {})[held_out] = score_predictions(found).ua
        for count in RECORDINGS:
            draws = [
                score_predictions(
                    statistics.predictions(fold, random.choice(numbers, count, replace=False))
                ).ua
                for _ in range(DRAWS)
            ]
            rows.setdefault(f"{count} recordings", {})[held_out] = float(np.mean(draws))
        print(held_out, {name: round(values[held_out], 3) for name, values in rows.items()}, flush=True)
    write_results(output, rows, kept)


def write_results(output: Path, rows: dict[str, dict[str, float]], kept: dict[str, list[Prediction]]) -> None:
    """The table, the figures and the predictions."""
    order = [NOTHING, *[f"{count} recordings" for count in RECORDINGS], WHOLE, ONE_EMOTION]
    lines = [
        "# Corpora that the classifier was not trained on",
        "",
        "UA of four emotions on each corpus, by a linear classifier of `moonshine-tiny`, layers 0 to 2,",
        "trained on the other corpora. The first column states what it was adapted to, without labels.",
        "Written by `python research/leave_one_corpus_out.py research/collections/five.toml",
        "results/leave-one-corpus-out`.",
        "",
        f"| adapted to | {' | '.join(TESTED)} | mean |",
        f"|---{'|---' * (len(TESTED) + 1)}|",
    ]
    for name in order:
        values = [rows[name][corpus] for corpus in TESTED]
        cells = [f"{value:.3f}" for value in (*values, float(np.mean(values)))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "report.md", "\n".join(lines) + "\n")
    write_text(output / "metrics.json", json.dumps(rows, indent=2) + "\n")
    write_predictions(output / "unadapted.csv", kept[NOTHING])
    write_predictions(output / "adapted.csv", kept[WHOLE])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python research/leave_one_corpus_out.py COLLECTION OUTPUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
