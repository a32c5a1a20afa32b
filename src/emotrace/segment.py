"""One stretch of a recording that is to be recognised by itself."""

import math
from dataclasses import dataclass
from typing import Any

from emotrace.errors import SegmentError


@dataclass(frozen=True, slots=True)
class Segment:
    """A sentence or a turn, as a segment file tells of it; whether its times make sense is not said here.

    Attributes:
        start: where it starts, in seconds from the start of its recording
        end: where it ends
        text: what is said, None where the file has no place for it
        speaker: who speaks: RTTM's name, a CSV's column, a TextGrid's tier; None where the file does not say
        file: the recording it is of, None where the file does not say
        line: where in its file it stands, 1 for the first line
    """

    start: float
    end: float
    text: str | None = None
    speaker: str | None = None
    file: str | None = None
    line: int = 1

    def to_dict(self) -> dict[str, Any]:
        """What results say of it, times in whole milliseconds.

        >>> Segment(0.5, 2.25, text="Guten Tag.").to_dict()
        {'start': 0.5, 'end': 2.25, 'text': 'Guten Tag.', 'speaker': None}
        """
        return {
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text,
            "speaker": self.speaker,
        }


def seconds(text: str, what: str, line: int) -> float:
    """A time as a number.

    >>> seconds("1.5", "start", 1)
    1.5
    >>> seconds("1,5", "start", 7)
    Traceback (most recent call last):
    emotrace.errors.SegmentError: line 7: found '1,5' as its start, expected seconds, such as 1.25

    Raises:
        SegmentError: if it is no finite number
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SegmentError(
            f"line {line}: found {shortened(text)} as its {what}, expected seconds, such as 1.25"
        )
    return value


def shortened(text: str) -> str:
    """Text as errors quote it: in one line, and not all of it where it is long.

    >>> shortened("one\\ntwo"), shortened("a" * 99)
    ("'one\\\\ntwo'", "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'...")
    """
    return repr(text) if len(text) <= 40 else f"{text[:40]!r}..."
