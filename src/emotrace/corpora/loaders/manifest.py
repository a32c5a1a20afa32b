"""A user's own recordings, listed in a CSV file: one row for each utterance."""

import csv
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, protocol_name
from emotrace.corpora.splits import Fold, leave_out, leave_out_scheme, speakers_of
from emotrace.corpora.utterance import EMOTIONS, Utterance, part_name
from emotrace.errors import CorpusError

NAME = "manifest"
FILE_NAME = "manifest.csv"
REQUIRED = ("file", "emotion", "speaker")
OPTIONAL = ("session", "start", "end")
COLUMNS = "file,emotion,speaker[,session][,start][,end]"


def parse_times(start: str, end: str) -> tuple[float, float | None]:
    """Where an utterance starts and ends in its file, in seconds; empty text is the file's own start or end.

    Raises CorpusError for what is no number, or no stretch of time.

    >>> parse_times("", "1.5")
    (0.0, 1.5)
    >>> parse_times("2", "1.5")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: end 1.5 is not after start 2; times are seconds from the file's start
    """
    start_s = _seconds("start", start) if start else 0.0
    end_s = _seconds("end", end) if end else None
    if end_s is not None and end_s <= start_s:
        raise CorpusError(
            f"end {end} is not after start {start or 0}; times are seconds from the file's start"
        )
    return start_s, end_s


def _seconds(column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise CorpusError(f"{column} is {text!r}; expected seconds from the file's start, such as 1.25")
    return value


def _csv_of(root: Path) -> Path:
    return root if root.is_file() else root / FILE_NAME


def _recognise(root: Path) -> bool:
    path = _csv_of(root)
    return path.is_file() and path.suffix.lower() == ".csv"


def _read(root: Path, allow_missing: bool = False) -> list[Utterance]:
    path = _csv_of(root)
    utterances: list[Utterance] = []
    row_of: dict[str, int] = {}
    missing: list[str] = []
    for row, fields in _rows(path):
        try:
            utterance = _utterance(path.parent, fields)
        except CorpusError as error:
            raise CorpusError(f"{path}, row {row}: {error}") from error
        if utterance.name in row_of:
            first = row_of[utterance.name]
            raise CorpusError(f"{path}, row {row}: {utterance.name} is in row {first} already; remove either")
        row_of[utterance.name] = row
        if (path.parent / fields["file"]).is_file():
            utterances.append(utterance)
        else:
            missing.append(f"{fields['file']} (row {row})")
    listing.settle_missing(
        path, missing, allow=allow_missing, way_out=f"paths count from {path.parent}", corpus=NAME
    )
    if not row_of:
        raise CorpusError(f"{path} has no row below its header; expected one for each utterance")
    return sorted(utterances, key=lambda utterance: utterance.name)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and fields of each row that is not blank; row 1 is the header."""
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
                        "put a field that contains a comma in double quotes"
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
            raise CorpusError(f"{path}, row 1: unknown column {name!r}; expected {COLUMNS}, between commas")
        if name in names[:number]:
            raise CorpusError(f"{path}, row 1: column {name!r} is there twice; remove either")
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
        name=part_name(PurePath(os.path.normpath(fields["file"])).as_posix(), start_s, end_s),
        audio=folder / fields["file"],
        emotion=code.lower() if code.lower() in EMOTIONS else code,
        code=code,
        speaker=fields["speaker"],
        session=fields.get("session") or None,
        start_s=start_s,
        end_s=end_s,
    )


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    return leave_out(speakers_of(utterances))


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, leave_out_scheme(speakers_of(utterances)))


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
