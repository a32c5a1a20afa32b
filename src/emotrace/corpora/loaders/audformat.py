"""Databases in audformat, audEERING's exchange format. Users choose the columns with the labels.

A database is a folder with a header, `db.yaml`, that names tables, and a file for each table. No code in it
is executed: audformat itself evaluates YAML tags in the header and prefers pickles to other table files, so
this module reads the header as plain YAML and gives audformat copies of the CSV or Parquet files only.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, TypeAlias

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus
from emotrace.corpora.protocols import default_protocol
from emotrace.corpora.splits import corpus_folds
from emotrace.corpora.utterance import Utterance, emotion_noun, utterance_name
from emotrace.errors import CorpusError, MissingExtraError

NAME = "audformat"
HEADER = "db.yaml"
READABLE = ("parquet", "csv")
PICKLED = "pkl"
SEXES = ("female", "male")

TABLE_NAME = re.compile(r"[\w.-]+")

Segment: TypeAlias = tuple[str, float, float | None]  # file, start and end in seconds


@dataclass(frozen=True)
class ColumnPath:
    """A column of a table, and the scheme of its values."""

    table: str
    column: str
    scheme: str | None

    def __str__(self) -> str:
        return f"{self.table}/{self.column}"


def choose(
    columns: Sequence[ColumnPath], kind: str, wanted: str | None = None, table: str | None = None
) -> ColumnPath:
    """The column of the emotions or the speakers.

    Args:
        columns: all columns of the database
        kind: "emotion" or "speaker"
        wanted: the column, as COLUMN or TABLE/COLUMN; None is the column with the name or scheme `kind`
        table: the table to prefer if several columns fit

    Raises:
        CorpusError: no column fits, or several do

    >>> columns = [ColumnPath("files", "speaker", None), ColumnPath("gold", "label", "emotion")]
    >>> str(choose(columns, "emotion")), str(choose(columns, "speaker", "files/speaker"))
    ('gold/label', 'files/speaker')
    >>> choose(columns, "emotion", "mood")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: no column mood for the emotion; choose with --emotion-column one of \
