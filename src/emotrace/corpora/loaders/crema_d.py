"""CREMA-D: 91 actors, six emotions, twelve English sentences."""

import csv
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts
from emotrace.corpora.named_files import Label, any_labelled, read_named_files
from emotrace.corpora.protocols import actor_folds, actor_protocol
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

NAME = "crema-d"
FOLDER = "AudioWAV"
EXAMPLE = "1001_DFA_ANG_XX.wav"
DEMOGRAPHICS = "VideoDemographics.csv"
FOLDS = 5

EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}

# The 7442 utterances of the release, by the emotion that the actor intended.
PUBLISHED = PublishedCounts(
    by_emotion={emotion: 1087 if emotion == "neutral" else 1271 for emotion in EMOTIONS.values()},
    speakers=91,
)

# Actor, sentence, emotion and its intensity: low, medium, high, or unspecified (XX; X in one file).
FILE_NAME = re.compile(
    FOLDER + r"/(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<code>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX?)"
)


def parse(stem: str, sexes: Mapping[str, str] = MappingProxyType({})) -> Label | None:
    """The label in a path without suffix; None if it is not one of CREMA-D.

    Args:
        stem: the path below the root
        sexes: the sex of the actors, which is not in file names

    >>> parse("AudioWAV/1001_DFA_ANG_XX")
    Label(code='ANG', speaker='1001', sex=None)
    >>> parse("AudioWAV/1040_ITH_SAD_X", {"1040": "female"})
    Label(code='SAD', speaker='1040', sex='female')
    >>> parse("AudioWAV/readme")
    """
    match = FILE_NAME.fullmatch(stem)
    return match and Label(match["code"], match["actor"], sexes.get(match["actor"]))


def read_sexes(path: Path) -> dict[str, str]:
    """The sex of the actors, from the release's table of demographics.

    Raises:
        CorpusError: the table has no columns ActorID and Sex
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        if not {"ActorID", "Sex"} <= set(rows.fieldnames or ()):
            raise CorpusError(
                f"{path} has no columns ActorID and Sex; restore the file, or remove it: sex is optional"
            )
        sexes = {row["ActorID"].strip(): (row["Sex"] or "").strip().lower() for row in rows if row["ActorID"]}
    return {actor: sex for actor, sex in sexes.items() if sex in ("female", "male")}


def _recognise(root: Path) -> bool:
    return (root / FOLDER).is_dir() and any_labelled(root, (root / FOLDER).iterdir(), parse)


def _read(root: Path) -> list[Utterance]:
    table = root / DEMOGRAPHICS
    parse_name = partial(parse, sexes=read_sexes(table) if table.is_file() else {})
    return read_named_files(NAME, root, listing.files(root / FOLDER), parse_name, EMOTIONS, EXAMPLE)


CREMA_D = Corpus(
    name=NAME,
    title="Crowd-sourced Emotional Multimodal Actors Dataset (CREMA-D)",
    citation="H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced "
    "emotional multimodal actors dataset. IEEE Transactions on Affective Computing 5(4), 377-390, 2014.",
    license="Open Database License",
    language="en",
    speech="acted: 91 actors, twelve English sentences",
    emotions=EMOTIONS,
    layout=f"{FOLDER}/ folder with names such as {EXAMPLE}",
    recognise=_recognise,
    read=_read,
    folds=partial(actor_folds, n=FOLDS),
    protocol=partial(actor_protocol, NAME, n=FOLDS),
    published=PUBLISHED,
)
