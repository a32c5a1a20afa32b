"""Praat's TextGrid as text, long and short.

Praat reads both alike (https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html): what counts are
strings in quotes, flags in angle brackets and numbers that stand free, in their order; all else, such as
`xmin =` and `intervals [1]:`, is for people.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from emotrace.errors import SegmentError
from emotrace.segment import Segment, parse_seconds, quoted

_TOKEN: Final = re.compile(
    r"""
    "(?P<text>(?:[^"]|"")*)"
  | (?P<open>")
  | (?<!\S)!.*
  | (?<!\S)(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\S)
    """,
    re.VERBOSE,
)


def read(text: str) -> list[Segment]:
    """The intervals that hold text, tier by tier; the name of the tier stands for the speaker.

    Intervals without text are the pauses between segments, and points have no length: both are left out.

    >>> short = 'File type = "ooTextFile"\\nObject class = "TextGrid"\\n\\n0\\n3\\n<exists>\\n1\\n'
    >>> read(short + '"IntervalTier"\\n"Ann"\\n0\\n3\\n2\\n0\\n1\\n""\\n1\\n3\\n"so ""he"" says"\\n')
    [Segment(start=1.0, end=3.0, text='so "he" says', speaker='Ann', file=None, line=18)]

    Raises:
        SegmentError: if it is no TextGrid, is damaged, or has no tier of intervals
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
    tiers = tokens.count("the number of tiers")
    found_tiers: list[str] = []
    segments: list[Segment] = []
    for _ in range(tiers):
        kind, name = tokens.text("a tier's class"), tokens.text("a tier's name")
        tokens.number("a tier's start")
        tokens.number("a tier's end")
        found_tiers.append(kind)
        for _ in range(tokens.count("the number of a tier's entries")):
            start = tokens.number("a time")
            if kind == "IntervalTier":
                end = tokens.number("the end of an interval")
                label = tokens.text("the text of an interval").strip()
                segments += [Segment(start, end, label, name, line=tokens.line)] if label else []
            else:
                tokens.text("the mark of a point")
    if "IntervalTier" not in found_tiers:
        found = f"only {', '.join(dict.fromkeys(found_tiers))}" if found_tiers else "no tier"
        raise SegmentError(f"found {found}, expected an IntervalTier whose intervals are the segments")
    return segments


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str | None
    value: str
    line: int


class _Tokens:
    """What Praat reads of a text file, one by one."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens_of(text)
        self.line = 1

    def text(self, what: str) -> str:
        return self._next("text", f"{what} in quotes").replace('""', '"')

    def number(self, what: str) -> float:
        return parse_seconds(self._next("number", f"{what} as a number"), what, self.line)

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


def _tokens_of(text: str) -> Iterator[_Token]:
    line, seen = 1, 0
    for match in _TOKEN.finditer(text):
        line, seen = line + text.count("\n", seen, match.start()), match.start()
        if match.lastgroup is not None:
            yield _Token(match.lastgroup, match[match.lastgroup], line)
