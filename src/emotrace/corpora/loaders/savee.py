"""Surrey Audio-Visual Expressed Emotion: four men, seven emotions, English sentences."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts
from emotrace.corpora.named_files import Label, any_labelled, read_named_files
from emotrace.corpora.protocols import speaker_folds, speaker_protocol
from emotrace.corpora.utterance import Utterance

NAME = "savee"
EXAMPLE = "DC/a01.wav or DC_a01.wav"
SPEAKERS = ("DC", "JE", "JK", "KL")
VALIDATION = 1  # so that two of the four speakers train

EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}

# The 480 utterances of the release.
PUBLISHED = PublishedCounts(
    by_emotion={emotion: 120 if emotion == "neutral" else 60 for emotion in EMOTIONS.values()},
    speakers=len(SPEAKERS),
)

FILE_NAME = re.compile(rf"(?P<speaker>{'|'.join(SPEAKERS)})[/_](?P<code>[adfhn]|s[au])\d\d")


def parse(stem: str) -> Label | None:
    """The label in a path without suffix; None if it is not one of SAVEE.

    >>> parse("DC/a01"), parse("KL_su15")
    (Label(code='a', speaker='DC', sex='male'), Label(code='su', speaker='KL', sex='male'))
    >>> parse("XX/a01")
    """
    match = FILE_NAME.fullmatch(stem)
    return match and Label(match["code"], match["speaker"], "male")


def _files(root: Path) -> Iterator[Path]:
    for folder in (root, *(root / speaker for speaker in SPEAKERS)):
        if folder.is_dir():
            yield from listing.files(folder)


def _recognise(root: Path) -> bool:
    return root.is_dir() and any_labelled(root, _files(root), parse)


def _read(root: Path) -> list[Utterance]:
    return read_named_files(NAME, root, _files(root), parse, EMOTIONS, EXAMPLE)


SAVEE = Corpus(
    name=NAME,
    title="Surrey Audio-Visual Expressed Emotion database (SAVEE)",
    citation="S. Haq, P. J. B. Jackson: Speaker-dependent audio-visual emotion recognition. AVSP 2009, "
    "53-58.",
    license="by agreement with the University of Surrey, for research",
    language="en",
    speech="acted: four men, fifteen English sentences for each emotion",
    emotions=EMOTIONS,
    layout=f"files with names such as {EXAMPLE}",
    recognise=_recognise,
    read=_read,
    folds=partial(speaker_folds, validation=VALIDATION),
    protocol=partial(speaker_protocol, NAME),
    published=PUBLISHED,
)
