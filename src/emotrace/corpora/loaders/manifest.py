"""Recordings of a user, listed in a CSV file with one row per utterance."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus
from emotrace.corpora.protocols import default_protocol
from emotrace.corpora.splits import corpus_folds
from emotrace.corpora.utterance import Utterance, emotion_noun, utterance_name
from emotrace.errors import CorpusError, TableError
from emotrace.system.text_encoding import decode_text
from emotrace.tables.file_names import FileFinder
from emotrace.tables.reading import Columns, Row, read_rows
from emotrace.tables.times import parse_time

NAME = "manifest"
FILE_NAME = "manifest.csv"
COLUMNS = Columns(
    required=("file", "emotion", "speaker"),
    optional=("session", "start", "end"),
    decisive=("session", "start", "end"),
    layout="file,emotion,speaker[,session][,start][,end]",
)


def parse_times(start: str, end: str) -> tuple[float, float | None]:
    """Start and end of an utterance in its file, in seconds; empty text is the start or end of the file.

    Raises:
        CorpusError: a time is not a number or is negative, or the end is not after the start

    >>> parse_times("", "1.5")
    (0.0, 1.5)
    >>> parse_times("2", "1.5")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: end 1.5 is not after start 2; times are seconds from the start of the file
    """
    start_s = _seconds("start", start) or 0.0
    end_s = _seconds("end", end)
    if end_s is not None and end_s <= start_s:
        raise CorpusError(
            f"end {end} is not after start {start or 0}; times are seconds from the start of the file"
        )
    return start_s, end_s


def _seconds(column: str, text: str) -> float | None:
    try:
        value = parse_time(text)
    except ValueError:
        value = -1.0
    if value is not None and value < 0:
        raise CorpusError(f"{column} is {text!r}; expected seconds from the start of the file, such as 1.25")
    return value


def _csv_file(root: Path) -> Path:
    return root if root.is_file() else root / FILE_NAME


def _recognise(root: Path) -> bool:
    path = _csv_file(root)
    return path.is_file() and path.suffix.lower() == ".csv"


def _read(root: Path, allow_missing: bool = False) -> list[Utterance]:
    path = _csv_file(root)
    finder = FileFinder(path.parent)
    utterances: list[Utterance] = []
    lines: dict[str, int] = {}
    missing: list[str] = []
    for row in _rows(path):
        try:
            file, found = finder.find(_required(row)["file"])
            utterance = _utterance(file, found or path.parent / file, row.fields)
        except CorpusError as error:
            raise CorpusError(f"{path}: line {row.line}: {error}") from error
        if utterance.name in lines:
            first = lines[utterance.name]
            raise CorpusError(
                f"{path}: line {row.line}: {utterance.name} is also in line {first}; remove one of them"
            )
        lines[utterance.name] = row.line
        if found is None:
            missing.append(f"{row.fields['file']} (line {row.line})")
        else:
            utterances.append(utterance)
    listing.handle_missing_files(
        path, missing, allow=allow_missing, hint=f"paths are relative to {path.parent}", corpus=NAME
    )
    if not lines:
        raise CorpusError(f"{path} has no row below its header; expected one per utterance")
    return sorted(utterances, key=lambda utterance: utterance.name)


def _rows(path: Path) -> Iterator[Row]:
    try:
        yield from read_rows(decode_text(path.read_bytes()), COLUMNS)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}") from None
    except (TableError, ValueError) as error:
        raise CorpusError(f"{path}: {error}") from None


def _required(row: Row) -> dict[str, str]:
    for column in COLUMNS.required:
        if not row.fields[column]:
            raise CorpusError(f"{column} is empty; every row needs {', '.join(COLUMNS.required)}")
    return row.fields


def _utterance(file: str, audio: Path, fields: dict[str, str]) -> Utterance:
    code = fields["emotion"]
    start_s, end_s = parse_times(fields.get("start", ""), fields.get("end", ""))
    return Utterance(
        name=utterance_name(file, start_s, end_s),
        audio=audio,
        emotion=emotion_noun(code),
        code=code,
        speaker=fields["speaker"],
        session=fields.get("session") or None,
        start_s=start_s,
        end_s=end_s,
    )


MANIFEST = Corpus(
    name=NAME,
    title="recordings listed in a CSV file",
    citation="the user's own",
    license="the user's own",
    emotions={},
    layout=f"{FILE_NAME} (or another CSV file that --root names) with the columns {COLUMNS.layout}",
    recognise=_recognise,
    read=_read,
    folds=corpus_folds,
    protocol=partial(default_protocol, NAME),
    options=("allow_missing",),
)
