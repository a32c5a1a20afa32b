"""What it costs not to know the voice: UA if each speaker were known to show each emotion just so often.

python bench/known_voices.py OUTPUT RUN [RUN2 ...]

RUN is a finished cross-validation; its `predictions.csv` is all that is needed. For each of its speakers and
each emotion one number is added to the logarithms of the scores, such that their means come to the emotions'
shares in the corpus: what is left of the errors is not the speaker's manner of speaking. Knowing shares helps
by itself, so the same is done for groups that have as many utterances, but of all speakers. A method it is
not: it needs many recordings of a speaker, and their shares. OUTPUT is the start of the names of a Markdown
and a CSV file.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from tables import write_table

from emotrace.training.predictions import Prediction, read_predictions
from emotrace.training.runs import PREDICTIONS_FILE
from emotrace.training.scoring import recall_mean

ROUNDS = 300
STEP = 0.3
SHUFFLES = 20


def shifted(scores: np.ndarray, groups: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Scores, (utterance, K), of which those of each group are shifted until their means are `shares`.

    >>> scores = np.array([[0.9, 0.1], [0.6, 0.4]])
    >>> shifted(scores, np.array([0, 0]), np.array([0.5, 0.5])).mean(0).round(6)
    array([0.5, 0.5])
    """
    logs, found = np.log(np.maximum(scores, 1e-9)), scores
    for _ in range(ROUNDS):
        found = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
        for group in np.unique(groups):
            logs[groups == group] += STEP * np.log(shares / found[groups == group].mean(axis=0))
    return found


def measured(predictions: tuple[Prediction, ...]) -> dict[str, str]:
    """UA in three ways, and how far speakers are apart in what is said of them."""
    labels = predictions[0].labels
    truth = np.array([labels.index(one.truth) for one in predictions])
    scores = np.array([list(one.scores.values()) for one in predictions])
    speakers = np.array([f"{one.seed} {one.speaker}" for one in predictions])
    shares = np.bincount(truth, minlength=len(labels)) / len(truth)
    said = np.array(
        [
            np.bincount(scores[speakers == speaker].argmax(1), minlength=len(labels))
            / (speakers == speaker).sum()
            for speaker in np.unique(speakers)
        ]
    )
    random = np.random.default_rng(0)
    mixed = [
        recall_mean(shifted(scores, random.permutation(speakers), shares), truth.tolist())
        for _ in range(SHUFFLES)
    ]
    known = recall_mean(shifted(scores, speakers, shares), truth.tolist())
    return {
        "UA": f"{recall_mean(scores, truth.tolist()):.3f}",
        "shares of each speaker known": f"{known:.3f}",
        "shares of mixed groups known": f"{np.mean(mixed):.3f} ± {np.std(mixed):.3f}",
        "share of a label, least to most by speaker": ", ".join(
            f"{label} {low:.2f} to {high:.2f}"
            for label, low, high in zip(labels, said.min(axis=0), said.max(axis=0), strict=True)
        ),
    }


def main() -> None:
    """Measure, write, print."""
    output, *runs = map(Path, sys.argv[1:])
    rows = [{"run": run.name, **measured(read_predictions(run / PREDICTIONS_FILE))} for run in runs]
    print(write_table(output, rows), end="")


if __name__ == "__main__":
    main()
