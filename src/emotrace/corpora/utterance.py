"""One labelled stretch of speech, and the names of emotions."""

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
    """Who said it, what emotion it carries, and where its sound is.

    `name` identifies the utterance within its corpus: the path below the root with forward slashes, and for a
    part of a file also where it starts and ends. `audio` is a file, or `(samples, sample_rate_hz)` for speech
    made in code. `emotion` is an English noun, `code` what the corpus itself calls it. `start_s` and `end_s`
    bound it within the file, in seconds; `end_s` None is the file's end. Equality disregards the sound.

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


def part_name(file: str, start_s: float, end_s: float | None) -> str:
    """What identifies an utterance: its file, and where it is a part of it, from where to where.

    >>> part_name("a/b.wav", 0.0, None), part_name("a/b.wav", 0.5, 1.25), part_name("a/b.wav", 3.0, None)
    ('a/b.wav', 'a/b.wav#0.5-1.25', 'a/b.wav#3.0-')
    """
    whole = start_s == 0 and end_s is None
    return file if whole else f"{file}#{start_s}-{'' if end_s is None else end_s}"


def emotions_in_order(emotions: Iterable[str]) -> tuple[str, ...]:
    """Each emotion once: the known ones as `EMOTIONS` lists them, then any others by alphabet.

    >>> emotions_in_order(["sadness", "awe", "anger", "sadness"])
    ('anger', 'sadness', 'awe')
    """
    place = {emotion: i for i, emotion in enumerate(EMOTIONS)}
    return tuple(sorted(set(emotions), key=lambda emotion: (place.get(emotion, len(place)), emotion)))
