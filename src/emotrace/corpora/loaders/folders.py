"""Recordings of a user in folders named by emotion."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from emotrace.audio.reading import readable_suffixes
from emotrace.corpora import listing
from emotrace.corpora.base import Corpus
from emotrace.corpora.protocols import default_protocol
from emotrace.corpora.splits import corpus_folds
from emotrace.corpora.utterance import Utterance, emotion_noun
from emotrace.errors import CorpusError

NAME = "folders"
LAYOUT = "EMOTION/SPEAKER/FILE"


def find_speaker(pattern: re.Pattern[str] | None, name: str) -> str | None:
    """The speaker of a file; None if there is no match.

    Args:
        pattern: searched in the path. Its group `speaker`, its first group, or all that it matches is the
            speaker. Without a pattern, the folder below that of the emotion is the speaker.
        name: path below the root

    >>> find_speaker(re.compile("[a-z]+(?=_)"), "anger/anna_1.wav"), find_speaker(None, "anger/anna/1.wav")
    ('anna', 'anna')
    >>> find_speaker(None, "anger/1.wav")
    """
    if pattern is None:
        _, *between, _ = name.split("/")
        return between[0] if between else None
    match = pattern.search(name)
    if match is None:
        return None
    if "speaker" in pattern.groupindex:
        return match["speaker"] or None
    return match[1 if pattern.groups else 0] or None


def _compile(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise CorpusError(
            f"--speaker-pattern is {pattern!r}, which is not a regular expression ({error})"
        ) from None


def _audio_files(folder: Path, depth: int) -> Iterator[Path]:
    """The audio files in a folder, and in the folders below it down to `depth`."""
    suffixes = readable_suffixes()
    yield from (path for path in listing.files(folder) if path.suffix.lower() in suffixes)
    if depth:
        for inner in listing.folders(folder):
            yield from _audio_files(inner, depth - 1)


def _recognise(root: Path) -> bool:
    """Whether two folders have audio files, not far below."""
    if not root.is_dir():
        return False
    return sum(any(_audio_files(folder, depth=2)) for folder in listing.folders(root)) >= 2


def _read(root: Path, speaker_pattern: str | None = None) -> list[Utterance]:
    pattern = _compile(speaker_pattern)
    utterances: list[Utterance] = []
    without_speaker: list[str] = []
    for folder in listing.folders(root):
        for path in _audio_files(folder, depth=8):
            name = path.relative_to(root).as_posix()
            speaker = find_speaker(pattern, name)
            if speaker is None:
                without_speaker.append(name)
                continue
            utterances.append(Utterance(name, path, emotion_noun(folder.name), folder.name, speaker))
    if without_speaker:
        where = "no folder of a speaker" if pattern is None else f"no match of {speaker_pattern!r}"
        raise CorpusError(
            f"{root} has {where} for {listing.shorten(without_speaker)}; each file needs a speaker: "
            f"use {LAYOUT}, or a --speaker-pattern for paths such as these"
        )
    return sorted(utterances, key=lambda utterance: utterance.name)


FOLDERS = Corpus(
    name=NAME,
    title="recordings in folders named by emotion",
    citation="the user's own",
    license="the user's own",
    emotions={},
    layout=f"folders for two or more emotions, with files such as {LAYOUT}",
    recognise=_recognise,
    read=_read,
    folds=corpus_folds,
    protocol=partial(default_protocol, NAME),
    options=("speaker_pattern",),
    any_layout=True,
)
