"""WebVTT subtitles, which media players show: https://www.w3.org/TR/webvtt1/."""

from html import escape

from emotrace.annotations.times import spans_ms
from emotrace.inference.result import Result
from emotrace.system.escaping import escape_control_characters


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
