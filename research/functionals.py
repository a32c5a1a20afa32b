"""UA of the network and of the functionals classifier, each alone and both together.

    python research/functionals.py RUN ROOT OUTPUT [--conditions "clean;telephone band;…"]

RUN is the output folder of a cross-validation with its folds, ROOT the corpus, OUTPUT a folder for the table.
Each fold's model classifies its test speakers' utterances in every condition (`research/conditions.py`).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from conditions import CLEAN, CONDITIONS, degraded_utterance
from folds import finished_folds
from tables import write_table

from emotrace.corpora import open_corpus
from emotrace.errors import EmotraceError
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import Prediction, read_predictions
from emotrace.evaluation.significance import ua_difference
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import build_spectrum
from emotrace.training.experiment import read_inputs
from emotrace.training.functionals import classifier_log_scores, window_log_scores
from emotrace.training.run_folder import PREDICTIONS_FILE, read_run
from emotrace.training.scoring import example_scores

PARTS = ("network", "functionals", "both")


def predictions_by_part(
    fold: Path, root: Path | None, condition: str = CLEAN
) -> Iterator[dict[str, Prediction]]:
    """Predictions of each part of a fold's model for each test utterance in a condition.

    Raises:
        EmotraceError: the model has no functionals classifier, or both parts together do not reproduce the
            fold's `predictions.csv` on clean speech.
    """
    run, recipe, network = read_run(fold)
    if network.functionals is None:
        raise EmotraceError(f"the model of {fold} has no functionals classifier; train it with one")
    system = find_system(run.system)
    corpus = open_corpus(run.corpus, root)
    utterances = [u for u in corpus.utterances if u.speaker in run.test and u.emotion in run.emotions]
    if condition != CLEAN:
        utterances = [degraded_utterance(utterance, condition) for utterance in utterances]
    longest = system.max_frames(recipe)
    recorded = recipe.model_copy(update={"augmented_copies": 0})
    examples = read_inputs(
        utterances, run.emotions, build_spectrum(recipe, system), recorded, longest, spectra=True
    )
    logs = {
        "network": window_log_scores(network, examples, functionals=False),
        "functionals": classifier_log_scores(network, examples),
        "both": window_log_scores(network, examples),
    }
    scores = {part: example_scores(rows, examples, run.temperature) for part, rows in logs.items()}
    for index, written in enumerate(read_predictions(fold / PREDICTIONS_FILE)):
        parts = {
            part: replace(
                written,
                scores=dict(zip(run.emotions, map(float, found[index]), strict=True)),
                predicted=run.emotions[int(np.argmax(found[index]))],
            )
            for part, found in scores.items()
        }
        changed = condition == CLEAN and parts["both"].predicted != written.predicted
        if written.file != examples[index].name or changed:
            raise EmotraceError(
                f"the model of {fold} no longer gives the prediction in {PREDICTIONS_FILE} for "
                f"{written.file}; check ROOT and the version of emotrace"
            )
        yield parts


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--conditions", default=CLEAN, help="names in research/conditions.py, joined by ;")
    options = parser.parse_args()
    conditions = options.conditions.split(";")
    if unknown := [name for name in conditions if name not in CONDITIONS]:
        parser.error(f"there is no condition {unknown[0]!r}; choose among {'; '.join(CONDITIONS)}")
    rows = []
    try:
        for condition in conditions:
            predictions = [
                parts
                for fold in finished_folds(options.run)
                for parts in predictions_by_part(fold, options.root, condition)
            ]
            for part in PARTS:
                of_part = [parts[part] for parts in predictions]
                metrics = score_predictions(of_part)
                gain = ua_difference(of_part, [parts["network"] for parts in predictions])
                rows.append(
                    {
                        **({"condition": condition} if conditions != [CLEAN] else {}),
                        "part": part,
                        "UA": f"{metrics.ua:.3f}",
                        "interval": str(metrics.ua_interval),
                        "WA": f"{metrics.wa:.3f}",
                        "UA minus network UA": (
                            "" if part == "network" else f"{gain.value:+.3f} {gain.interval}"
                        ),
                    }
                )
    except EmotraceError as error:
        raise SystemExit(f"functionals: {error}") from None
    print(write_table(options.output, rows), end="")


if __name__ == "__main__":
    main()
