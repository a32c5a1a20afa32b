"""Reading segment files, whose suffix selects the format."""

import os
from pathlib import Path

from emotrace.annotations.registry import FORMATS, Format, import_function
from emotrace.errors import SegmentError
from emotrace.segment import Segment
from emotrace.system.text_encoding import decode_text, read_bounded

_LIMIT = 64 << 20  # bytes; the transcript of a day, word by word, needs less


def read_segments(path: str | os.PathLike[str], tier: str | None = None) -> list[Segment]:
    """The segments of a file, in file order. The file is UTF-8 or UTF-16 text in a segment format.

    Args:
        path: the file
        tier: the tier to read, for formats that have tiers; None reads the tiers of all speakers

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "talk.srt")
    >>> _ = path.write_text("1\\n00:00:00,500 --> 00:00:02,000\\nSchön!\\n", encoding="utf-16")
    >>> [(segment.start, segment.end, segment.text) for segment in read_segments(path)]
    [(0.5, 2.0, 'Schön!')]

    Raises:
        SegmentError: if the file does not exist, has another format, is damaged, or has no segment; if it has
            no such tier, or one of its tiers must be chosen
    """
    path = Path(path)
    entry = _find_entry(path, tier)
    try:
        content = read_bounded(path, _LIMIT)
    except FileNotFoundError:
        raise SegmentError(f"{path}: found no such file, expected a segment file; check the path") from None
    except OSError as error:
        raise SegmentError(f"{path}: the file cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise SegmentError(f"{path}: {error}") from None
    return _parse(content, path, entry, tier)


def parse_segments(content: bytes, name: str, tier: str | None = None) -> list[Segment]:
    """The segments in the bytes of a file, as `read_segments` gives them.

    Args:
        content: the bytes
        name: the file's name, whose suffix selects the format
        tier: as for `read_segments`

    >>> parse_segments(b"start,end\\n0.5,2\\n", "turns.csv")[0].start
    0.5

    Raises:
        SegmentError: as for `read_segments`
    """
    return _parse(content, Path(name), _find_entry(Path(name), tier), tier)


def _find_entry(path: Path, tier: str | None) -> Format:
    entries = {entry.suffix.lower(): entry for entry in FORMATS if entry.segments}
    entry = entries.get(path.suffix.lower())
    if entry is None:
        known = ", ".join(entry.suffix for entry in entries.values())
        raise SegmentError(f"{path}: found the suffix {path.suffix!r}, expected a segment file: {known}")
    if tier is not None and not entry.has_tiers:
        raise SegmentError(
            f"{path}: found a tier to choose, {tier!r}, but {entry.suffix} has no tiers; omit --tier"
        )
    return entry


def _parse(content: bytes, path: Path, entry: Format, tier: str | None) -> list[Segment]:
    assert entry.segments is not None
    try:
        text = decode_text(content)
        parse = import_function(entry.segments)
        segments: list[Segment] = parse(text, tier) if entry.has_tiers else parse(text)
    except (SegmentError, ValueError) as error:
        raise SegmentError(f"{path}: {error}") from None
    if not segments:
        raise SegmentError(f"{path}: found no segment, expected at least one; is this the right file?")
    return segments
