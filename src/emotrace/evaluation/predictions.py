"""predictions.csv: what a run said of each utterance, so that anyone can recompute its figures."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from emotrace.errors import RunError
from emotrace.system.files import write_text

FIXED_COLUMNS = ("file", "speaker", "fold", "seed", "truth", "predicted")


@dataclass(frozen=True)
class Prediction:
    """What a model that never heard the speaker said of one utterance.

    `file` is the utterance's name within its corpus, `fold` and `seed` say which model spoke, and `scores`
    has one number per label, in the model's order.

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
        """The labels the model chose between, in its order."""
        return tuple(self.scores)

    @property
    def correct(self) -> bool:
        """Whether the label predicted is the true one."""
        return self.predicted == self.truth


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """Write `predictions` to the CSV file `path`, whole or not at all; scores to six significant digits.

    Raises:
        RunError: there are none, two differ in their labels, or an utterance comes twice with one seed.

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
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*FIXED_COLUMNS, *labels])
    for p in predictions:
        if p.labels != labels:
            raise RunError(
                f"{p.file} has scores for {', '.join(p.labels)}, but {predictions[0].file} for "
                f"{', '.join(labels)}; one file holds the predictions of one set of labels"
            )
        scores = [format(score, ".6g") for score in p.scores.values()]
        table.writerow([p.file, p.speaker, p.fold, p.seed, p.truth, p.predicted, *scores])
    _each_once(path, predictions)
    write_text(path, text.getvalue())


def read_predictions(path: Path) -> tuple[Prediction, ...]:
    """Read what `write_predictions` wrote, in the same order.

    Raises:
        RunError: the file is missing or is not such a table, or a row is damaged; the message has the line.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "predictions.csv"
    >>> _ = path.write_text(
    ...     "file,speaker,fold,seed,truth,predicted,anger,rest\\na.wav,03,0,1,rest,rest,0.1,0.9"
    ... )
    >>> read_predictions(path)[0].scores["rest"]
    0.9
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            lines = csv.reader(stream, strict=True)
            labels = _labels(path, next(lines, []))
            predictions = tuple(_prediction(path, lines.line_num, row, labels) for row in lines)
    except FileNotFoundError:
        raise RunError(f"{path} does not exist; only a run that was evaluated has one") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RunError(f"{path} cannot be read as a table of predictions: {error}") from error
    if not predictions:
        raise RunError(f"{path} has no row below its header; expected one per utterance")
    _each_once(path, predictions)
    return predictions


def _labels(path: Path, header: list[str]) -> tuple[str, ...]:
    fixed, labels = tuple(header[: len(FIXED_COLUMNS)]), tuple(header[len(FIXED_COLUMNS) :])
    if fixed != FIXED_COLUMNS or not labels or len(set(labels)) < len(labels):
        raise RunError(
            f"{path} has the columns {', '.join(header) or '(none)'}; "
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
        whose = int(fold), int(seed)
    except ValueError as error:
        raise RunError(f"{path}, line {line}, has text where a number is due: {error}") from None
    if not all(math.isfinite(number) for number in numbers):
        raise RunError(f"{path}, line {line}, has a score that is not finite: {', '.join(scores)}")
    return Prediction(file, speaker, *whose, truth, predicted, dict(zip(labels, numbers, strict=True)))


def _each_once(path: Path, predictions: Sequence[Prediction]) -> None:
    seen: set[tuple[str, int]] = set()
    for p in predictions:
        if (p.file, p.seed) in seen:
            raise RunError(
                f"{path} has {p.file} twice with seed {p.seed}; a protocol tests each utterance once per seed"
            )
        seen.add((p.file, p.seed))
