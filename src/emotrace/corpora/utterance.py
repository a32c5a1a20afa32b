"""An utterance of a corpus, and the names of emotions."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

EMOTIONS = (
    "anger", "happiness", "sadness", "neutral", "fear", "disgust", "boredom", "surprise", "calm",
    "excitement", "frustration", "emphatic", "positive", "rest",
)  # fmt: skip

AudioSource: TypeAlias = Path | tuple[npt.NDArray[np.float32], int]


@dataclass(frozen=True)
class Utterance:
    """A labelled utterance: a file, or a part of one. Equality ignores the audio.

    Attributes:
        name: identifies the utterance within its corpus: the path below the root with forward slashes and,
            for a part of a file, its start and end
        audio: a file, or `(samples, sample_rate_hz)` for generated speech
        emotion: an English noun
        code: the corpus's own code for the emotion
        speaker: identifies the speaker within the corpus
        session: the recording session, if the corpus has sessions
        sex: "female" or "male", if known
        start_s: start within the file, in seconds
        end_s: end within the file, in seconds; None is the end of the file
        corpus: name of its corpus in a collection; None outside collections
        corpus_weight: how much that corpus counts in training, relative to the others

    >>> Utterance("wav/03a01Wa.wav", Path("wav/03a01Wa.wav"), "anger", "W", "03").emotion
    'anger'
    """

    name: str
    audio: AudioSource = field(compare=False)
    emotion: str
    code: str
    speaker: str
    session: str | None = None
    sex: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    corpus: str | None = None
    corpus_weight: float = 1.0


def utterance_name(file: str, start_s: float, end_s: float | None) -> str:
    """The name of an utterance: its file and, for a part of a file, its start and end in seconds.

    >>> utterance_name("a.wav", 0.0, None), utterance_name("a.wav", 0.5, 1.25)
    ('a.wav', 'a.wav#0.5-1.25')
    >>> utterance_name("a.wav", 3.0, None)
    'a.wav#3.0-'
    """
    whole = start_s == 0 and end_s is None
    return file if whole else f"{file}#{start_s}-{'' if end_s is None else end_s}"


def emotion_noun(label: str) -> str:
    """A label of a user as an emotion: known emotions in small letters, others as they are.

    >>> emotion_noun("Anger"), emotion_noun("Awe")
    ('anger', 'Awe')
    """
    return label.lower() if label.lower() in EMOTIONS else label


def emotions_in_order(emotions: Iterable[str]) -> tuple[str, ...]:
    """Each emotion once: known emotions in the order of `EMOTIONS`, then the others alphabetically.

    >>> emotions_in_order(["sadness", "awe", "anger", "sadness"])
    ('anger', 'sadness', 'awe')
    """
    rank = {emotion: i for i, emotion in enumerate(EMOTIONS)}
    return tuple(sorted(set(emotions), key=lambda emotion: (rank.get(emotion, len(rank)), emotion)))
