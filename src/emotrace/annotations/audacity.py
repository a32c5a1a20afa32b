"""Timelines as a label track of Audacity: https://manual.audacityteam.org/man/importing_and_exporting_labels.html."""

from emotrace.annotations.text import one_line
from emotrace.annotations.times import seconds, spans_ms
from emotrace.inference.result import Result


def timeline(result: Result) -> str:
    """A line for each span: start, end, and its emotion and score, between tabs.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> timeline(Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "a.wav", (), "tiny"))
    '0.500\\t1.500\\tanger 0.90\\n'
    """
    return "".join(
        f"{seconds(start)}\t{seconds(end)}\t{one_line(span.emotion)} {span.score:.2f}\n"
        for start, end, span in spans_ms(result.timeline)
    )
