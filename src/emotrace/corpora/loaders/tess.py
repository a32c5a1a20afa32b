"""Toronto Emotional Speech Set: two actresses, seven emotions, two hundred English words."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts, protocol_name
from emotrace.corpora.named_files import Label, any_labelled, read_named_files
from emotrace.corpora.splits import Fold, list_speakers
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

NAME = "tess"
EXAMPLE = "OAF_back_angry.wav"

EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}

# The older and the younger actress. The release has one file with OA for OAF.
SPEAKERS = {"OAF": "OAF", "OA": "OAF", "YAF": "YAF"}

# The 2800 utterances of the release; ps is pleasant surprise.
PUBLISHED = PublishedCounts(by_emotion=dict.fromkeys(EMOTIONS.values(), 400), speakers=2)

FILE_NAME = re.compile(r"(?:[^/]+/)?(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<code>[a-z]+)")


def parse(stem: str) -> Label | None:
    """The label in a path without suffix; None if it is not one of TESS.

    >>> parse("OAF_back_angry")
    Label(code='angry', speaker='OAF', sex='female')
    >>> parse("OAF_neutral/OA_bite_neutral"), parse("readme")
    (Label(code='neutral', speaker='OAF', sex='female'), None)
    """
    match = FILE_NAME.fullmatch(stem)
    if match is None or match["code"] not in EMOTIONS:
        return None
    return Label(match["code"], SPEAKERS[match["speaker"]], "female")


def _files(root: Path) -> Iterator[Path]:
    """The files in the root and in its folders: the release has a folder for each actress and emotion."""
    for folder in (root, *listing.folders(root)):
        yield from listing.files(folder)


def _recognise(root: Path) -> bool:
    return root.is_dir() and any_labelled(root, _files(root), parse)


def _read(root: Path) -> list[Utterance]:
    return read_named_files(NAME, root, _files(root), parse, EMOTIONS, EXAMPLE)


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    raise CorpusError(
        f"TESS has the speakers {' and '.join(list_speakers(utterances))} only, too few for training, "
        "validation and test; evaluate a model of another corpus on it, or use it in a collection"
    )


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, f"{len(list_speakers(utterances))}speakers")


TESS = Corpus(
    name=NAME,
    title="Toronto Emotional Speech Set (TESS)",
    citation="K. Dupuis, M. K. Pichora-Fuller: Toronto emotional speech set (TESS). University of Toronto, "
    "Psychology Department, 2010.",
    license="CC BY-NC-ND 4.0",
    language="en",
    speech="acted: two actresses, two hundred English words in one carrier phrase",
    emotions=EMOTIONS,
    layout=f"files, or folders of files, with names such as {EXAMPLE}",
    recognise=_recognise,
    read=_read,
    folds=_folds,
    protocol=_protocol,
    published=PUBLISHED,
)
