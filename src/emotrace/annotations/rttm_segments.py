"""NIST's Rich Transcription Time Marked: who speaks when (RT-09 evaluation plan, appendix A)."""

import io

from emotrace.errors import SegmentError
from emotrace.segment import Segment, parse_seconds, quoted

_NONE = "<NA>"
_FIELDS = range(8, 11)  # confidence and lookahead are often left out
_WORDS_AND_NOISES = ("SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH")
_OTHERS = frozenset((*_WORDS_AND_NOISES, "FILLER", "EDIT", "IP", "SU", "CB", "A/P", "SPKR-INFO"))


def read(text: str) -> list[Segment]:
    """The turns, which are the lines that begin with SPEAKER.

    >>> read(";; a comment\\nSPEAKER call-1 1 0.5 2.0 <NA> <NA> Ann <NA> <NA>\\n")
    [Segment(start=0.5, end=2.5, text=None, speaker='Ann', file='call-1', line=2)]

    Raises:
        SegmentError: if a line is of no type that RTTM has, or a turn has other fields or no times
    """
    segments = []
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        fields = line.split()
        if not fields or line.lstrip().startswith(";") or fields[0] in _OTHERS:
            continue
        if fields[0] != "SPEAKER":
            raise SegmentError(
                f"line {number}: found {quoted(fields[0])}, expected SPEAKER FILE 1 START DURATION "
                "<NA> <NA> NAME <NA> <NA>"
            )
        if len(fields) not in _FIELDS:
            raise SegmentError(
                f"line {number}: found {len(fields)} fields, expected 10: SPEAKER FILE 1 START DURATION "
                "<NA> <NA> NAME <NA> <NA>; put no spaces into names"
            )
        start, duration = (
            parse_seconds(fields[3], "start", number),
            parse_seconds(fields[4], "duration", number),
        )
        segments.append(
            Segment(
                start,
                round(start + duration, 6),
                text=None if fields[5] == _NONE else fields[5],
                speaker=None if fields[7] == _NONE else fields[7],
                file=fields[1],
                line=number,
            )
        )
    return segments
