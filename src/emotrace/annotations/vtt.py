"""Timelines as WebVTT, which players show as subtitles: https://www.w3.org/TR/webvtt1/."""

from html import escape

from emotrace.annotations.text import one_line
from emotrace.annotations.times import spans_ms
from emotrace.inference.result import Result


def timeline(result: Result) -> str:
    """A cue for each span: the emotion and its score.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 61.5, "anger", 0.9),))
    >>> print(timeline(Result("anger", 0.9, {"anger": 0.9}, spans, 62.0, "a.wav", (), "tiny")), end="")
    WEBVTT
    <BLANKLINE>
    1
    00:00:00.500 --> 00:01:01.500
    anger 0.90
    """
    cues = [
        f"\n{number}\n{clock(start)} --> {clock(end)}\n"
        f"{escape(one_line(span.emotion), quote=False)} {span.score:.2f}\n"
        for number, (start, end, span) in enumerate(spans_ms(result.timeline), start=1)
    ]
    return "".join(["WEBVTT\n", *cues])


def clock(time_ms: int) -> str:
    """Milliseconds as hours, minutes and seconds.

    >>> clock(3_723_004)
    '01:02:03.004'
    """
    minutes, rest = divmod(time_ms, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"
