"""TextGrid, the text format of Praat, long and short.

The parser follows Praat (https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html): quoted strings,
flags in angle brackets and free-standing numbers count, in their order. All other text, such as `xmin =` and
`intervals [1]:`, is a comment. The writer uses the long form.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from emotrace.annotations.tiers import choose_tiers
from emotrace.annotations.times import milliseconds, seconds, spans_ms
from emotrace.errors import SegmentError
from emotrace.inference.result import Result
from emotrace.segment import Segment, parse_seconds, quoted
from emotrace.system.escaping import escape_control_characters

# Possessive quantifiers keep the time linear in the length of the text, whatever is in it.
_TOKEN: Final = re.compile(
    r"""
    "(?P<text>(?:[^"]++|"")*+)"
  | (?P<open>")
  | (?<!\S)!.*
  | (?<!\S)(?P<number>[-+]?+(?:\d++(?:[.,]\d*+)?+|[.,]\d++)(?:[eE][-+]?\d++)?+)(?!\S)
    """,
    re.VERBOSE,
)


def parse_segments(text: str, tier: str | None = None) -> list[Segment]:
    """One segment per interval with text, tier by tier; the tier's name becomes the speaker.

    Empty intervals are pauses, and points have no length: both are ignored. Numbers may have decimal commas.

    >>> short = 'File type = "ooTextFile"\\nObject class = "TextGrid"\\n\\n0\\n3\\n<exists>\\n1\\n'
    >>> parse_segments(
    ...     short + '"IntervalTier"\\n"Ann"\\n0\\n3\\n2\\n0\\n1\\n""\\n1\\n3\\n"so ""he"" goes"\\n'
    ... )
    [Segment(start=1.0, end=3.0, text='so "he" goes', speaker='Ann', file=None, line=18)]

    Raises:
        SegmentError: if the text is not a TextGrid, is damaged, has no interval tier, or a tier must be
            chosen
    """
    if not text.lstrip().startswith(("File type", '"ooTextFile')):
        binary = text.startswith("ooBinaryFile")
        found = "a binary TextGrid" if binary else "no TextGrid"
        raise SegmentError(f"found {found}, expected a TextGrid as text; save it from Praat as text file")
    tokens = _Tokens(text)
    header = [tokens.text("the file type"), tokens.text("the object class")]
    if not header[0].startswith("ooTextFile") or header[1] != "TextGrid":
        found = quoted(" ".join(header))
        raise SegmentError(f"found {found} in the first lines, expected 'ooTextFile TextGrid'")
    tokens.number("the start")
    tokens.number("the end")
    tier_count = tokens.count("the number of tiers")
    tier_classes: list[str] = []
    tiers: dict[str, list[Segment]] = {}
    for _ in range(tier_count):
        tier_class, name = tokens.text("a tier's class"), tokens.text("a tier's name")
        tokens.number("a tier's start")
        tokens.number("a tier's end")
        tier_classes.append(tier_class)
        for _ in range(tokens.count("the number of a tier's entries")):
            start = tokens.number("a time")
            if tier_class == "IntervalTier":
                end = tokens.number("the end of an interval")
                label = tokens.text("the text of an interval").strip()
                if label:
                    tiers.setdefault(name, []).append(Segment(start, end, label, name, line=tokens.line))
            else:
                tokens.text("the mark of a point")
    if "IntervalTier" not in tier_classes:
        found = f"only {', '.join(dict.fromkeys(tier_classes))}" if tier_classes else "no tier"
        raise SegmentError(f"found {found}, expected an IntervalTier whose intervals are the segments")
    return choose_tiers(tiers, tier)


def format_timeline(result: Result) -> str:
    """A tier of emotions and a tier of their scores. Intervals without an emotion are empty.

    >>> from emotrace.timeline import Span, Timeline
    >>> spans = Timeline((Span(0.5, 1.5, "anger", 0.9),))
    >>> print(format_timeline(Result("anger", 0.9, {"anger": 0.9}, spans, 2.0, "a.wav", (), "tiny")))
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
        "emotion": [(start, end, escape_control_characters(span.emotion)) for start, end, span in spans],
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


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str | None
    value: str
    line: int


class _Tokens:
    """The strings and numbers of a TextGrid, one after another."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokenise(text)
        self.line = 1

    def text(self, what: str) -> str:
        return self._next("text", f"{what} in quotes").replace('""', '"')

    def number(self, what: str) -> float:
        text = self._next("number", f"{what} as a number")
        return parse_seconds(text.replace(",", "."), what, self.line)

    def count(self, what: str) -> int:
        value = self.number(what)
        if value < 0 or value != int(value):
            raise SegmentError(f"line {self.line}: found {value:g} as {what}, expected a whole number")
        return int(value)

    def _next(self, kind: str, expected: str) -> str:
        token = next(self._tokens, None)
        if token is None or token.kind == "open":
            raise SegmentError(f"found the end of the file, expected {expected}; is it cut short?")
        self.line = token.line
        if token.kind != kind:
            raise SegmentError(f"line {token.line}: found {quoted(token.value)}, expected {expected}")
        return token.value


def _tokenise(text: str) -> Iterator[_Token]:
    line, position = 1, 0
    for match in _TOKEN.finditer(text):
        line, position = line + text.count("\n", position, match.start()), match.start()
        if match.lastgroup is not None:
            yield _Token(match.lastgroup, match[match.lastgroup], line)


def _without_gaps(labelled: list[tuple[int, int, str]], end_ms: int) -> Iterator[tuple[int, int, str]]:
    """The intervals, and empty ones between them: Praat requires tiers without gaps.

    >>> list(_without_gaps([(0, 500, "anger"), (800, 900, "fear")], 900))
    [(0, 500, 'anger'), (500, 800, ''), (800, 900, 'fear')]
    """
    previous_end_ms = 0
    for start, end, text in labelled:
        if previous_end_ms < start:
            yield previous_end_ms, start, ""
        yield start, end, text
        previous_end_ms = end
    if previous_end_ms < end_ms:
        yield previous_end_ms, end_ms, ""
