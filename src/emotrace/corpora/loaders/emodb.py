"""Berlin Database of Emotional Speech: ten actors, seven emotions, ten German sentences."""

import re
from collections.abc import Sequence
from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, PublishedCounts, protocol_name
from emotrace.corpora.splits import Fold, leave_one_speaker_out, list_speakers
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

FILE_NAME = re.compile(r"(?P<speaker>\d\d)[ab]\d\d(?P<code>[A-Z])[a-z]\.(?i:wav)")


def parse(file_name: str) -> tuple[str, str] | None:
    """Speaker and emotion code of a file name; None if it is not a name of EmoDB.

    A name has 2 characters for the speaker, 3 for the sentence, 1 for the emotion and 1 for the version.

    >>> parse("03a01Wa.wav"), parse("99a01Wa.wav"), parse("readme.txt")
    (('03', 'W'), None, None)
    """
    match = FILE_NAME.fullmatch(file_name)
    if match is None or match["speaker"] not in SPEAKERS or match["code"] not in EMOTIONS:
        return None
    return match["speaker"], match["code"]


def _recognise(root: Path) -> bool:
    wav = root / "wav"
    return wav.is_dir() and any(parse(path.name) for path in wav.iterdir())


def _read(root: Path) -> list[Utterance]:
    utterances, unknown = [], []
    for path in listing.files(root / "wav"):
        parsed = parse(path.name)
        if parsed is None:
            unknown.append(f"wav/{path.name}")
            continue
        speaker, code = parsed
        sex, _ = SPEAKERS[speaker]
        utterances.append(Utterance(f"wav/{path.name}", path, EMOTIONS[code], code, speaker, sex=sex))
    listing.warn_about_unknown_files(NAME, unknown, EXAMPLE)
    return utterances


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    return leave_one_speaker_out(list_speakers(utterances))


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, f"loso{len(list_speakers(utterances))}")


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
    folds=_folds,
    protocol=_protocol,
    published=PUBLISHED,
)
