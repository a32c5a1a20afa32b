"""Reading segment files, whose suffix selects the format."""

import codecs
import os
from pathlib import Path

from emotrace.annotations.registry import FORMATS, import_function
from emotrace.errors import SegmentError
from emotrace.segment import Segment


def read_segments(path: str | os.PathLike[str]) -> list[Segment]:
    """The segments of a file, in file order. The file is UTF-8 or UTF-16 text in a segment format.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "talk.srt")
    >>> _ = path.write_text("1\\n00:00:00,500 --> 00:00:02,000\\nSchön!\\n", encoding="utf-16")
    >>> [(segment.start, segment.end, segment.text) for segment in read_segments(path)]
    [(0.5, 2.0, 'Schön!')]

    Raises:
        SegmentError: if the file does not exist, has another format, is damaged, or has no segment
    """
    path = Path(path)
    parsers = {entry.suffix: entry.segments for entry in FORMATS if entry.segments}
    parser = {suffix.lower(): name for suffix, name in parsers.items()}.get(path.suffix.lower())
    if parser is None:
        raise SegmentError(
            f"{path}: found the suffix {path.suffix!r}, expected a segment file: {', '.join(parsers)}"
        )
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SegmentError(f"{path}: found no such file, expected a segment file; check the path") from None
    except OSError as error:
        raise SegmentError(f"{path}: the file cannot be read ({error.strerror})") from None
    try:
        segments: list[Segment] = import_function(parser)(_decode(content))
    except SegmentError as error:
        raise SegmentError(f"{path}: {error}") from None
    if not segments:
        raise SegmentError(f"{path}: found no segment, expected at least one; is this the right file?")
    return segments


def _decode(content: bytes) -> str:
    r"""Decode UTF-8 or UTF-16. A byte-order mark, or the zero bytes of ASCII characters, indicate UTF-16.

    >>> [_decode("Ä1".encode(code)) for code in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be")]
    ['Ä1', 'Ä1', 'Ä1', 'Ä1']

    Raises:
        SegmentError: if the content is neither
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
            f"found an invalid byte at {error.start}, expected UTF-8 or UTF-16; save it as UTF-8"
        ) from None
