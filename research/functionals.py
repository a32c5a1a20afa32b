"""What the network and the functionals beside it know, each alone and together: a cross-validation's folds.

python research/functionals.py RUN ROOT OUTPUT [--heard "clean;telephone band;…"]

RUN is a cross-validation on a corpus in ROOT, with the folders of its folds there. Each fold's network is
asked of its test speakers, in each of the conditions of `research/conditions.py` that are named. OUTPUT is
the start of the names of a Markdown and a CSV file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from conditions import CONDITIONS, as_heard
from tables import write_table

from emotrace.corpora import open_corpus
from emotrace.errors import EmotraceError
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import Prediction, read_predictions
from emotrace.evaluation.significance import ua_difference
from emotrace.models.architectures import find_system
from emotrace.models.emotion_model import build_spectrum
from emotrace.training.data.examples import read_examples
from emotrace.training.functionals import classifier_log_scores, window_log_scores
from emotrace.training.run_folder import PREDICTIONS_FILE, read_run
from emotrace.training.scoring import example_scores

PARTS = ("network", "functionals", "both")


def answers(fold: Path, root: Path | None, condition: str = "clean") -> Iterator[dict[str, Prediction]]:
    """What each part says of each test utterance of a fold, as a condition leaves it.

    Raises:
        EmotraceError: both together do not say what the fold's `predictions.csv` has of clean speech.
    """
    run, recipe, network = read_run(fold)
    if network.functionals is None:
        raise EmotraceError(f"{fold} reads no functionals; train it by a recipe that does")
    system = find_system(run.system)
    corpus = open_corpus(run.corpus, root)
    asked = [u for u in corpus.utterances if u.speaker in run.test and u.emotion in run.emotions]
    if condition != "clean":
        asked = [as_heard(utterance, condition) for utterance in asked]
    longest = system.max_frames(recipe)
    examples = read_examples(asked, run.emotions, build_spectrum(recipe, system), longest, spectra=True)
    logs = {
        "network": window_log_scores(network, examples, functionals=False),
        "functionals_l2": classifier_log_scores(network, examples),
        "both": window_log_scores(network, examples),
    }
    scores = {part: example_scores(rows, examples, run.temperature) for part, rows in logs.items()}
    for place, written in enumerate(read_predictions(fold / PREDICTIONS_FILE)):
        said = {
            part: replace(
                written,
                scores=dict(zip(run.emotions, map(float, found[place]), strict=True)),
                predicted=run.emotions[int(np.argmax(found[place]))],
            )
            for part, found in scores.items()
        }
        other = condition == "clean" and said["both"].predicted != written.predicted
        if written.file != examples[place].name or other:
            raise EmotraceError(
                f"{fold} says something else of {written.file} now; check ROOT and the commit"
            )
        yield said


def main() -> None:
    """Ask, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument(
        "--heard", default="clean", help="conditions of research/conditions.py, a semicolon between"
    )
    given = parser.parse_args()
    folds = sorted(path.parent for path in given.run.glob("seed-*/fold-*/run.json"))
    if not folds:
        raise SystemExit(f"{given.run} has no finished fold")
    rows = []
    for condition in given.representations.split(";"):
        if condition not in CONDITIONS:
            raise SystemExit(f"there is no condition {condition!r}; choose among {'; '.join(CONDITIONS)}")
        said = [one for fold in folds for one in answers(fold, given.root, condition)]
        for part in PARTS:
            predictions = [one[part] for one in said]
            scores = score_predictions(predictions)
            more = ua_difference(predictions, [one["network"] for one in said])
            less = "" if part == "network" else f"{more.value:+.3f} {more.interval}"
            rows.append(
                {
                    **({"heard": condition} if given.representations != "clean" else {}),
                    "part": part,
                    "UA": f"{scores.ua:.3f}",
                    "interval": str(scores.ua_interval),
                    "WA": f"{scores.wa:.3f}",
                    "UA, less the network's": less,
                }
            )
    print(write_table(given.output, rows), end="")


if __name__ == "__main__":
    main()
