"""SubRip subtitles: a number, a line of times, lines of text, an empty line."""

import io
import re
from typing import Final

from emotrace.errors import SegmentError
from emotrace.segment import Segment, quoted

_TIME = r"(\d{1,6}):([0-5]?\d):([0-5]?\d)(?:[,.](\d{1,9}))?"
_TIMES: Final = re.compile(rf"{_TIME}\s*+-->\s*+{_TIME}(\s.*)?")
_LIKE_TIMES: Final = re.compile(r"-->|\d{1,6}:\d\d:\d\d\S{0,12}\s{0,4}\S{1,4}\s{0,4}\d{1,6}:\d\d:\d\d")
_EXPECTED = "expected times like 00:00:01,000 --> 00:00:02,500"


def parse_segments(text: str) -> list[Segment]:
    """One segment per cue. The number of a cue is optional, and its text may contain empty lines.

    >>> parse_segments("1\\n00:00:01,000 --> 00:00:02,500\\nGuten\\nTag.\\n")
    [Segment(start=1.0, end=2.5, text='Guten Tag.', speaker=None, file=None, line=2)]

    Raises:
        SegmentError: if the text begins with no cue, a line looks like damaged times, or the last number is
            not followed by times
    """
    cues: list[tuple[Segment, list[str]]] = []
    pending: int | None = None  # line of a number that belongs to the text, unless times follow
    cut_short: int | None = None  # the same line, if an empty line is before it
    after_empty = True
    for number, line in enumerate(map(str.strip, io.StringIO(text, newline=None)), start=1):
        times = _TIMES.fullmatch(line)
        if times:
            if pending is not None and cues:
                cues[-1][1].pop()
            start, end = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:8])
            cues.append((Segment(start, end, line=number), []))
            pending = None
        elif _LIKE_TIMES.search(line) or (line and not cues and (pending or not line.isdecimal())):
            raise SegmentError(f"line {number}: found {quoted(line)}, {_EXPECTED}")
        elif line:
            pending = number if line.isdecimal() else None
            cut_short = pending if after_empty else None
            if cues:
                cues[-1][1].append(line)
        after_empty = not line
    if cut_short is not None and cut_short == pending:
        raise SegmentError(f"line {pending}: found a number without times; is the file cut short?")
    return [Segment(cue.start, cue.end, text=" ".join(lines), line=cue.line) for cue, lines in cues]


def _seconds(hours: str, minutes: str, seconds: str, fraction: str | None) -> float:
    """Clock time as seconds.

    >>> _seconds("01", "02", "03", "5"), _seconds("00", "00", "02", None)
    (3723.5, 2.0)
    """
    return 3600 * int(hours) + 60 * int(minutes) + float(f"{int(seconds)}.{fraction or 0}")
