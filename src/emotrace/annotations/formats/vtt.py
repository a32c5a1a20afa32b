"""WebVTT subtitles, which media players show: https://www.w3.org/TR/webvtt1/."""

import io
import re
from dataclasses import replace
from html import escape, unescape
from typing import Final

from emotrace.annotations.times import spans_ms
from emotrace.errors import SegmentError
from emotrace.inference.result import Result
from emotrace.segment import Segment, quoted
from emotrace.system.escaping import escape_control_characters

_TIME = r"(?:(\d{1,6}):)?([0-5]?\d):([0-5]\d)[.,](\d{1,9})"
_TIMES: Final = re.compile(rf"{_TIME}\s*+-->\s*+{_TIME}(\s.*)?")
_LIKE_TIMES: Final = re.compile(r"-->|\d\d:\d\d\.\d{1,9}\s{0,4}\S{1,4}\s{0,4}\d\d:\d\d")
_VOICE: Final = re.compile(r"<v(?:\.[^\s>]*)?\s+([^<>]+)>")
_TAG: Final = re.compile(r"<[^<>]*>")
_IGNORED_BLOCKS = ("NOTE", "STYLE", "REGION")
_EXPECTED = "expected times like 00:01.000 --> 00:02.500"


def parse_segments(text: str) -> list[Segment]:
    """One segment per cue; the voice `<v NAME>` becomes the speaker, and other tags are removed.

    >>> parse_segments("WEBVTT\\n\\n00:00.200 --> 00:02.000\\n<v Ann>so <i>he</i> goes\\n")
    [Segment(start=0.2, end=2.0, text='so he goes', speaker='Ann', file=None, line=3)]

    Raises:
        SegmentError: if the text is no WebVTT, or the times of a cue are damaged
    """
    lines = [line.strip() for line in io.StringIO(text, newline=None)]
    if not lines or lines[0].split()[:1] != ["WEBVTT"]:
        found = quoted(lines[0] if lines else "")
        raise SegmentError(f"line 1: found {found}, expected WEBVTT; is this a WebVTT file?")
    segments: list[Segment] = []
    block: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        if line:
            block.append(line)
        elif block:
            first = number - len(block)
            if first > 1 and block[0].split()[0] not in _IGNORED_BLOCKS:
                _add_block(segments, block, first)
            block = []
    return segments


def _add_block(segments: list[Segment], block: list[str], line: int) -> None:
    """Add the cue of a block of lines, whose identifier, one line, is ignored.

    A block without times is text of the cue before it, which has an empty line.
    """
    for index, text in enumerate(block[:2]):
        times = _TIMES.fullmatch(text)
        if times:
            content = " ".join(block[index + 1 :])
            voice = _VOICE.search(content)
            start, end = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:8])
            speaker = unescape(voice[1].strip()) if voice else None
            segments.append(Segment(start, end, unescape(_TAG.sub("", content)), speaker, line=line + index))
            return
        if _LIKE_TIMES.search(text) or (not segments and len(block) == index + 1):
            raise SegmentError(f"line {line + index}: found {quoted(text)}, {_EXPECTED}")
    last = segments[-1]
    text = unescape(_TAG.sub("", " ".join(block)))
    segments[-1] = replace(last, text=f"{last.text} {text}".strip())


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(f"{int(seconds)}.{fraction}")


def format_timeline(result: Result) -> str:
    """One cue for each span, with its emotion and score.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 61.5, "anger", 0.9),))
    >>> result = Result("anger", 0.9, {"anger": 0.9}, spans, 62.0, "a.wav", (), "tiny")
    >>> print(format_timeline(result), end="")
    WEBVTT
    <BLANKLINE>
    1
    00:00:00.500 --> 00:01:01.500
    anger 0.90
    """
    cues = [
        f"\n{number}\n{format_clock(start)} --> {format_clock(end)}\n"
        f"{escape(escape_control_characters(span.emotion), quote=False)} {span.score:.2f}\n"
        for number, (start, end, span) in enumerate(spans_ms(result.timeline), start=1)
    ]
    return "".join(["WEBVTT\n", *cues])


def format_clock(time_ms: int) -> str:
    """Milliseconds as hours, minutes and seconds.

    >>> format_clock(3_723_004)
    '01:02:03.004'
    """
    minutes, rest_ms = divmod(time_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest_ms // 1000:02}.{rest_ms % 1000:03}"
