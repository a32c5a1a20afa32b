"""Times in whole milliseconds, which every annotation format can represent."""

from collections.abc import Iterator

from emotrace.timeline import Span, Timeline


def milliseconds(time_s: float) -> int:
    """The nearest whole millisecond.

    >>> milliseconds(1.2346)
    1235
    """
    return round(1000 * time_s)


def spans_ms(timeline: Timeline) -> Iterator[tuple[int, int, Span]]:
    """Start and end in milliseconds, and the span itself.

    Spans shorter than a millisecond are omitted: ELAN and Praat reject intervals without length.

    >>> timeline = Timeline((Span(0.5, 1.25, "anger", 0.9), Span(1.25, 1.2501, "fear", 0.4)))
    >>> [(start, end, span.emotion) for start, end, span in spans_ms(timeline)]
    [(500, 1250, 'anger')]
    """
    for span in timeline:
        start, end = milliseconds(span.start), milliseconds(span.end)
        if start < end:
            yield start, end, span


def seconds(time_ms: int) -> str:
    """Milliseconds as seconds.

    >>> seconds(1250)
    '1.250'
    """
    return f"{time_ms // 1000}.{time_ms % 1000:03}"
