"""A segment: a part of a recording that is recognised by itself."""

import math
from dataclasses import dataclass
from typing import Any

from emotrace.errors import SegmentError


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence or a speaker turn, as a segment file lists it. The times are not checked here.

    Attributes:
        start: start in seconds from the start of the recording
        end: end in seconds from the start of the recording; infinite if it is the end of the recording
        text: the transcript, None if the format has none
        speaker: the speaker (RTTM's name, a CSV's column, a TextGrid's tier), None if unknown
        file: the recording's name, None if the file does not name it
        line: line of the segment file, from 1

    >>> Segment(0.5, 2.25, text="Guten Tag.").speaker is None
    True
    """

    start: float
    end: float
    text: str | None = None
    speaker: str | None = None
    file: str | None = None
    line: int = 1

    def to_dict(self) -> dict[str, Any]:
        """The fields that results include, with times rounded to milliseconds.

        >>> Segment(0.5, 2.25, text="Guten Tag.").to_dict()
        {'start': 0.5, 'end': 2.25, 'text': 'Guten Tag.', 'speaker': None}
        """
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text,
            "speaker": self.speaker,
        }


def parse_seconds(text: str, column: str, line: int) -> float:
    """A time in seconds from its text.

    Args:
        text: the text
        column: what the time is, for the error
        line: where it stands, for the error

    >>> parse_seconds("1.5", "start", 1)
    1.5
    >>> parse_seconds("1,5", "start", 7)
    Traceback (most recent call last):
    emotrace.errors.SegmentError: line 7: found '1,5' as its start, expected seconds, such as 1.25

    Raises:
        SegmentError: if the text is not a finite number
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SegmentError(
            f"line {line}: found {quoted(text)} as its {column}, expected seconds, such as 1.25"
        )
    return value


def quoted(text: str) -> str:
    """Text in quotes for an error message: on one line, and shortened to 40 characters.

    >>> quoted("one\\ntwo"), quoted("a" * 99)
    ("'one\\\\ntwo'", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'...")
    """
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}..."
