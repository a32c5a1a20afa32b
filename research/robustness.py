"""UA of a cross-validation's models on their test speakers in noise, narrow bands, codecs, rooms and gains.

    python research/robustness.py RUN ROOT OUTPUT [--against RUN2] [--folds 0,1]

RUN is the output folder of a cross-validation with its folds, ROOT the corpus, OUTPUT a folder for the table.
Each fold's model is exported and classifies its test speakers' utterances in every condition
(`research/conditions.py`), as the bytes of WAV, MP3 or Ogg files. Both runs receive the same files. A
rejected utterance counts as an error.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conditions import CLEAN, CONDITIONS, degraded, unavailable
from folds import finished_folds
from tables import write_table

from emotrace.corpora import OpenCorpus, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import EmotraceError
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import Prediction
from emotrace.evaluation.significance import Difference, ua_difference
from emotrace.export.run_export import export_run
from emotrace.inference.recogniser import Recogniser, load
from emotrace.training.run_folder import RUN_FILE, Run

NO_EMOTION = "no emotion"
Predictions = dict[str, list[Prediction]]  # by condition

NOTE = """\
Each model is tested on its own test speakers, {speakers} in all. Noise, rooms and codecs are synthetic
(`research/conditions.py`). SNR is over the whole utterance. "Rejected" is the share of utterances in which
the model finds no emotion; these count as errors. Intervals: 95 %, resampling speakers.
"""


@dataclass(frozen=True)
class Row:
    """The figures of a condition.

    Attributes:
        metrics: of the first run
        rejected: share of utterances in which the first run finds no emotion
        cost: UA minus UA on clean speech; None for clean speech and for a single speaker
        other: metrics of the second run
        gain: UA of the second run minus UA of the first
    """

    condition: str
    metrics: Metrics
    rejected: float
    cost: Difference | None
    other: Metrics | None
    gain: Difference | None


def predict_conditions(
    run: Path, root: Path, folds: Sequence[int] | None, conditions: Sequence[str]
) -> Predictions:
    """Predictions of all models of a cross-validation in each condition.

    Raises:
        EmotraceError: the run has none of these folds.
    """
    predictions: Predictions = {condition: [] for condition in conditions}
    corpora: dict[str, OpenCorpus] = {}
    for folder in finished_folds(run):
        fold_run = Run.model_validate_json((folder / RUN_FILE).read_text(encoding="utf-8"))
        corpus = corpora.setdefault(fold_run.corpus, open_corpus(fold_run.corpus, root))
        number = [fold.test for fold in corpus.folds()].index(fold_run.test)
        if folds is not None and number not in folds:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            export_run(folder, Path(temporary, "model"))
            recogniser = load(Path(temporary, "model"), threads=1)
            for condition in conditions:
                predictions[condition] += predict_fold(recogniser, corpus, fold_run, number, condition)
        print(f"{folder}: done", flush=True)
    if not predictions[CLEAN]:
        raise EmotraceError(f"{run} has none of the folds {', '.join(map(str, folds or ()))}")
    return predictions


def predict_fold(
    recogniser: Recogniser, corpus: OpenCorpus, run: Run, fold: int, condition: str
) -> list[Prediction]:
    """Predictions for the test speakers of a fold in one condition."""
    predictions = []
    for utterance in (u for u in corpus.utterances if u.speaker in run.test):
        result = recogniser(degraded(condition, utterance.name, read_utterance(utterance).samples))
        scores = {label: (result.scores or {}).get(label, 0.0) for label in run.emotions}
        scores[NO_EMOTION] = float(result.label is None)
        predictions.append(
            Prediction(
                utterance.name,
                utterance.speaker,
                fold,
                run.seed,
                utterance.emotion,
                result.label or NO_EMOTION,
                scores,
            )
        )
    return predictions


def condition_rows(predictions: Predictions, other: Predictions | None) -> list[Row]:
    """The figures of each condition; differences need two speakers or more."""
    several_speakers = len({p.speaker for p in predictions[CLEAN]}) > 1
    rows = []
    for condition, found in predictions.items():
        beside = None if other is None else other[condition]
        rows.append(
            Row(
                condition=condition,
                metrics=score_predictions(found),
                rejected=float(np.mean([p.predicted == NO_EMOTION for p in found])),
                cost=ua_difference(found, predictions[CLEAN])
                if several_speakers and condition != CLEAN
                else None,
                other=None if beside is None else score_predictions(beside),
                gain=ua_difference(beside, found) if several_speakers and beside else None,
            )
        )
    return rows


def cells(row: Row, names: Sequence[str]) -> dict[str, str]:
    """The cells of a row by column; `names` are those of the runs."""
    found = {
        "condition": row.condition,
        "UA": f"{row.metrics.ua:.3f}",
        "interval": str(row.metrics.ua_interval or ""),
        "UA minus clean UA": difference_text(row.cost),
        "rejected": f"{row.rejected:.3f}",
    }
    if row.other is not None:
        first, second = names
        found[f"UA of {second}"] = f"{row.other.ua:.3f}"
        found[f"interval of {second}"] = str(row.other.ua_interval or "")
        found[f"{second} minus {first}"] = difference_text(row.gain)
    return found


def difference_text(difference: Difference | None) -> str:
    """A difference with its interval, or nothing."""
    if difference is None:
        return ""
    interval = difference.interval
    return f"{difference.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def main() -> None:
    """Predict, measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--against", type=Path, help="a second run, such as one with another recipe")
    parser.add_argument("--folds", help="only these folds, such as 0,1")
    options = parser.parse_args()
    folds = None if options.folds is None else [int(number) for number in options.folds.split(",")]
    runs = [options.run, options.against] if options.against else [options.run]
    missing = unavailable()
    conditions = [condition for condition in CONDITIONS if condition not in missing]
    try:
        first, *others = (predict_conditions(run, options.root, folds, conditions) for run in runs)
        rows = condition_rows(first, others[0] if others else None)
    except EmotraceError as error:
        raise SystemExit(f"robustness: {error}") from None
    note = NOTE.format(speakers=rows[0].metrics.speakers)
    note += "".join(f"Left out: {condition} ({reason}).\n" for condition, reason in missing.items())
    print(write_table(options.output, [cells(row, [run.name for run in runs]) for row in rows], note), end="")


if __name__ == "__main__":
    main()
