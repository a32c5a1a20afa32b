"""RTTM, NIST's Rich Transcription Time Marked (RT-09 evaluation plan, appendix A).

RTTM is a format for speaker turns. Timelines put the emotion in the speaker field, where readers of
diarization expect a name, and the score in the confidence field.
"""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from emotrace.annotations.times import seconds, spans_ms
from emotrace.errors import SegmentError
from emotrace.inference.result import Result
from emotrace.segment import Segment, parse_seconds, quoted

_NOT_ALLOWED_IN_FIELDS: Final = re.compile(r"""[\s%"'\x00-\x1f\x7f]""")
_NO_VALUE = "<NA>"
_LAYOUT = "SPEAKER FILE 1 START DURATION <NA> <NA> NAME <NA> <NA>"
_FIELD_COUNTS = range(8, 11)  # many writers omit confidence and lookahead
_IGNORED_TYPES = frozenset(
    (
        "SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH",
        "FILLER", "EDIT", "IP", "SU", "CB", "A/P", "SPKR-INFO",
    )
)  # fmt: skip


def parse_segments(text: str) -> list[Segment]:
    """The speaker turns: lines that begin with SPEAKER.

    >>> parse_segments(";; a comment\\nSPEAKER call-1 1 0.5 2.0 <NA> <NA> Ann <NA> <NA>\\n")
    [Segment(start=0.5, end=2.5, text=None, speaker='Ann', file='call-1', line=2)]

    Raises:
        SegmentError: if the type of a line is not one of RTTM's, or a turn lacks fields or times
    """
    segments = []
    for number, line in enumerate(io.StringIO(text, newline=None), start=1):
        fields = line.split()
        if not fields or line.lstrip().startswith(";") or fields[0] in _IGNORED_TYPES:
            continue
        if fields[0] != "SPEAKER":
            raise SegmentError(f"line {number}: found {quoted(fields[0])}, expected {_LAYOUT}")
        if len(fields) not in _FIELD_COUNTS:
            raise SegmentError(
                f"line {number}: found {len(fields)} fields, expected 10: {_LAYOUT}; put no spaces into names"
            )
        start = parse_seconds(fields[3], "start", number)
        duration = parse_seconds(fields[4], "duration", number)
        segments.append(
            Segment(
                start,
                round(start + duration, 6),
                text=None if fields[5] == _NO_VALUE else fields[5],
                speaker=None if fields[7] == _NO_VALUE else fields[7],
                file=None if fields[1] == _NO_VALUE else fields[1],
                line=number,
            )
        )
    return segments


def format_timeline(result: Result) -> str:
    """One line for each span; an empty text if there is no span.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> result = Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "x/a b.wav", (), "tiny")
    >>> print(format_timeline(result), end="")
    SPEAKER a%20b 1 0.500 1.000 <NA> <NA> anger 0.900 <NA>
    """
    file = quote_field(Path(result.file).stem if result.file else "samples")
    return "".join(
        f"SPEAKER {file} 1 {seconds(start)} {seconds(end - start)} <NA> <NA> {quote_field(span.emotion)} "
        f"{span.score:.3f} <NA>\n"
        for start, end, span in spans_ms(result.timeline)
    )


def format_timelines(results: Iterable[Result]) -> Iterator[str]:
    """The lines of one recording after another."""
    return map(format_timeline, results)


def quote_field(text: str) -> str:
    """Text as one field: whitespace, quotes, percent signs and control characters are percent-encoded.

    >>> quote_field("Ärger 100%")
    'Ärger%20100%25'
    """
    return _NOT_ALLOWED_IN_FIELDS.sub(lambda found: quote(found[0], safe=""), text)
