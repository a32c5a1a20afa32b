"""RAVDESS, speech only: 24 actors, eight emotions, two English sentences."""

import re
from collections.abc import Sequence
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts, protocol_name
from emotrace.corpora.splits import Fold, list_speakers, speaker_groups
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError

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
FOLDER_NAME = re.compile(r"Actor_(\d\d)")
FILE_NAME = re.compile(
    r"(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])"
    r"-(?P<statement>0[12])-(?P<repetition>0[12])-(?P<actor>\d\d)\.(?i:wav|flac)"
)


def parse(folder: str, file_name: str) -> tuple[str, str, str] | None:
    """Actor, vocal channel and emotion code of an audio file in an actor's folder.

    None if the name is not one of RAVDESS, is that of a video, or has another actor than its folder.

    >>> parse("Actor_01", "03-01-05-02-01-01-01.wav")
    ('01', '01', '05')
    >>> parse("Actor_02", "03-01-05-02-01-01-01.wav")
    """
    actor, match = FOLDER_NAME.fullmatch(folder), FILE_NAME.fullmatch(file_name)
    if actor is None or match is None or match["actor"] != actor[1] or match["modality"] != AUDIO_ONLY:
        return None
    return match["actor"], match["channel"], match["emotion"]


def actor_sex(actor: str) -> str:
    """Actors with unknown numbers are male, with even numbers female.

    >>> actor_sex("01"), actor_sex("12")
    ('male', 'female')
    """
    return "male" if int(actor) % 2 else "female"


def _actors(root: Path) -> list[Path]:
    return [folder for folder in listing.folders(root) if FOLDER_NAME.fullmatch(folder.name)]


def _recognise(root: Path) -> bool:
    return root.is_dir() and any(
        parse(folder.name, path.name) for folder in _actors(root) for path in folder.iterdir()
    )


def _read(root: Path) -> list[Utterance]:
    utterances: list[Utterance] = []
    unknown: list[str] = []
    names: dict[str, str] = {}
    for path in (path for folder in _actors(root) for path in listing.files(folder)):
        name = path.relative_to(root).as_posix()
        parsed = parse(path.parent.name, path.name)
        if parsed is None:
            unknown.append(name)
            continue
        actor, channel, code = parsed
        if channel != SPEECH:
            continue
        if path.stem in names:
            raise CorpusError(
                f"{root} holds an utterance twice, as {names[path.stem]} and {name}; remove one of them"
            )
        names[path.stem] = name
        utterances.append(Utterance(name, path, EMOTIONS[code], code, actor, sex=actor_sex(actor)))
    listing.warn_about_unknown_files(NAME, unknown, EXAMPLE)
    return utterances


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    return speaker_groups(list_speakers(utterances), FOLDS)


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, f"{FOLDS}fold-{len(list_speakers(utterances))}actors")


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
    folds=_folds,
    protocol=_protocol,
    published=PUBLISHED,
)
