"""Berlin Database of Emotional Speech: ten actors, seven emotions, ten German sentences."""

import re
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts
from emotrace.corpora.named_files import Label, any_labelled, read_named_files
from emotrace.corpora.protocols import speaker_folds, speaker_protocol
from emotrace.corpora.utterance import Utterance

NAME = "emodb"
EXAMPLE = "03a01Wa.wav"

# The letters stand for the German words: Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral.
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}

# Speaker: sex, age in years.
SPEAKERS = {
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}

# The 535 utterances of the release.
PUBLISHED = PublishedCounts(
    by_emotion={
        "anger": 127,
        "happiness": 71,
        "sadness": 62,
        "neutral": 79,
        "fear": 69,
        "disgust": 46,
        "boredom": 81,
    },
    speakers=10,
)

FILE_NAME = re.compile(r"wav/(?P<speaker>\d\d)[ab]\d\d(?P<code>[A-Z])[a-z]")


def parse(stem: str) -> Label | None:
    """The label in a path without suffix; None if it is not one of EmoDB.

    A name has 2 characters for the speaker, 3 for the sentence, 1 for the emotion and 1 for the version.

    >>> parse("wav/03a01Wa")
    Label(code='W', speaker='03', sex='male')
    >>> parse("wav/99a01Wa"), parse("wav/readme")
    (None, None)
    """
    match = FILE_NAME.fullmatch(stem)
    if match is None or match["speaker"] not in SPEAKERS or match["code"] not in EMOTIONS:
        return None
    sex, _ = SPEAKERS[match["speaker"]]
    return Label(match["code"], match["speaker"], sex)


def _recognise(root: Path) -> bool:
    return (root / "wav").is_dir() and any_labelled(root, (root / "wav").iterdir(), parse)


def _read(root: Path) -> list[Utterance]:
    return read_named_files(NAME, root, listing.files(root / "wav"), parse, EMOTIONS, EXAMPLE)


EMODB = Corpus(
    name=NAME,
    title="Berlin Database of Emotional Speech (EmoDB)",
    citation="F. Burkhardt, A. Paeschke, M. Rolfes, W. Sendlmeier, B. Weiss: A database of German emotional "
    "speech. Interspeech 2005, 1517-1520.",
    license="free for research",
    language="de",
    speech="acted: ten actors in a studio, ten German sentences without emotional content",
    emotions=EMOTIONS,
    layout=f"wav/ folder with names such as {EXAMPLE}",
    recognise=_recognise,
    read=_read,
    folds=speaker_folds,
    protocol=partial(speaker_protocol, NAME),
    published=PUBLISHED,
)