files/speaker, gold/label
    """
    if wanted is None:
        found = [path for path in columns if kind in (path.column.lower(), (path.scheme or "").lower())]
    else:
        found = [path for path in columns if wanted in (str(path), path.column)]
    found = [path for path in found if path.table == table] or found
    if len(found) == 1:
        return found[0]
    count = f"{len(found)} columns" if found else f"no column{f' {wanted}' if wanted else ''}"
    known = ", ".join(map(str, found or columns)) or "(the tables have none)"
    raise CorpusError(f"{count} for the {kind}; choose with --{kind}-column one of {known}")


def read(
    root: Path,
    *,
    emotion_column: str | None = None,
    speaker_column: str | None = None,
    allow_missing: bool = False,
) -> list[Utterance]:
    """Read the utterances of a database, ordered by name. Rows without an emotion are left out.

    A column `session` in the table of the emotions is the session. The speakers' scheme may have their sex.

    Args:
        root: folder of the database
        emotion_column: column of the emotions, as TABLE/COLUMN, or COLUMN if only one table has it; None is
            the column with the name or scheme `emotion`
        speaker_column: the same for the speakers
        allow_missing: leave out audio files that do not exist

    Raises:
        CorpusError: the header or a table cannot be read, a table is stored only as a pickle, no column or
            several columns fit, an utterance has no speaker, or an audio file does not exist
        MissingExtraError: audformat is not installed
    """
    db = _load(root)
    columns = [
        ColumnPath(table, column, db.tables[table].columns[column].scheme_id)
        for table in db.tables
        for column in db.tables[table].columns
    ]
    try:
        emotions = choose(columns, "emotion", emotion_column)
        speakers = choose(columns, "speaker", speaker_column, table=emotions.table)
    except CorpusError as error:
        raise CorpusError(f"{root / HEADER} has {error}") from error
    session = ColumnPath(emotions.table, "session", None)
    find_speaker = _lookup(_values(db, speakers))
    find_session = _lookup(_values(db, session) if str(session) in map(str, columns) else {})
    sexes = _sexes(db, speakers.scheme)
    labelled = _values(db, emotions)

    found: dict[str, Utterance] = {}
    missing: list[str] = []
    without_speaker: list[str] = []
    for segment, code in labelled.items():
        file, start_s, end_s = segment
        path = PurePath(os.path.normpath(file))
        if path.is_absolute() or PureWindowsPath(file).drive or path.parts[0] == "..":
            raise CorpusError(
                f"{root / HEADER} lists {file}, which is not below {root}; use paths relative to that folder"
            )
        name = utterance_name(path.as_posix(), start_s, end_s)
        if end_s is not None and end_s <= start_s:
            raise CorpusError(f"{root / HEADER} lists {name}, which ends before it starts; correct its table")
        speaker = find_speaker(segment)
        if speaker is None:
            without_speaker.append(name)
            continue
        emotion = emotion_noun(code)
        found[name] = Utterance(
            name,
            root / path,
            emotion,
            code,
            speaker,
            find_session(segment),
            sexes.get(speaker),
            start_s,
            end_s,
        )
        if not (root / path).is_file():
            missing.append(name)
    if without_speaker:
        raise CorpusError(
            f"{root / HEADER} has no speaker for {len(without_speaker)} utterances: "
            f"{listing.shorten(without_speaker)}; folds need a speaker for each: choose another column with "
            "--speaker-column"
        )
    listing.handle_missing_files(
        root / HEADER, missing, allow=allow_missing, hint=f"paths are relative to {root}", corpus=NAME
    )
    return [found[name] for name in sorted(found.keys() - missing)]


def import_audformat() -> Any:
    """The package audformat.

    Raises:
        MissingExtraError: audformat is not installed
    """
    try:
        import audformat
    except ImportError as error:
        raise MissingExtraError('audformat is not installed; run: pip install "emotrace[train]"') from error
    return audformat


def _load(root: Path) -> Any:
    """The database with all tables, read from copies without pickles and YAML tags."""
    audformat = import_audformat()
    import yaml

    try:
        header = yaml.safe_load((root / HEADER).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise CorpusError(
            f"{root / HEADER} is not the plain YAML of an audformat header ({reason})"
        ) from error
    if not isinstance(header, dict) or not {"name", "source", "usage"} <= header.keys():
        raise CorpusError(f"{root / HEADER} is not an audformat header; expected name, source and usage")
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / HEADER).write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8")
        for table in (str(name) for kind in ("tables", "misc_tables") for name in header.get(kind) or ()):
            _copy_table(root, table, Path(temporary))
        try:
            return audformat.Database.load(temporary, load_data=True)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).replace(temporary, str(root)).split())
            raise CorpusError(f"{root} cannot be read as an audformat database ({reason})") from error


def _copy_table(root: Path, table: str, folder: Path) -> None:
    if not TABLE_NAME.fullmatch(table):
        raise CorpusError(
            f"{root / HEADER} has a table {table!r}; expected a name of letters, digits, . _ and -"
        )
    for suffix in READABLE:
        path = root / f"db.{table}.{suffix}"
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
            return
    if (root / f"db.{table}.{PICKLED}").is_file():
        raise CorpusError(
            f"{root} has the table {table} only as a pickle, which can run code when it is read; if you "
            "trust the database, write it as CSV: Database.save(…, storage_format='csv')"
        )
    raise CorpusError(f"{root} has no db.{table}.csv, though {HEADER} lists that table; restore it")


def _values(db: Any, path: ColumnPath) -> dict[Segment, str]:
    """The values of a column by segment, without empty ones."""
    import audformat

    column = audformat.utils.to_segmented_index(db.tables[path.table].df[path.column].dropna())
    return {
        (str(file), _seconds(start) or 0.0, _seconds(end)): str(value)
        for (file, start, end), value in column.items()
    }


def _seconds(time: Any) -> float | None:
    seconds = time.total_seconds()
    return None if seconds != seconds else float(seconds)  # NaT becomes NaN


def _lookup(values: Mapping[Segment, str]) -> Callable[[Segment], str | None]:
    """A function that finds the value of a segment: its own value, or the one value of its file."""
    by_file: dict[str, set[str]] = {}
    for (file, _, _), value in values.items():
        by_file.setdefault(file, set()).add(value)

    def find(segment: Segment) -> str | None:
        shared = by_file.get(segment[0], set())
        return values.get(segment) or (next(iter(shared)) if len(shared) == 1 else None)

    return find


def _sexes(db: Any, scheme: str | None) -> dict[str, str]:
    """The sex of the speakers, from their scheme or the table that it names."""
    labels = db.schemes[scheme].labels if scheme else None
    if isinstance(labels, str):  # the name of a table
        labels = db.misc_tables[labels].df.to_dict("index")
    if not isinstance(labels, dict):
        return {}
    values = {
        str(speaker): str(facts.get("sex", facts.get("gender"))).lower()
        for speaker, facts in labels.items()
        if isinstance(facts, dict)
    }
    return {speaker: sex for speaker, sex in values.items() if sex in SEXES}


def _recognise(root: Path) -> bool:
    return (root / HEADER).is_file()


AUDFORMAT = Corpus(
    name=NAME,
    title="a database in audformat",
    citation="see the database",
    license="see the database",
    emotions={},
    layout=f"{HEADER} with tables that have columns for the emotion and the speaker",
    recognise=_recognise,
    read=read,
    folds=corpus_folds,
    protocol=partial(default_protocol, NAME),
    options=("emotion_column", "speaker_column", "allow_missing"),
)
