"""CREMA-D: 91 actors, six emotions, twelve English sentences."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts, protocol_name
from emotrace.corpora.splits import Fold, list_speakers, speaker_groups
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
    r"(?P<actor>1\d{3})_(?P<sentence>[A-Z]{3})_(?P<code>ANG|DIS|FEA|HAP|NEU|SAD)_(?:LO|MD|HI|XX?)\.(?i:wav)"
)


def parse(file_name: str) -> tuple[str, str] | None:
    """Actor and emotion code of a file name; None if it is not a name of CREMA-D.

    >>> parse("1001_DFA_ANG_XX.wav"), parse("1040_ITH_SAD_X.wav"), parse("readme.txt")
    (('1001', 'ANG'), ('1040', 'SAD'), None)
    """
    match = FILE_NAME.fullmatch(file_name)
    return match and (match["actor"], match["code"])


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
    folder = root / FOLDER
    return folder.is_dir() and any(parse(path.name) for path in folder.iterdir())


def _read(root: Path) -> list[Utterance]:
    table = root / DEMOGRAPHICS  # file names do not have the sex
    sexes = read_sexes(table) if table.is_file() else {}
    utterances, unknown = [], []
    for path in listing.files(root / FOLDER):
        name = f"{FOLDER}/{path.name}"
        parsed = parse(path.name)
        if parsed is None:
            unknown.append(name)
            continue
        actor, code = parsed
        utterances.append(Utterance(name, path, EMOTIONS[code], code, actor, sex=sexes.get(actor)))
    listing.warn_about_unknown_files(NAME, unknown, EXAMPLE)
    return utterances


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    return speaker_groups(list_speakers(utterances), FOLDS)


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, f"{FOLDS}fold-{len(list_speakers(utterances))}actors")


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
    folds=_folds,
    protocol=_protocol,
    published=PUBLISHED,
)
