"""nEMO: nine actors, six emotions, ninety Polish sentences."""

import re
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts
from emotrace.corpora.named_files import Label, any_labelled, read_named_files
from emotrace.corpora.protocols import speaker_folds, speaker_protocol
from emotrace.corpora.utterance import Utterance

NAME = "nemo"
FOLDER = "samples"
EXAMPLE = f"{FOLDER}/WR0_surprised_64.wav"

EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}

# Sex of the speakers, from data.tsv.
SPEAKERS = {
    "EB0": "female",
    "IC0": "female",
    "KD0": "female",
    "KS0": "male",
    "MK0": "female",
    "MP0": "male",
    "SM0": "male",
    "TP0": "male",
    "WR0": "male",
}

# The 4481 utterances of the release.
PUBLISHED = PublishedCounts(
    by_emotion={
        "anger": 749,
        "happiness": 749,
        "sadness": 769,
        "neutral": 809,
        "fear": 736,
        "surprise": 669,
    },
    speakers=9,
)

FILE_NAME = re.compile(FOLDER + r"/(?P<speaker>[A-Z]{2}\d)_(?P<code>[a-z]+)_\d+")


def parse(stem: str) -> Label | None:
    """The label in a path without suffix; None if it is not one of nEMO.

    >>> parse("samples/WR0_surprised_64")
    Label(code='surprised', speaker='WR0', sex='male')
    >>> parse("samples/XX0_surprised_64")
    """
    match = FILE_NAME.fullmatch(stem)
    if match is None or match["speaker"] not in SPEAKERS or match["code"] not in EMOTIONS:
        return None
    return Label(match["code"], match["speaker"], SPEAKERS[match["speaker"]])


def _recognise(root: Path) -> bool:
    return (root / FOLDER).is_dir() and any_labelled(root, (root / FOLDER).iterdir(), parse)


def _read(root: Path) -> list[Utterance]:
    return read_named_files(NAME, root, listing.files(root / FOLDER), parse, EMOTIONS, EXAMPLE)


NEMO = Corpus(
    name=NAME,
    title="nEMO, a dataset of emotional speech in Polish",
    citation="I. Christop: nEMO: Dataset of emotional speech in Polish. LREC-COLING 2024, 12111-12116.",
    license="CC BY-NC-SA 4.0",
    language="pl",
    speech="acted: nine actors, ninety Polish sentences",
    emotions=EMOTIONS,
    layout=f"{FOLDER}/ folder with names such as {EXAMPLE}",
    recognise=_recognise,
    read=_read,
    folds=speaker_folds,
    protocol=partial(speaker_protocol, NAME),
    published=PUBLISHED,
)
