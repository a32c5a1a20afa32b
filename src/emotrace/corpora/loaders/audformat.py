"""Databases in audformat, the exchange format of audEERING: any labels, chosen by table and column.

A database is a folder with `db.yaml`, which names tables, and a file for each table. Nothing in it is run:
its header is read as plain YAML, and its tables from copies of their CSV or Parquet files, since audformat
itself runs what a header's tags say and prefers a pickle that lies beside a table.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, TypeAlias

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, protocol_name
from emotrace.corpora.splits import Fold, leave_out, leave_out_scheme, speakers_of
from emotrace.corpora.utterance import EMOTIONS, Utterance, part_name
from emotrace.errors import CorpusError, MissingExtraError

NAME = "audformat"
HEADER = "db.yaml"
READABLE = ("parquet", "csv")
PICKLED = "pkl"
SEXES = ("female", "male")

TABLE_NAME = re.compile(r"[\w.-]+")

Segment: TypeAlias = tuple[str, float, float | None]  # file, and from where to where in it, in seconds


@dataclass(frozen=True)
class Place:
    """A column, and the scheme that says what its values are."""

    table: str
    column: str
    scheme: str | None

    def __str__(self) -> str:
        return f"{self.table}/{self.column}"


def choose(places: Sequence[Place], kind: str, asked: str | None = None, near: str | None = None) -> Place:
    """The one column that holds a `kind`: the one asked for, else the one of that name or scheme.

    Of several, those in the table `near` go first. Raises CorpusError where none or more than one is left.

    >>> places = [Place("files", "speaker", None), Place("gold", "label", "emotion")]
    >>> str(choose(places, "emotion")), str(choose(places, "speaker", "files/speaker"))
    ('gold/label', 'files/speaker')
    >>> choose(places, "emotion", "mood")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: no column mood for the emotion; choose with --emotion-column one of \
