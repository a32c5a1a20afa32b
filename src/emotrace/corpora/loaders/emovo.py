"""EMOVO: six actors, seven emotions, fourteen Italian sentences."""

import re
from functools import partial
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts
from emotrace.corpora.named_files import Label, any_labelled, read_named_files
from emotrace.corpora.protocols import speaker_folds, speaker_protocol
from emotrace.corpora.utterance import Utterance

NAME = "emovo"
EXAMPLE = "f1/dis-f1-b1.wav"
SEXES = {"f": "female", "m": "male"}

# The codes stand for the Italian words: disgusto, gioia, neutro, paura, rabbia, sorpresa, tristezza.
EMOTIONS = {
    "dis": "disgust",
    "gio": "happiness",
    "neu": "neutral",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
}

# The 588 utterances of the release: fourteen sentences by six actors in each emotion.
PUBLISHED = PublishedCounts(by_emotion=dict.fromkeys(EMOTIONS.values(), 84), speakers=6)

FOLDER_NAME = re.compile(r"[fm][1-3]")
FILE_NAME = re.compile(r"(?P<folder>[fm][1-3])/(?P<code>[a-z]{3})-(?P<speaker>[fm][1-3])-[a-z]\d")


def parse(stem: str) -> Label | None:
    """The label in a path without suffix; None if it is not one of EMOVO, or its folder is another actor's.

    >>> parse("f1/gio-f1-b1")
    Label(code='gio', speaker='f1', sex='female')
    >>> parse("f1/gio-m1-b1")
    """
    match = FILE_NAME.fullmatch(stem)
    if match is None or match["speaker"] != match["folder"] or match["code"] not in EMOTIONS:
        return None
    return Label(match["code"], match["speaker"], SEXES[match["speaker"][0]])


def _recognise(root: Path) -> bool:
    return root.is_dir() and any_labelled(root, listing.files_in_folders(root, FOLDER_NAME), parse)


def _read(root: Path) -> list[Utterance]:
    return read_named_files(NAME, root, listing.files_in_folders(root, FOLDER_NAME), parse, EMOTIONS, EXAMPLE)


EMOVO = Corpus(
    name=NAME,
    title="EMOVO, an Italian emotional speech database",
    citation="G. Costantini, I. Iaderola, A. Paoloni, M. Todisco: EMOVO corpus: an Italian emotional speech "
    "database. LREC 2014, 3501-3504.",
    license="none stated; free download",
    language="it",
    speech="acted: six actors, fourteen Italian sentences",
    emotions=EMOTIONS,
    layout=f"folders f1 … m3 with names such as {EXAMPLE}",
    recognise=_recognise,
    read=_read,
    folds=speaker_folds,
    protocol=partial(speaker_protocol, NAME),
    published=PUBLISHED,
)
