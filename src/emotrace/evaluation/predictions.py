"""Predictions of a run for each utterance, and their file, predictions.csv."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from emotrace.errors import RunError
from emotrace.system.files import write_text
from emotrace.tables.writing import format_row, restore

FIXED_COLUMNS = ("file", "speaker", "fold", "seed", "truth", "predicted")


@dataclass(frozen=True)
class Prediction:
    """The label that a model predicted for an utterance of a speaker it was not trained on.

    Attributes:
        file: name of the utterance within its corpus
        speaker: speaker of the utterance
        fold: index of the fold whose model predicted
        seed: seed of that model
        truth: true label
        predicted: predicted label
        scores: score of each label, in the model's order

    >>> Prediction("a.wav", "03", 0, 1, "anger", "sadness", {"anger": 0.4, "sadness": 0.6}).correct
    False
    """

    file: str
    speaker: str
    fold: int
    seed: int
    truth: str
    predicted: str
    scores: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", MappingProxyType(dict(self.scores)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the model, in its order."""
        return tuple(self.scores)

    @property
    def correct(self) -> bool:
        """Whether the predicted label is the true label."""
        return self.predicted == self.truth


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write predictions to a CSV file in one atomic step, with scores of six significant digits.

    Raises:
        RunError: there are no predictions, two differ in their labels, or an utterance has two for a seed

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "predictions.csv"
    >>> write_predictions(
    ...     path, [Prediction("a.wav", "03", 0, 1, "anger", "anger", {"anger": 0.9, "rest": 0.1})]
    ... )
    >>> print(path.read_text(), end="")
    file,speaker,fold,seed,truth,predicted,anger,rest
    a.wav,03,0,1,anger,anger,0.9,0.1
    """
    if not predictions:
        raise RunError(f"there are no predictions to write to {path}")
    labels = predictions[0].labels
    rows = [format_row([*FIXED_COLUMNS, *labels])]
    for p in predictions:
        if p.labels != labels:
            raise RunError(
                f"{p.file} has scores for {', '.join(p.labels)}, but {predictions[0].file} for "
                f"{', '.join(labels)}; one file holds the predictions of one set of labels"
            )
        scores = [format(score, ".6g") for score in p.scores.values()]
        rows.append(format_row([p.file, p.speaker, p.fold, p.seed, p.truth, p.predicted, *scores]))
    _check_unique(path, predictions)
    write_text(path, "".join(rows))


def read_predictions(path: Path) -> tuple[Prediction, ...]:
    """Read a file that `write_predictions` wrote, in the same order.

    Raises:
        RunError: the file does not exist, is not such a table, or a row is damaged; the message has the line

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "predictions.csv"
    >>> _ = path.write_text(
    ...     "file,speaker,fold,seed,truth,predicted,anger,rest\\na.wav,03,0,1,rest,rest,0.1,0.9"
    ... )
    >>> read_predictions(path)[0].scores["rest"]
    0.9
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            lines = csv.reader(stream, strict=True)
            rows = ([restore(cell) for cell in row] for row in lines)
            labels = _labels(path, next(rows, []))
            predictions = tuple(_prediction(path, lines.line_num, row, labels) for row in rows)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; give the folder of a finished run") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} cannot be read as a table of predictions: {error}") from error
    if not predictions:
        raise RunError(f"{path} has no row below its header; expected one per utterance")
    _check_unique(path, predictions)
    return predictions


def _labels(path: Path, header: list[str]) -> tuple[str, ...]:
    fixed, labels = tuple(header[: len(FIXED_COLUMNS)]), tuple(header[len(FIXED_COLUMNS) :])
    if fixed != FIXED_COLUMNS or not labels or len(set(labels)) < len(labels):
        raise RunError(
            f"{path} cannot be read as a table of predictions: it has the columns "
            f"{', '.join(header) or '(none)'}; "
            f"expected {', '.join(FIXED_COLUMNS)}, then one per label"
        )
    return labels


def _prediction(path: Path, line: int, row: list[str], labels: tuple[str, ...]) -> Prediction:
    expected = len(FIXED_COLUMNS) + len(labels)
    if len(row) != expected:
        raise RunError(f"{path}, line {line}, has {len(row)} cells; expected {expected}")
    file, speaker, fold, seed, truth, predicted, *scores = row
    for label in (truth, predicted):
        if label not in labels:
            raise RunError(
                f"{path}, line {line}, has the label {label!r}; expected one of {', '.join(labels)}"
            )
    try:
        numbers = [float(score) for score in scores]
        fold_number, seed_number = int(fold), int(seed)
    except ValueError as error:
        raise RunError(f"{path}, line {line}, has text instead of a number: {error}") from None
    if not all(math.isfinite(number) for number in numbers):
        raise RunError(f"{path}, line {line}, has a score that is not finite: {', '.join(scores)}")
    by_label = dict(zip(labels, numbers, strict=True))
    return Prediction(file, speaker, fold_number, seed_number, truth, predicted, by_label)


def _check_unique(path: Path, predictions: Sequence[Prediction]) -> None:
    seen: set[tuple[str, int]] = set()
    for p in predictions:
        if (p.file, p.seed) in seen:
            raise RunError(
                f"{path} has {p.file} twice with seed {p.seed}; expected each utterance once per seed"
            )
        seen.add((p.file, p.seed))