files/speaker, gold/label
    """
    if asked is None:
        found = [place for place in places if kind in (place.column.lower(), (place.scheme or "").lower())]
    else:
        found = [place for place in places if asked in (str(place), place.column)]
    found = [place for place in found if place.table == near] or found
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} columns" if found else f"no column{f' {asked}' if asked else ''}"
    known = ", ".join(map(str, found or places)) or "no column at all"
    raise CorpusError(f"{what} for the {kind}; choose with --{kind}-column one of {known}")


def read(
    root: Path,
    *,
    emotion_column: str | None = None,
    speaker_column: str | None = None,
    allow_missing: bool = False,
) -> list[Utterance]:
    """The utterances of the database under `root`, ordered by name; rows without an emotion are left out.

    Columns are named TABLE/COLUMN, or COLUMN where no other table has one so called; without a name each is
    found where only one is, or has a scheme, called `emotion` or `speaker`. A column `session` beside the
    emotions is the session; the speakers' scheme may tell their sex.

    Raises:
        CorpusError: a header or table that cannot be read, a table stored as a pickle alone, no column or
            several for the emotion or the speaker, an utterance without a speaker, and audio that is listed
            and not there, unless `allow_missing` leaves it out.
        MissingExtraError: audformat is not installed.
    """
    db = _load(root)
    places = [
        Place(table, column, db.tables[table].columns[column].scheme_id)
        for table in db.tables
        for column in db.tables[table].columns
    ]
    try:
        emotions = choose(places, "emotion", emotion_column)
        speakers = choose(places, "speaker", speaker_column, near=emotions.table)
    except CorpusError as error:
        raise CorpusError(f"{root / HEADER} has {error}") from error
    session = Place(emotions.table, "session", None)
    speaker_of = _lookup(_values(db, speakers))
    session_of = _lookup(_values(db, session) if str(session) in map(str, places) else {})
    sexes = _sexes(db, speakers.scheme)
    labelled = _values(db, emotions)

    found: dict[str, Utterance] = {}
    missing: list[str] = []
    silent: list[str] = []
    for segment, code in labelled.items():
        file, start_s, end_s = segment
        path = PurePath(os.path.normpath(file))
        if path.is_absolute() or PureWindowsPath(file).drive or path.parts[0] == "..":
            raise CorpusError(
                f"{root / HEADER} lists {file}, which is not below {root}; use paths from there"
            )
        name = part_name(path.as_posix(), start_s, end_s)
        if end_s is not None and end_s <= start_s:
            raise CorpusError(f"{root / HEADER} lists {name}, which ends before it starts; correct its table")
        speaker = speaker_of(segment)
        if speaker is None:
            silent.append(name)
            continue
        emotion = code.lower() if code.lower() in EMOTIONS else code
        found[name] = Utterance(
            name, root / path, emotion, code, speaker, session_of(segment), sexes.get(speaker), start_s, end_s
        )
        if not (root / path).is_file():
            missing.append(name)
    if silent:
        raise CorpusError(
            f"{root / HEADER} names no speaker for {len(silent)} utterances: {listing.some(silent)}; folds "
            "need one for each: choose another with --speaker-column"
        )
    listing.settle_missing(
        root / HEADER, missing, allow=allow_missing, way_out=f"paths count from {root}", corpus=NAME
    )
    return [found[name] for name in sorted(found.keys() - missing)]


def library() -> Any:
    """The package audformat; raises MissingExtraError where it is not installed."""
    try:
        import audformat
    except ImportError as error:
        raise MissingExtraError('found no audformat; run: pip install "emotrace[train]"') from error
    return audformat


def _load(root: Path) -> Any:
    """The database with all tables, from copies that hold nothing to run."""
    audformat = library()
    import yaml

    try:
        header = yaml.safe_load((root / HEADER).read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise CorpusError(
            f"{root / HEADER} is not the plain YAML of an audformat header ({reason})"
        ) from error
    if not isinstance(header, dict) or not {"name", "source", "usage"} <= header.keys():
        raise CorpusError(f"{root / HEADER} is not an audformat header, which has name, source and usage")
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
            f"{root / HEADER} has a table {table!r}; a table's name is letters, digits, . _ or -"
        )
    for suffix in READABLE:
        path = root / f"db.{table}.{suffix}"
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
            return
    if (root / f"db.{table}.{PICKLED}").is_file():
        raise CorpusError(
            f"{root} has the table {table} only as a pickle, which can run anything when it is read; write "
            "it as CSV where the database is trusted: Database.save(…, storage_format='csv')"
        )
    raise CorpusError(f"{root} has no db.{table}.csv, though {HEADER} lists that table; restore it")


def _values(db: Any, place: Place) -> dict[Segment, str]:
    """The values of a column by segment, those that are empty left out."""
    import audformat

    column = audformat.utils.to_segmented_index(db.tables[place.table].df[place.column].dropna())
    return {
        (str(file), _seconds(start) or 0.0, _seconds(end)): str(value)
        for (file, start, end), value in column.items()
    }


def _seconds(time: Any) -> float | None:
    seconds = time.total_seconds()
    return None if seconds != seconds else float(seconds)  # what is not a time is not equal to itself


def _lookup(values: Mapping[Segment, str]) -> Callable[[Segment], str | None]:
    """Finds a segment's value: its own, or the one that all of its file shares."""
    of_file: dict[str, set[str]] = {}
    for (file, _, _), value in values.items():
        of_file.setdefault(file, set()).add(value)

    def find(segment: Segment) -> str | None:
        shared = of_file.get(segment[0], set())
        return values.get(segment) or (next(iter(shared)) if len(shared) == 1 else None)

    return find


def _sexes(db: Any, scheme: str | None) -> dict[str, str]:
    """The speakers' sex, where their scheme or the table it names tells it."""
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


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    return leave_out(speakers_of(utterances))


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, leave_out_scheme(speakers_of(utterances)))


AUDFORMAT = Corpus(
    name=NAME,
    title="a database in audformat",
    citation="the database's own",
    license="the database's own",
    emotions={},
    layout=f"{HEADER} with tables that have columns for the emotion and the speaker",
    recognise=_recognise,
    read=read,
    folds=_folds,
    protocol=_protocol,
    options=("emotion_column", "speaker_column", "allow_missing"),
)
