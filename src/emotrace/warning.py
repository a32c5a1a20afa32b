"""Warnings about a recording or its recognition, as records."""

from dataclasses import dataclass
from typing import Literal

WarningCode = Literal[
    "resampled",
    "mixed-to-mono",
    "cut-short",
    "damaged",
    "header-length",
    "joined",
    "sound-tracks",
    "silence",
    "channels-cancel",
    "out-of-range",
    "clipped",
    "short",
    "narrow-band",
    "clip-timeline",
    "rejected",
    "abstained",
    "overlap",
]


@dataclass(frozen=True, slots=True)
class RecognitionWarning:
    """A change that was made to the audio, or a reason to doubt the result.

    Attributes:
        code: the kind of warning, for programs
        text: the warning in one line, for people; JSON, CSV and text output write this

    >>> print(RecognitionWarning("silence", "digital silence"))
    digital silence
    """

    code: WarningCode
    text: str

    def __str__(self) -> str:
        return self.text
