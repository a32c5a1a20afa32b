"""Results as lines for people."""

import re

from emotrace.inference.result import Result
from emotrace.timeline import Span

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_STRIP_COLUMNS = 40


def prediction(result: Result, top_k: int | None = None) -> str:
    """One line: the file, its emotion, and the scores from the highest; of a segment also when and what.

    >>> from emotrace.timeline import Span, Timeline
    >>> result = Result(
    ...     "anger",
    ...     0.9,
    ...     {"anger": 0.9, "sadness": 0.1},
    ...     Timeline((Span(0.1, 1.2, "anger", 0.9),)),
    ...     2.0,
    ...     "a.wav",
    ...     (),
    ...     "tiny",
    ... )
    >>> print(prediction(result))
    a.wav  anger  anger 0.90  sadness 0.10
    """
    scores = [f"{name} {score:.2f}" for name, score in result.best(top_k).items()]
    line = [name_of(result), result.label or "no label", *scores]
    if result.segment is not None:
        line.insert(1, f"{result.segment.start:.2f} to {result.segment.end:.2f} s")
        line += [one_line(field) for field in (result.segment.speaker, result.segment.text) if field]
    return "  ".join(line)


def timeline(result: Result) -> str:
    """The file's line, then one for each span: its times, emotion and score, and where in the file it lies.

    >>> from emotrace.timeline import Span, Timeline
    >>> result = Result(
    ...     "anger",
    ...     0.9,
    ...     {"anger": 0.9, "sadness": 0.1},
    ...     Timeline((Span(0.5, 1.5, "anger", 0.9),)),
    ...     2.0,
    ...     "a.wav",
    ...     (),
    ...     "tiny",
    ... )
    >>> print(timeline(result))
    a.wav  2.00 s  anger 0.90
      0.50    1.50  anger  0.90  |..........####################..........|
    """
    width = max((len(span.emotion) for span in result.timeline), default=0)
    lines = [heading(result)]
    for part in result.timeline:
        strip = _strip(part.start / result.duration_s, part.end / result.duration_s)
        lines.append(f"{span(part, width)}  |{strip}|")
    return "\n".join(lines)


def heading(result: Result) -> str:
    """The file's name, its length, and its emotion.

    >>> from emotrace.timeline import Timeline
    >>> heading(Result("anger", 0.9, {"anger": 0.9}, Timeline(), 2.0, "a.wav", (), "tiny"))
    'a.wav  2.00 s  anger 0.90'
    """
    label = "no label" if result.label is None else f"{result.label} {result.score:.2f}"
    return f"{name_of(result)}  {result.duration_s:.2f} s  {label}"


def span(part: Span, width: int = 0) -> str:
    """A span's times, emotion, in so many columns, and score.

    >>> span(Span(0.5, 1.5, "anger", 0.9), width=8)
    '  0.50    1.50  anger     0.90'
    """
    return f"{part.start:6.2f}  {part.end:6.2f}  {part.emotion:{width}}  {part.score:.2f}"


def name_of(result: Result) -> str:
    """The file's name in one line, or what stands for it."""
    return one_line(result.file or "<samples>")


def one_line(text: str) -> str:
    r"""Text with line breaks and other control characters escaped, which a name may hold.

    >>> one_line("monday\n\x1b[31m\u2028.wav"), one_line("Ärger 😠.wav")
    ('monday\\n\\x1b[31m\\u2028.wav', 'Ärger 😠.wav')
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _strip(start: float, end: float) -> str:
    """Where a span from `start` to `end`, shares of the whole, lies; it is at least one column wide."""
    first = min(int(start * _STRIP_COLUMNS), _STRIP_COLUMNS - 1)
    last = max(first + 1, round(end * _STRIP_COLUMNS))
    return "." * first + "#" * (last - first) + "." * (_STRIP_COLUMNS - last)
