"""Measure how many labelled clips of one's own bring how much, on nEMO (Polish) and EMOVO (Italian).

    python research/labelled_clips.py research/collections/five.toml results/labelled-clips

A linear classifier of encoder features learns from the other corpora of the collection, from some labelled
clips of this corpus, or from both, and is tested on speakers of this corpus who gave no clip. The speakers
are in three groups, each of which is tested once. Clips are drawn at random, evenly over emotions, and both
sources have the same weight. As in `emotrace adapt`, the clips also move the statistics that standardise the
features. There is no network and no augmentation.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from emotrace.corpora import open_corpus
from emotrace.inference.adaptation import blend
from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.recipes import load_recipe
from emotrace.system.files import write_text
from emotrace.training.experiment import Experiment
from emotrace.training.pooled import MIN_STATISTIC_DEVIATION, pooled_statistics

SYSTEM = "encoder-sadrn-ctc"
TESTED = ("nemo", "emovo")
CLIPS = (0, 20, 50, 100, 200)
GROUPS, DRAWS, C = 3, 2, 0.01

Floats = npt.NDArray[np.float64]
Strings = npt.NDArray[np.str_]


def standardise(rows: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Rows with the mean 0 and the deviation 1, as `emotrace adapt` computes them."""
    return (rows - mean) / (deviation + MIN_STATISTIC_DEVIATION)


def draw(labels: Strings, count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Numbers of `count` clips, evenly over the labels."""
    order = random.permutation(len(labels))
    ranks = {label: iter(range(len(labels))) for label in np.unique(labels)}
    turn = np.array([next(ranks[labels[number]]) for number in order])
    return order[np.argsort(turn, kind="stable")][:count]


def recall(rows: Floats, labels: Strings, train: Floats, known: Strings, weights: Floats) -> float:
    """UA of a logistic regression."""
    model = LogisticRegression(C=C, class_weight="balanced", max_iter=500).fit(train, known, weights)
    found = model.predict(rows)
    return float(np.mean([(found[labels == label] == label).mean() for label in np.unique(labels)]))


def measure(
    rows: Floats, labels: Strings, speakers: Strings, corpora: Strings, held_out: str
) -> dict[str, list[float]]:
    """UA by number of clips: learnt from other corpora and clips together, and from the clips alone."""
    inside = corpora == held_out
    names = sorted(set(corpora) - {held_out})
    groups = {name: (rows[corpora == name].mean(0), rows[corpora == name].std(0)) for name in names}
    others = np.concatenate([standardise(rows[corpora == name], *groups[name]) for name in names])
    other_labels = np.concatenate([labels[corpora == name] for name in names])
    mean, deviation = (np.mean([groups[name][part] for name in names], axis=0) for part in (0, 1))
    found: dict[str, list[float]] = {}
    for count in CLIPS:
        together, alone = [], []
        for number, tested in enumerate(np.array_split(np.unique(speakers[inside]), GROUPS)):
            test = inside & np.isin(speakers, tested)
            pool = np.flatnonzero(inside & ~np.isin(speakers, tested))
            for seed in range(DRAWS if count else 1):
                chosen = pool[draw(labels[pool], count, np.random.default_rng((number, seed)))]
                own = blend(rows[chosen], mean, deviation) if count else (mean, deviation)
                clips, target = standardise(rows[chosen], *own), standardise(rows[test], *own)
                shares = [np.ones(len(others)), np.full(count, len(others) / max(count, 1))]
                train = np.concatenate([others, clips])
                known = np.concatenate([other_labels, labels[chosen]])
                together.append(recall(target, labels[test], train, known, np.concatenate(shares)))
                if count:
                    alone.append(recall(target, labels[test], clips, labels[chosen], np.ones(count)))
        found[str(count)] = [float(np.mean(together)), float(np.mean(alone)) if alone else float("nan")]
        print(held_out, count, [round(value, 3) for value in found[str(count)]], flush=True)
    return found


def main(collection: Path, output: Path) -> None:
    """Measure both corpora, and write the results."""
    recipe = load_recipe((), "collection", SYSTEM).model_copy(update={"acoustic_augmentation": False})
    corpus = open_corpus("collection", collection)
    examples = Experiment(corpus, SYSTEM, recipe, version="").examples
    classifier = PooledClassifier(examples[0].windows[0].shape[1], len(corpus.emotions))
    statistics = pooled_statistics(classifier, examples).double().numpy()
    ends = np.cumsum([len(example.windows) for example in examples])[:-1]
    rows = np.stack([part.mean(0) for part in np.split(statistics, ends)])
    labels = np.array([corpus.emotions[example.label] for example in examples])
    speakers = np.array([example.speaker for example in examples])
    corpora = np.array([example.corpus for example in examples])
    results = {name: measure(rows, labels, speakers, corpora, name) for name in TESTED}
    lines = [
        "# How many labelled clips bring how much",
        "",
        "UA of four emotions, by a linear classifier of `moonshine-tiny`, layers 0 to 2, on speakers who",
        "gave no clip. Written by `python research/labelled_clips.py research/collections/five.toml",
        "results/labelled-clips`.",
        "",
        "| labelled clips | nEMO, others too | nEMO, alone | EMOVO, others too | EMOVO, alone |",
        "|---|---|---|---|---|",
    ]
    for count in map(str, CLIPS):
        cells = [value for name in TESTED for value in results[name][count]]
        lines.append(f"| {count} | {' | '.join('' if np.isnan(v) else f'{v:.3f}' for v in cells)} |")
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "report.md", "\n".join(lines) + "\n")
    kept = {
        name: {n: [None if np.isnan(v) else v for v in row] for n, row in found.items()}
        for name, found in results.items()
    }
    write_text(output / "metrics.json", json.dumps(kept, indent=2) + "\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python research/labelled_clips.py COLLECTION OUTPUT")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
