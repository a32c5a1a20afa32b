"""Timelines as TextGrid, long form, for Praat: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html."""

from collections.abc import Iterator

from emotrace.annotations.times import milliseconds, seconds, spans_ms
from emotrace.inference.result import Result


def timeline(result: Result) -> str:
    """A tier of emotions and a tier of their scores; where no emotion shows, intervals are empty.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> print(timeline(Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "a.wav", (), "tiny")))
    File type = "ooTextFile"
    Object class = "TextGrid"
    <BLANKLINE>
    xmin = 0
    xmax = 2.000
    tiers? <exists>
    size = 2
    item []:
        item [1]:
            class = "IntervalTier"
            name = "emotion"
            xmin = 0
            xmax = 2.000
            intervals: size = 3
            intervals [1]:
                xmin = 0.000
                xmax = 0.500
                text = ""
            intervals [2]:
                xmin = 0.500
                xmax = 1.500
                text = "anger"
    ...
    """
    spans = list(spans_ms(result.timeline))
    tiers = {
        "emotion": [(start, end, span.emotion) for start, end, span in spans],
        "score": [(start, end, f"{span.score:.3f}") for start, end, span in spans],
    }
    end_ms = max([milliseconds(result.duration_s), *(end for _, end, _ in spans)])
    lines = [
        'File type = "ooTextFile"\nObject class = "TextGrid"\n',
        f"xmin = 0\nxmax = {seconds(end_ms)}\ntiers? <exists>\nsize = {len(tiers)}\nitem []:",
    ]
    for number, (name, labelled) in enumerate(tiers.items(), start=1):
        intervals = list(_without_gaps(labelled, end_ms))
        lines += [
            f"    item [{number}]:",
            f'        class = "IntervalTier"\n        name = "{name}"',
            f"        xmin = 0\n        xmax = {seconds(end_ms)}",
            f"        intervals: size = {len(intervals)}",
        ]
        for index, (start, end, text) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{index}]:",
                f"            xmin = {seconds(start)}\n            xmax = {seconds(end)}",
                f'            text = "{text.replace(chr(34), chr(34) * 2)}"',
            ]
    return "\n".join(lines) + "\n"


def _without_gaps(labelled: list[tuple[int, int, str]], end_ms: int) -> Iterator[tuple[int, int, str]]:
    """The intervals and, between them, those without text: in Praat a tier has no holes.

    >>> list(_without_gaps([(0, 500, "anger"), (800, 900, "fear")], 900))
    [(0, 500, 'anger'), (500, 800, ''), (800, 900, 'fear')]
    """
    reached = 0
    for start, end, text in labelled:
        if reached < start:
            yield reached, start, ""
        yield start, end, text
        reached = end
    if reached < end_ms:
        yield reached, end_ms, ""
