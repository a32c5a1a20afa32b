"""Results as plain text for people. Control characters in names are escaped."""

from collections.abc import Iterable, Iterator, Sequence

from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.inference.result import Result
from emotrace.system.escaping import escape_control_characters
from emotrace.timeline import Provisional, Span

_BAR_COLUMNS = 40


def format_prediction(result: Result, top_k: int | None = None) -> str:
    """One line: the file, its emotion, and the scores from the highest to the lowest.

    For a segment, the line also has its times, its speaker and its text.

    >>> from emotrace.timeline import Timeline
    >>> result = Result("anger", 0.9, {"anger": 0.9, "sadness": 0.1}, Timeline(), 2.0, "a.wav", (), "tiny")
    >>> print(format_prediction(result))
    a.wav  anger  anger 0.90  sadness 0.10
    """
    scores = [f"{name} {score:.2f}" for name, score in result.best(top_k).items()]
    fields = [_file_name(result), result.label or "no label", *scores]
    if result.channel is not None:
        fields.insert(1, f"channel {result.channel}")
    if result.segment is not None:
        fields.insert(1, f"{result.segment.start:.2f} to {result.segment.end:.2f} s")
        fields += [field for field in (result.segment.speaker, result.segment.text) if field]
    return escape_control_characters("  ".join(fields))


def format_predictions(results: Iterable[Result], options: PredictionOptions) -> Iterator[str]:
    """One line per result."""
    return (format_prediction(result, options.top_k) + "\n" for result in results)


def format_timeline(result: Result) -> str:
    """A heading, then one line for each span: times, emotion, score, and a bar that shows its position.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> result = Result("anger", 0.9, {"anger": 0.9, "sadness": 0.1}, spans, 2.0, "a.wav", (), "tiny")
    >>> print(format_timeline(result), end="")
    a.wav  2.00 s  anger 0.90
      0.50    1.50  anger  0.90  |..........####################..........|
    """
    width = max((len(span.emotion) for span in result.timeline), default=0)
    lines = [format_heading(result)]
    for span in result.timeline:
        bar = _format_bar(span.start / result.duration_s, span.end / result.duration_s)
        lines.append(f"{format_span(span, width)}  |{bar}|")
    return "\n".join(lines) + "\n"


def format_timelines(results: Iterable[Result]) -> Iterator[str]:
    """The lines of one recording after another."""
    return map(format_timeline, results)


def format_heading(result: Result) -> str:
    """The file, its duration, and its emotion.

    >>> from emotrace.timeline import Timeline
    >>> format_heading(Result("anger", 0.9, {"anger": 0.9}, Timeline(), 2.0, "a.wav", (), "tiny"))
    'a.wav  2.00 s  anger 0.90'
    """
    label = "no label" if result.label is None else f"{result.label} {result.score:.2f}"
    return escape_control_characters(f"{_file_name(result)}  {result.duration_s:.2f} s  {label}")


def format_span(span: Span, width: int = 0) -> str:
    """A span's times, its emotion padded to `width` columns, and its score.

    >>> format_span(Span(0.5, 1.5, "anger", 0.9), width=8)
    '  0.50    1.50  anger     0.90'
    """
    emotion = escape_control_characters(span.emotion)
    return f"{span.start:6.2f}  {span.end:6.2f}  {emotion:{width}}  {span.score:.2f}"


class LiveWriter:
    """Formats a recording that is still going on: each final span, and a heading at the end.

    >>> LiveWriter(["anger", "sadness"]).format_span(Span(0.5, 1.5, "anger", 0.9))
    '  0.50    1.50  anger    0.90\\n'
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._width = max(map(len, labels))

    def format_span(self, span: Span) -> str:
        """One line for a final span."""
        return format_span(span, self._width) + "\n"

    def format_provisional(self, state: Provisional) -> str:
        """One line for the latest span of what may still change, and whether it may.

        >>> state = Provisional(2.0, 1.0, (Span(0.5, 2.0, "anger", 0.8),))
        >>> LiveWriter(["anger", "sadness"]).format_provisional(state)
        '  0.50    2.00  anger    0.80  provisional\\n'
        """
        if state.current is None:
            return f"{state.time_s:6.2f}  {state.time_s:6.2f}  {'-':{self._width}}  -     provisional\n"
        return f"{format_span(state.current, self._width)}  provisional\n"

    def format_end(self, result: Result) -> str:
        """One line for the whole recording."""
        return format_heading(result) + "\n"


def _file_name(result: Result) -> str:
    return result.file or "<samples>"


def _format_bar(start: float, end: float) -> str:
    """A bar for a span whose `start` and `end` are fractions of the recording; at least one column wide."""
    first = min(int(start * _BAR_COLUMNS), _BAR_COLUMNS - 1)
    last = max(first + 1, round(end * _BAR_COLUMNS))
    return "." * first + "#" * (last - first) + "." * (_BAR_COLUMNS - last)
