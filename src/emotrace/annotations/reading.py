"""A segment file, read by the ending of its name."""

import codecs
import os
from pathlib import Path

from emotrace.annotations import csv_segments as csv_table
from emotrace.annotations import rttm_segments as rttm
from emotrace.annotations import srt
from emotrace.annotations import textgrid_segments as textgrid
from emotrace.errors import SegmentError
from emotrace.segment import Segment

_READERS = {".csv": csv_table.read, ".srt": srt.read, ".textgrid": textgrid.read, ".rttm": rttm.read}
_ENDINGS = ".csv, .srt, .TextGrid or .rttm"


def read_segments(path: str | os.PathLike[str]) -> list[Segment]:
    """The segments of a CSV, SRT, TextGrid or RTTM file in UTF-8 or UTF-16, in its order.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "talk.srt")
    >>> _ = path.write_text("1\\n00:00:00,500 --> 00:00:02,000\\nSchön!\\n", encoding="utf-16")
    >>> [(segment.start, segment.end, segment.text) for segment in read_segments(path)]
    [(0.5, 2.0, 'Schön!')]

    Raises:
        SegmentError: if there is no such file, it is of another kind, damaged, or holds no segment
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise SegmentError(
            f"{path}: found the ending {path.suffix!r}, expected a segment file that ends in {_ENDINGS}"
        )
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SegmentError(f"{path}: found no such file, expected a segment file; check the path") from None
    except OSError as error:
        raise SegmentError(f"{path}: found a file that cannot be read ({error.strerror})") from None
    try:
        segments = reader(_text_of(content))
    except SegmentError as error:
        raise SegmentError(f"{path}: {error}") from None
    if not segments:
        raise SegmentError(f"{path}: found no segment, expected one or more; is it the right file?")
    return segments


def _text_of(content: bytes) -> str:
    r"""Text by its byte-order mark, or by the zero bytes that UTF-16 has; else UTF-8.

    >>> [_text_of("Ä1".encode(code)) for code in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be")]
    ['Ä1', 'Ä1', 'Ä1', 'Ä1']

    Raises:
        SegmentError: if it is neither
    """
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in content[:200:2]:
        encoding = "utf-16-be"
    elif b"\0" in content[1:200:2]:
        encoding = "utf-16-le"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SegmentError(
            f"found a byte that is no text at {error.start}, expected UTF-8 or UTF-16; save it as UTF-8"
        ) from None
