"""Recordings of a user, listed in a CSV file with one row per utterance."""

import csv
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, protocol_name
from emotrace.corpora.splits import Fold, default_folds, default_scheme, list_speakers
from emotrace.corpora.utterance import EMOTIONS, Utterance, utterance_name
from emotrace.errors import CorpusError

NAME = "manifest"
FILE_NAME = "manifest.csv"
REQUIRED = ("file", "emotion", "speaker")
OPTIONAL = ("session", "start", "end")
COLUMNS = "file,emotion,speaker[,session][,start][,end]"


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
    start_s = _seconds("start", start) if start else 0.0
    end_s = _seconds("end", end) if end else None
    if end_s is not None and end_s <= start_s:
        raise CorpusError(
            f"end {end} is not after start {start or 0}; times are seconds from the start of the file"
        )
    return start_s, end_s


def _seconds(column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise CorpusError(f"{column} is {text!r}; expected seconds from the start of the file, such as 1.25")
    return value


def _csv_file(root: Path) -> Path:
    return root if root.is_file() else root / FILE_NAME


def _recognise(root: Path) -> bool:
    path = _csv_file(root)
    return path.is_file() and path.suffix.lower() == ".csv"


def _read(root: Path, allow_missing: bool = False) -> list[Utterance]:
    path = _csv_file(root)
    utterances: list[Utterance] = []
    rows: dict[str, int] = {}
    missing: list[str] = []
    for row, fields in _rows(path):
        try:
            utterance = _utterance(path.parent, fields)
        except CorpusError as error:
            raise CorpusError(f"{path}, row {row}: {error}") from error
        if utterance.name in rows:
            first = rows[utterance.name]
            raise CorpusError(
                f"{path}, row {row}: {utterance.name} is also in row {first}; remove one of them"
            )
        rows[utterance.name] = row
        if (path.parent / fields["file"]).is_file():
            utterances.append(utterance)
        else:
            missing.append(f"{fields['file']} (row {row})")
    listing.handle_missing_files(
        path, missing, allow=allow_missing, hint=f"paths are relative to {path.parent}", corpus=NAME
    )
    if not rows:
        raise CorpusError(f"{path} has no row below its header; expected one per utterance")
    return sorted(utterances, key=lambda utterance: utterance.name)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Row number and fields of each row that is not empty; row 1 is the header."""
    header: list[str] | None = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row, values in enumerate(csv.reader(file, strict=True), start=1):
                values = [value.strip() for value in values]
                if not any(values):
                    continue
                if header is None:
                    header = _header(path, values)
                elif len(values) != len(header):
                    raise CorpusError(
                        f"{path}, row {row}: {len(values)} fields, but the header has {len(header)}; "
                        "put fields that contain a comma in double quotes"
                    )
                else:
                    yield row, dict(zip(header, values, strict=True))
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8"
        ) from error
    except csv.Error as error:
        raise CorpusError(f"{path} is not a CSV file ({error}); expected the columns {COLUMNS}") from error
    if header is None:
        raise CorpusError(f"{path} is empty; expected a header with the columns {COLUMNS}")


def _header(path: Path, names: list[str]) -> list[str]:
    for number, name in enumerate(names):
        if name not in (*REQUIRED, *OPTIONAL):
            raise CorpusError(
                f"{path}, row 1: unknown column {name!r}; expected {COLUMNS}, separated by commas"
            )
        if name in names[:number]:
            raise CorpusError(f"{path}, row 1: column {name!r} occurs twice; remove one of them")
    for name in REQUIRED:
        if name not in names:
            raise CorpusError(f"{path}, row 1: no column {name!r}; expected {COLUMNS}")
    return names


def _utterance(folder: Path, fields: dict[str, str]) -> Utterance:
    for column in REQUIRED:
        if not fields[column]:
            raise CorpusError(f"{column} is empty; every row needs {', '.join(REQUIRED)}")
    code = fields["emotion"]
    start_s, end_s = parse_times(fields.get("start", ""), fields.get("end", ""))
    return Utterance(
        name=utterance_name(PurePath(os.path.normpath(fields["file"])).as_posix(), start_s, end_s),
        audio=folder / fields["file"],
        emotion=code.lower() if code.lower() in EMOTIONS else code,
        code=code,
        speaker=fields["speaker"],
        session=fields.get("session") or None,
        start_s=start_s,
        end_s=end_s,
    )


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    return default_folds(list_speakers(utterances))


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, default_scheme(list_speakers(utterances)))


MANIFEST = Corpus(
    name=NAME,
    title="recordings listed in a CSV file",
    citation="the user's own",
    license="the user's own",
    emotions={},
    layout=f"{FILE_NAME} (or another CSV file that --root names) with the columns {COLUMNS}",
    recognise=_recognise,
    read=_read,
    folds=_folds,
    protocol=_protocol,
    options=("allow_missing",),
)
