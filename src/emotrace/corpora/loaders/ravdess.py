"""RAVDESS, speech only: 24 actors, eight emotions, two English sentences."""

import re
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts
from emotrace.corpora.named_files import Label, any_labelled, read_named_files
from emotrace.corpora.protocols import actor_folds, actor_protocol
from emotrace.corpora.utterance import Utterance

NAME = "ravdess"
EXAMPLE = "Actor_01/03-01-05-02-01-01-01.wav"
FOLDS = 6

EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}

# The 1440 spoken utterances of the release; neutral has no strong intensity, hence half the number.
PUBLISHED = PublishedCounts(
    by_emotion={emotion: 96 if emotion == "neutral" else 192 for emotion in EMOTIONS.values()},
    speakers=24,
)

AUDIO_ONLY = "03"
SPEECH = "01"
FOLDER_NAME = re.compile(r"Actor_\d\d")
FILE_NAME = re.compile(
    rf"Actor_(?P<folder>\d\d)/{AUDIO_ONLY}-(?P<channel>0[12])-(?P<code>0[1-8])-(?P<intensity>0[12])"
    r"-(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>\d\d)"
)


def parse(stem: str) -> Label | None:
    """The label in a path without suffix.

    None if the path is not one of RAVDESS, is that of a video, or has another actor than its folder.
    Actors with odd numbers are male, with even numbers female.

    >>> parse("Actor_01/03-01-05-02-01-01-01")
    Label(code='05', speaker='01', sex='male')
    >>> parse("Actor_02/03-01-05-02-01-01-01")
    """
    match = FILE_NAME.fullmatch(stem)
    if match is None or match["actor"] != match["folder"]:
        return None
    return Label(match["code"], match["actor"], "male" if int(match["actor"]) % 2 else "female")


def _is_song(root: Path, path: Path) -> bool:
    match = FILE_NAME.fullmatch(path.relative_to(root).with_suffix("").as_posix())
    return match is not None and match["channel"] != SPEECH


def _recognise(root: Path) -> bool:
    return root.is_dir() and any_labelled(root, listing.files_in_folders(root, FOLDER_NAME), parse)


def _read(root: Path) -> list[Utterance]:
    paths = (path for path in listing.files_in_folders(root, FOLDER_NAME) if not _is_song(root, path))
    return read_named_files(NAME, root, paths, parse, EMOTIONS, EXAMPLE)


RAVDESS = Corpus(
    name=NAME,
    title="Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), speech",
    citation="S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song "
    "(RAVDESS). PLoS ONE 13(5), e0196391, 2018.",
    license="CC BY-NC-SA 4.0",
    language="en",
    speech="acted: 24 North American actors, two English sentences",
    emotions=EMOTIONS,
    layout=f"folders Actor_01 … Actor_24 with names such as {EXAMPLE}",
    recognise=_recognise,
    read=_read,
    folds=partial(actor_folds, n=FOLDS),
    protocol=partial(actor_protocol, NAME, n=FOLDS),
    published=PUBLISHED,
)
