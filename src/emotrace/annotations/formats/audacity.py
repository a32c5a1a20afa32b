"""Audacity label tracks: https://manual.audacityteam.org/man/importing_and_exporting_labels.html."""

from emotrace.annotations.times import seconds, spans_ms
from emotrace.inference.result import Result
from emotrace.system.escaping import escape_control_characters


def format_timeline(result: Result) -> str:
    """One line for each span: start, end, and a label of emotion and score, separated by tabs.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> format_timeline(Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "a.wav", (), "tiny"))
    '0.500\\t1.500\\tanger 0.90\\n'
    """
    return "".join(
        f"{seconds(start)}\t{seconds(end)}\t{escape_control_characters(span.emotion)} {span.score:.2f}\n"
        for start, end, span in spans_ms(result.timeline)
    )
