"""Subtitles in SubRip's format: a number, a line of times, lines of text, an empty line."""

import io
import re
from typing import Final

from emotrace.errors import SegmentError
from emotrace.segment import Segment, quoted

_TIME = r"(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_TIMES: Final = re.compile(rf"{_TIME}\s*-->\s*{_TIME}(\s.*)?")
_EXPECTED = "expected times like 00:00:01,000 --> 00:00:02,500"


def read(text: str) -> list[Segment]:
    """The cues of a file in their order; numbers may lack, and so may the empty line before one.

    >>> read("1\\n00:00:01,000 --> 00:00:02,500\\nGuten\\nTag.\\n")
    [Segment(start=1.0, end=2.5, text='Guten Tag.', speaker=None, file=None, line=2)]

    Raises:
        SegmentError: if a line is neither a number, times nor below times, or a number has no times
    """
    cues: list[tuple[Segment, list[str]]] = []
    numbered: int | None = None  # the line of a number whose times are still to come
    inside = False
    for number, line in enumerate(map(str.strip, io.StringIO(text, newline=None)), start=1):
        times = _TIMES.fullmatch(line)
        if times:
            if inside and cues[-1][1] and cues[-1][1][-1].isdecimal():
                cues[-1][1].pop()
            cues.append(
                (Segment(_seconds(*times.groups()[:4]), _seconds(*times.groups()[4:8]), line=number), [])
            )
            numbered, inside = None, True
        elif not line:
            inside = False
        elif inside:
            if "-->" in line:
                raise SegmentError(f"line {number}: found {quoted(line)}, {_EXPECTED}")
            cues[-1][1].append(line)
        elif line.isdecimal() and numbered is None:
            numbered = number
        else:
            raise SegmentError(f"line {number}: found {quoted(line)}, {_EXPECTED}")
    if numbered is not None:
        raise SegmentError(f"line {numbered}: found a number without times; is the file cut short?")
    return [Segment(cue.start, cue.end, text=" ".join(lines), line=cue.line) for cue, lines in cues]


def _seconds(hours: str, minutes: str, seconds: str, fraction: str) -> float:
    """Clock time as seconds.

    >>> _seconds("01", "02", "03", "5")
    3723.5
    """
    return 3600 * int(hours) + 60 * int(minutes) + float(f"{int(seconds)}.{fraction}")
