"""Segments in a CSV: a header and a row for each, times in seconds."""

import csv
import io
from collections.abc import Sequence

from emotrace.errors import SegmentError
from emotrace.segment import Segment, parse_seconds, quoted

_COLUMNS = "[file,]start,end[,text][,speaker]"


def read(text: str) -> list[Segment]:
    """The rows of a table; columns that have no meaning here are left alone.

    >>> read("file,start,end,text\\na.wav,0.5,2,Guten Tag\\n")
    [Segment(start=0.5, end=2.0, text='Guten Tag', speaker=None, file='a.wav', line=2)]

    Raises:
        SegmentError: if there is no header with start and end, or a row does not fit it
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    segments = []
    try:
        for row in rows:
            if not any(value.strip() for value in row):
                continue
            if header is None:
                header = _header(row)
            else:
                segments.append(_segment(header, row, rows.line_num))
    except csv.Error as error:
        raise SegmentError(f"line {rows.line_num}: found no CSV ({error}), expected {_COLUMNS}") from None
    if header is None:
        raise SegmentError(f"found no header, expected the columns {_COLUMNS}")
    return segments


def _header(row: Sequence[str]) -> list[str]:
    names = [name.strip().lower() for name in row]
    for name in ("start", "end"):
        if name not in names:
            hint = "; put commas between them" if len(names) == 1 else ""
            raise SegmentError(
                f"found the columns {quoted(','.join(names))}, expected {_COLUMNS}, times in seconds{hint}"
            )
    for name in ("file", "start", "end", "text", "speaker"):
        if names.count(name) > 1:
            raise SegmentError(f"found the column {name!r} twice, expected it once; remove either")
    return names


def _segment(header: Sequence[str], row: Sequence[str], line: int) -> Segment:
    if len(row) != len(header):
        raise SegmentError(
            f"line {line}: found {len(row)} fields, expected {len(header)} as in the header; "
            "put a field that contains a comma in double quotes"
        )
    fields = dict(zip(header, row, strict=True))
    if fields.get("file") == "":
        raise SegmentError(f"line {line}: found no file, expected the name of a recording")
    return Segment(
        parse_seconds(fields["start"], "start", line),
        parse_seconds(fields["end"], "end", line),
        text=fields.get("text"),
        speaker=fields.get("speaker"),
        file=fields.get("file"),
        line=line,
    )
