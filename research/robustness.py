"""UA of the models of a cross-validation on their own test speakers, when the sound is not what it was.

    python research/robustness.py RUN "$EMOTRACE_DATA/emodb" results/robustness [--against RUN2]

RUN is a finished cross-validation of a corpus in ROOT; OUTPUT is the start of the names of a Markdown, a CSV
and a PNG file. Each fold's model is exported and hears its test speakers as users' files: the bytes of WAV,
MP3 or Ogg, one file for each of `CONDITIONS` and utterance, the same for both runs. A model may answer that
there is no emotion; that counts as wrong.
"""

from __future__ import annotations

import argparse
import csv
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from conditions import CONDITIONS, heard_in, left_out
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emotrace.corpora import OpenCorpus, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import EmotraceError
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import Prediction
from emotrace.evaluation.significance import Difference, ua_difference
from emotrace.experiments.report import table
from emotrace.export.run_export import export_run
from emotrace.inference.recogniser import Recogniser, load
from emotrace.system.files import write_bytes, write_text
from emotrace.training.run_folder import RUN_FILE, FrameRun

CLEAN = "clean"
NO_EMOTION = "no emotion"
Said = dict[str, list[Prediction]]  # by condition

NOTE = """\
Each model on its own test speakers, {speakers} in all. Noise, rooms and codecs are made in code (see
research/conditions.py), without any real recording of a place. SNR is over the whole utterance. "No emotion"
is the share of utterances in which the model found none. Intervals: 95 %, resampling speakers.
"""


@dataclass(frozen=True)
class Row:
    """A condition: the scores of one run in it, and how another run does beside it.

    Attributes:
        none: share of the utterances in which no emotion was found
        cost: UA less that of clean speech
        gain: UA of the other run less that of the first
    """

    condition: str
    scores: Metrics
    none: float
    cost: Difference | None
    other: Metrics | None
    gain: Difference | None


def push(run: Path, root: Path, chosen: Sequence[int] | None, conditions: Sequence[str]) -> Said:
    """What the models of a cross-validation say in each condition.

    Raises:
        EmotraceError: the run has no such fold that is finished.
    """
    folders = sorted(path.parent for path in run.glob(f"seed-*/fold-*/{RUN_FILE}"))
    if not folders:
        raise EmotraceError(f"{run} has no finished fold; expected what `emotrace crossval` left")
    said: Said = {condition: [] for condition in conditions}
    opened: dict[str, OpenCorpus] = {}
    for folder in folders:
        about = FrameRun.model_validate_json((folder / RUN_FILE).read_text(encoding="utf-8"))
        corpus = opened.setdefault(about.corpus, open_corpus(about.corpus, root))
        number = [fold.test for fold in corpus.folds()].index(about.test)
        if chosen is not None and number not in chosen:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            export_run(folder, Path(temporary, "model"))
            recogniser = load(Path(temporary, "model"), threads=1)
            for condition in conditions:
                said[condition] += answers(recogniser, corpus, about, number, condition)
        print(f"{folder}: done", flush=True)
    if not said[CLEAN]:
        raise EmotraceError(f"{run} has none of the folds {', '.join(map(str, chosen or ()))}")
    return said


def answers(
    recogniser: Recogniser, corpus: OpenCorpus, run: FrameRun, fold: int, condition: str
) -> list[Prediction]:
    """What a model says of its test speakers in one condition."""
    found = []
    for utterance in (u for u in corpus.utterances if u.speaker in run.test):
        result = recogniser(heard_in(condition, utterance.name, read_utterance(utterance).samples))
        scores = {label: (result.scores or {}).get(label, 0.0) for label in run.emotions}
        scores[NO_EMOTION] = float(result.label is None)
        label = result.label or NO_EMOTION
        about = utterance.name, utterance.speaker, fold, run.seed, utterance.emotion
        found.append(Prediction(*about, label, scores))
    return found


def rows_of(said: Said, other: Said | None) -> list[Row]:
    """Figures of each condition; differences where there are two speakers or more."""
    several = len({p.speaker for p in said[CLEAN]}) > 1
    rows = []
    for condition, predictions in said.items():
        beside = None if other is None else other[condition]
        rows.append(
            Row(
                condition=condition,
                scores=score_predictions(predictions),
                none=float(np.mean([p.predicted == NO_EMOTION for p in predictions])),
                cost=ua_difference(predictions, said[CLEAN]) if several and condition != CLEAN else None,
                other=None if beside is None else score_predictions(beside),
                gain=ua_difference(beside, predictions) if several and beside else None,
            )
        )
    return rows


def cells(row: Row) -> list[str]:
    """A row as text."""

    def difference(found: Difference | None) -> str:
        return f"{found.value:+.3f} [{found.interval.low:+.3f}, {found.interval.high:+.3f}]" if found else ""

    def ua(scores: Metrics) -> list[str]:
        return [f"{scores.ua:.3f}", str(scores.ua_interval or "")]

    own = [row.condition, *ua(row.scores), difference(row.cost), f"{row.none:.3f}"]
    return own if row.other is None else [*own, *ua(row.other), difference(row.gain)]


def picture(rows: Sequence[Row], names: Sequence[str]) -> bytes:
    """UA in each condition, with its interval, for one run or two."""
    figure = Figure(figsize=(8, 0.6 + 0.28 * len(rows)), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, name in enumerate(names):
        scores = [row.other if place else row.scores for row in rows]
        for height, of in enumerate(scores):
            assert of is not None
            heights, colour = height + 0.22 * (place - (len(names) - 1) / 2), f"C{place}"
            if of.ua_interval:
                axes.plot([of.ua_interval.low, of.ua_interval.high], [heights] * 2, color=colour, linewidth=1)
            axes.plot(of.ua, heights, "o", color=colour, markersize=4, label=None if height else name)
    axes.set_yticks(range(len(rows)), [row.condition for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("UA, and its 95 % interval over speakers")
    axes.legend(fontsize=8)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def main() -> None:
    """Hear, measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--against", type=Path, help="another run, such as one with more augmentation")
    parser.add_argument("--folds", help="only these, as in 0,1")
    given = parser.parse_args()
    chosen = None if given.folds is None else [int(number) for number in given.folds.split(",")]
    runs = [given.run, given.against] if given.against else [given.run]
    missing = left_out()
    conditions = [condition for condition in CONDITIONS if condition not in missing]
    try:
        said, *others = (push(run, given.root, chosen, conditions) for run in runs)
        rows = rows_of(said, others[0] if others else None)
    except EmotraceError as error:
        raise SystemExit(f"robustness: {error}") from None
    names = [run.name for run in runs]
    head = ["condition", "UA", "interval", "less clean", "no emotion"]
    head += [f"UA of {names[1]}", "interval", f"less {names[0]}"] if others else []
    lines = [cells(row) for row in rows]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([head, *lines])
    note = NOTE.format(speakers=rows[0].scores.speakers)
    note += "".join(f"Left out: {condition} ({why}).\n" for condition, why in missing.items())
    page = "\n".join([note, *table(head, lines), ""])
    write_text(given.output.with_suffix(".csv"), file.getvalue())
    write_text(given.output.with_suffix(".md"), page)
    write_bytes(given.output.with_suffix(".png"), picture(rows, names))
    print(page, end="")


if __name__ == "__main__":
    main()
