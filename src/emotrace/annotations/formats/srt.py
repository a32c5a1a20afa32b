"""SubRip subtitles: a number, a line of times, lines of text, an empty line."""

import io
import re
from typing import Final

from emotrace.errors import SegmentError
from emotrace.segment import Segment, quoted

_TIME = r"(\d+):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_TIMES: Final = re.compile(rf"{_TIME}\s*-->\s*{_TIME}(\s.*)?")
_EXPECTED = "expected times like 00:00:01,000 --> 00:00:02,500"


def parse_segments(text: str) -> list[Segment]:
    """One segment per cue. The number of a cue and the empty line before it are optional.

    >>> parse_segments("1\\n00:00:01,000 --> 00:00:02,500\\nGuten\\nTag.\\n")
    [Segment(start=1.0, end=2.5, text='Guten Tag.', speaker=None, file=None, line=2)]

    Raises:
        SegmentError: if a line belongs to no cue, or a number is not followed by times
    """
    cues: list[tuple[Segment, list[str]]] = []
    number_line: int | None = None  # the line of a cue's number whose times have not been read yet
    inside_cue = False
    for number, line in enumerate(map(str.strip, io.StringIO(text, newline=None)), start=1):
        times = _TIMES.fullmatch(line)
        if times:
            if inside_cue and cues[-1][1] and cues[-1][1][-1].isdecimal():
                cues[-1][1].pop()  # without an empty line before it, the number looked like text
            start, end = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:8])
            cues.append((Segment(start, end, line=number), []))
            number_line, inside_cue = None, True
        elif not line:
            inside_cue = False
        elif inside_cue:
            if "-->" in line:
                raise SegmentError(f"line {number}: found {quoted(line)}, {_EXPECTED}")
            cues[-1][1].append(line)
        elif line.isdecimal() and number_line is None:
            number_line = number
        else:
            raise SegmentError(f"line {number}: found {quoted(line)}, {_EXPECTED}")
    if number_line is not None:
        raise SegmentError(f"line {number_line}: found a number without times; is the file cut short?")
    return [Segment(cue.start, cue.end, text=" ".join(lines), line=cue.line) for cue, lines in cues]


def _seconds(hours: str, minutes: str, seconds: str, fraction: str) -> float:
    """Clock time as seconds.

    >>> _seconds("01", "02", "03", "5")
    3723.5
    """
    return 3600 * int(hours) + 60 * int(minutes) + float(f"{int(seconds)}.{fraction}")
