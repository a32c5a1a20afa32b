"""Any corpus as a database in audformat, for other tools to read."""

import shutil
from pathlib import Path, PurePath

import soundfile

from emotrace.corpora.base import OpenCorpus
from emotrace.corpora.loaders.audformat import library
from emotrace.corpora.utterance import part_name
from emotrace.errors import CorpusError

TABLE = "utterances"


def to_audformat(opened: OpenCorpus, folder: Path) -> None:
    """Writes a corpus as an audformat database: header, one table in CSV, and a copy of the audio.

    The table `utterances` has for each segment its emotion, speaker, session where there is one, and the
    corpus's own code; sex is told by the scheme of the speakers.

    Raises:
        CorpusError: `folder` holds something, or audio lies outside the corpus's root.
        MissingExtraError: audformat is not installed.
    """
    audformat = library()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder} is not an empty folder; name one that is, or none that exists")
    files = []
    for utterance in opened.utterances:
        file = utterance.name.removesuffix(part_name("", utterance.start_s, utterance.end_s))
        if PurePath(file).is_absolute() or ".." in PurePath(file).parts:
            raise CorpusError(f"{file} lies outside its corpus's folder; move it there to write a database")
        made = not isinstance(utterance.audio, Path)
        files.append(f"{file}.wav" if made else file)
        target = folder / files[-1]
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(utterance.audio, Path):
            shutil.copyfile(utterance.audio, target)
        else:
            soundfile.write(target, *utterance.audio, subtype="FLOAT")

    utterances, corpus = opened.utterances, opened.corpus
    db = audformat.Database(
        corpus.name,
        source=corpus.citation,
        usage=audformat.define.Usage.OTHER,
        license=corpus.license,
        description=corpus.title,
    )
    sexes = {utterance.speaker: utterance.sex for utterance in utterances}
    labels = {speaker: {"sex": sexes[speaker]} if sexes[speaker] else {} for speaker in opened.speakers}
    db.schemes["emotion"] = audformat.Scheme(labels=list(opened.emotions))
    db.schemes["speaker"] = audformat.Scheme(labels=labels)
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
    db.save(str(folder), storage_format=audformat.define.TableStorageFormat.CSV)
