"""Writes a corpus as an audformat database, for other tools to read."""

import shutil
from pathlib import Path, PurePath
from typing import Any

import soundfile

from emotrace.corpora.base import OpenCorpus
from emotrace.corpora.loaders.audformat import import_audformat
from emotrace.corpora.utterance import Utterance, utterance_name
from emotrace.errors import CorpusError

TABLE = "utterances"


def write_audformat(opened: OpenCorpus, folder: Path) -> None:
    """Write a corpus as an audformat database: a header, a table in CSV, and copies of the audio files.

    The table `utterances` has the emotion, the speaker, the corpus's own code and, where the corpus has
    sessions, the session of each segment. The scheme of the speakers has their sex.

    Raises:
        CorpusError: `folder` is not empty, or audio lies outside the corpus's root
        MissingExtraError: audformat is not installed
    """
    audformat = import_audformat()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder} is not an empty folder; choose an empty or a new one")
    files = [_write_audio(utterance, folder) for utterance in opened.utterances]
    corpus = opened.corpus
    db = audformat.Database(
        corpus.name,
        source=corpus.citation,
        usage=audformat.define.Usage.OTHER,
        license=corpus.license,
        description=corpus.title,
    )
    sexes = {utterance.speaker: utterance.sex for utterance in opened.utterances}
    labels = {speaker: {"sex": sexes[speaker]} if sexes[speaker] else {} for speaker in opened.speakers}
    db.schemes["emotion"] = audformat.Scheme(labels=list(opened.emotions))
    db.schemes["speaker"] = audformat.Scheme(labels=labels)
    _add_table(audformat, db, opened, files)
    db.save(str(folder), storage_format=audformat.define.TableStorageFormat.CSV)


def _write_audio(utterance: Utterance, folder: Path) -> str:
    """Write an utterance's audio file, unless another utterance of it did; return its path below `folder`."""
    file = utterance.name.removesuffix(utterance_name("", utterance.start_s, utterance.end_s))
    if PurePath(file).is_absolute() or ".." in PurePath(file).parts:
        raise CorpusError(f"{file} lies outside its corpus's folder; move it there to write a database")
    if not isinstance(utterance.audio, Path):
        file += ".wav"
    target = folder / file
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(utterance.audio, Path):
            shutil.copyfile(utterance.audio, target)
        else:
            soundfile.write(target, *utterance.audio, subtype="FLOAT")
    return file


def _add_table(audformat: Any, db: Any, opened: OpenCorpus, files: list[str]) -> None:
    utterances = opened.utterances
    columns: dict[str, list[str | None]] = {
        "emotion": [utterance.emotion for utterance in utterances],
        "speaker": [utterance.speaker for utterance in utterances],
        "code": [utterance.code for utterance in utterances],
    }
    if any(utterance.session for utterance in utterances):
        columns["session"] = [utterance.session for utterance in utterances]
    index = audformat.segmented_index(
        files,
        [f"{utterance.start_s}s" for utterance in utterances],
        [None if utterance.end_s is None else f"{utterance.end_s}s" for utterance in utterances],
    )
    table = db[TABLE] = audformat.Table(index)
    for name, values in columns.items():
        if name not in db.schemes:
            db.schemes[name] = audformat.Scheme("str")
        table[name] = audformat.Column(scheme_id=name)
        table[name].set(values)
