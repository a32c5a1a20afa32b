"""Which segment is of which recording."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from emotrace.errors import SegmentError
from emotrace.segment import Segment


@dataclass(frozen=True, slots=True)
class Matched:
    """Segments by recording, and what is wrong with those of no recording, one line a name."""

    of: dict[Path, list[Segment]]
    errors: list[str]


def match(segments: Sequence[Segment], recordings: Sequence[Path], source: Path) -> Matched:
    """Give each segment to its recording.

    Segments that name none are of the one recording given. A name is a path from the folder of the segment
    file, or the end of the path of a recording, with the ending of the file name or without, as in RTTM.

    >>> turns = [Segment(0, 1, file="monday/a.wav"), Segment(1, 2, file="b"), Segment(2, 3, file="c")]
    >>> matched = match(turns, [Path("x/monday/a.wav"), Path("b.flac")], Path("turns.csv"))
    >>> {str(path): [segment.start for segment in own] for path, own in matched.of.items()}
    {'x/monday/a.wav': [0], 'b.flac': [1]}
    >>> matched.errors
    ["turns.csv: found 1 segment of 'c', expected names of the recordings given; name them alike"]

    Raises:
        SegmentError: if segments name no recording, and not one is given but several
    """
    recordings = list(dict.fromkeys(recordings))
    if any(segment.file is None for segment in segments) and len(recordings) > 1:
        raise SegmentError(
            f"{source}: found segments of one recording, and {len(recordings)} recordings; "
            "give one recording, or a CSV or RTTM file, which name theirs"
        )
    index = _Index(recordings)
    found = {name: index.named(name, source.parent) for name in dict.fromkeys(s.file for s in segments)}
    of: dict[Path, list[Segment]] = {}
    for segment in segments:
        if len(found[segment.file]) == 1:
            of.setdefault(found[segment.file][0], []).append(segment)
    errors = []
    for name, recordings_named in found.items():
        if name is None or len(recordings_named) == 1:
            continue
        count = sum(segment.file == name for segment in segments)
        amount = f"{count} segment{'s' if count > 1 else ''} of {name!r}"
        if recordings_named:
            several = ", ".join(map(str, recordings_named[:3]))
            errors.append(f"{source}: found {amount}, which names {several} alike; write more of its path")
        else:
            errors.append(
                f"{source}: found {amount}, expected names of the recordings given; name them alike"
            )
    return Matched(of, errors)


class _Index:
    """Recordings by the last part of their paths, with the ending and without."""

    def __init__(self, recordings: Iterable[Path]) -> None:
        self._paths = {path: _absolute(path) for path in recordings}
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path, absolute in self._paths.items():
            self._by_name.setdefault(absolute.name, []).append(path)
            self._by_stem.setdefault(absolute.stem, []).append(path)

    def named(self, name: str | None, folder: Path) -> list[Path]:
        """The recordings that go by this name: one, if all is well."""
        if name is None:
            return list(self._paths)
        for spelled in dict.fromkeys((name, unquote(name))):
            wanted = Path(_composed(os.path.normpath(spelled)))
            exact = _absolute(folder / spelled)
            same_name, same_stem = (self._by_name.get(wanted.name, []), self._by_stem.get(wanted.name, []))
            found = (
                [path for path in same_name if self._paths[path] == exact]
                or [path for path in same_name if _ends_in(self._paths[path], wanted)]
                or [path for path in same_stem if _ends_in(self._paths[path].with_suffix(""), wanted)]
            )
            if found:
                return found
        return []


def _ends_in(path: Path, end: Path) -> bool:
    return path.parts[-len(end.parts) :] == end.parts


def _absolute(path: Path) -> Path:
    """The path from the root; links stay what they are, since a name may be that of a link."""
    return Path(_composed(os.path.normpath(path.absolute())))


def _composed(name: str) -> str:
    """A name with its umlauts in one code point each: file systems differ in how they spell them."""
    return unicodedata.normalize("NFC", name)
