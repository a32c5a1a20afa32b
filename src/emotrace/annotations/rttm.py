"""Timelines as RTTM, NIST's Rich Transcription Time Marked (RT-09 evaluation plan, appendix A).

RTTM knows speakers, not emotions: the emotion stands where the name of a speaker would, as every reader of
diarization expects, and its score is the confidence.
"""

import re
from pathlib import Path
from typing import Final
from urllib.parse import quote

from emotrace.annotations.times import seconds, spans_ms
from emotrace.inference.result import Result

_NO_PART_OF_A_FIELD: Final = re.compile(r"""[\s%"'\x00-\x1f\x7f]""")


def timeline(result: Result) -> str:
    """A line for each span; none for a recording without any.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> print(timeline(Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "x/a b.wav", (), "tiny")), end="")
    SPEAKER a%20b 1 0.500 1.000 <NA> <NA> anger 0.900 <NA>
    """
    name = field(Path(result.file).stem if result.file else "samples")
    return "".join(
        f"SPEAKER {name} 1 {seconds(start)} {seconds(end - start)} <NA> <NA> {field(span.emotion)} "
        f"{span.score:.3f} <NA>\n"
        for start, end, span in spans_ms(result.timeline)
    )


def field(text: str) -> str:
    """Text as one field: blanks, quotes and percent signs as in URLs, all else as it is.

    >>> field("Ärger 100%")
    'Ärger%20100%25'
    """
    return _NO_PART_OF_A_FIELD.sub(lambda found: quote(found[0], safe=""), text)
