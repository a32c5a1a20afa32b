"""Measure a model of an encoder system on corpora that it was not trained on, as it is and adapted.

    python research/other_corpora.py RUN COLLECTION OUTPUT

RUN is the output folder of `emotrace train`, COLLECTION a TOML file of corpora, OUTPUT a folder for the
table. A corpus that the model was trained on is left out. The model chooses among the emotions that it shares
with a corpus. "Adapted" is adapted to all recordings of the corpus, without labels, as `emotrace adapt` does.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tables import write_table

from emotrace.corpora import Utterance, open_corpus
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import Prediction, write_predictions
from emotrace.export.onnx import ADAPTATION
from emotrace.inference.adaptation import adapted_tensors
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import EmotionModel, build_spectrum
from emotrace.models.functionals.pooled import PooledClassifier
from emotrace.training.data.examples import Example
from emotrace.training.experiment import read_inputs
from emotrace.training.functionals import classifier_log_scores, window_log_scores
from emotrace.training.pooled import pooled_statistics
from emotrace.training.run_folder import Run, read_run
from emotrace.training.scoring import Floats, build_predictions, example_scores


def scores_by_part(
    network: EmotionModel, examples: Sequence[Example], temperature: float
) -> dict[str, Floats]:
    """Scores (example, K) of the network, of the functionals classifier, and of both together."""
    logs = {
        "network": window_log_scores(network, examples, functionals=False),
        "functionals": classifier_log_scores(network, examples),
        "both": window_log_scores(network, examples),
    }
    return {part: example_scores(rows, examples, temperature) for part, rows in logs.items()}


def adapt(network: EmotionModel, examples: Sequence[Example]) -> None:
    """Replace the statistics of the training data by those of the examples."""
    classifier = network.functionals
    assert isinstance(classifier, PooledClassifier)
    tensors = {
        ADAPTATION.mean: classifier.mean,
        ADAPTATION.scale: classifier.scale,
    }
    old = {name: tensor.flatten().double().numpy() for name, tensor in tensors.items()}
    found = adapted_tensors(pooled_statistics(classifier, examples).numpy(), old, ADAPTATION)
    for name, tensor in tensors.items():
        tensor.copy_(torch.from_numpy(found[name]).reshape(tensor.shape))


def restricted(scores: Floats, run: Run, examples: Sequence[Example]) -> list[Prediction]:
    """Predictions among the emotions that occur."""
    absent = np.setdiff1d(range(len(run.emotions)), [example.label for example in examples])
    scores = scores.copy()
    scores[:, absent] = 0
    scores /= scores.sum(1, keepdims=True)
    return build_predictions(examples, scores, run.emotions, fold=0, seed=run.seed)


def measure(folder: Path, utterances: Sequence[Utterance]) -> dict[str, list[Prediction]]:
    """Predictions of each part, as it is and adapted, for utterances of one corpus."""
    run, recipe, network = read_run(folder)
    system = find_system(run.system)
    recorded = recipe.model_copy(update={"augmented_copies": 0})
    spectrum, longest = build_spectrum(recipe, system), system.max_frames(recipe)
    examples = read_inputs(utterances, run.emotions, spectrum, recorded, longest, spectra=False)
    found = {}
    for suffix in ("", ", adapted"):
        for part, scores in scores_by_part(network, examples, run.temperature).items():
            found[part + suffix] = restricted(scores, run, examples)
        adapt(network, examples)
    return found


def main(folder: Path, collection: Path, output: Path) -> None:
    """Measure every corpus, and write the table and the predictions of both parts together."""
    run = read_run(folder)[0]
    by_corpus: dict[str, list[Utterance]] = {}
    for utterance in open_corpus("collection", collection).utterances:
        if utterance.corpus not in run.corpora.split(", ") and utterance.emotion in run.emotions:
            by_corpus.setdefault(utterance.corpus or "", []).append(utterance)
    rows: dict[str, dict[str, str]] = {}
    averages: dict[str, list[float]] = {}
    for corpus, utterances in by_corpus.items():
        for name, predictions in measure(folder, utterances).items():
            metrics = score_predictions(predictions)
            row = rows.setdefault(name, {"UA by": name})
            emotions = len({prediction.truth for prediction in predictions})
            row[f"{corpus}, {emotions} emotions"] = f"{metrics.ua:.3f} {metrics.ua_interval}"
            averages.setdefault(name, []).append(metrics.ua)
            if name.startswith("both"):
                output.mkdir(parents=True, exist_ok=True)
                write_predictions(output / f"{corpus}{'-adapted' * ('adapted' in name)}.csv", predictions)
    for name, row in rows.items():
        row["mean"] = f"{np.mean(averages[name]):.3f}"
    note = f"Trained on {run.corpora} ({', '.join(run.emotions)}); 95 % intervals over speakers.\n"
    print(write_table(output, list(rows.values()), note), end="")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: python research/other_corpora.py RUN COLLECTION OUTPUT")
    main(*map(Path, sys.argv[1:]))
