"""Assignment of segments to recordings."""

import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from emotrace.errors import SegmentError
from emotrace.segment import Segment


@dataclass(frozen=True, slots=True)
class SegmentMatches:
    """The result of matching.

    Attributes:
        segments: the segments of each recording
        errors: one line for each name that matches no recording or several
    """

    segments: dict[Path, list[Segment]]
    errors: list[str]


def match(segments: Sequence[Segment], recordings: Sequence[Path], source: Path) -> SegmentMatches:
    """Assign each segment to its recording.

    Segments without a file name belong to the only recording. A name is a path relative to the folder of the
    segment file, or the last part of a recording's path, with its suffix or without, as in RTTM.

    >>> turns = [Segment(0, 1, file="monday/a.wav"), Segment(1, 2, file="b"), Segment(2, 3, file="c")]
    >>> matched = match(turns, [Path("x/monday/a.wav"), Path("b.flac")], Path("turns.csv"))
    >>> {str(path): [segment.start for segment in found] for path, found in matched.segments.items()}
    {'x/monday/a.wav': [0], 'b.flac': [1]}
    >>> matched.errors
    ["turns.csv: found 1 segment of 'c', expected names of the given recordings; correct the names"]

    Raises:
        SegmentError: if segments have no file name and several recordings are given
    """
    recordings = list(dict.fromkeys(recordings))
    if any(segment.file is None for segment in segments) and len(recordings) > 1:
        raise SegmentError(
            f"{source}: found segments without a file name, and {len(recordings)} recordings; "
            "give one recording, or a CSV or RTTM file with the names of its recordings"
        )
    index = _Index(recordings)
    matches = {name: index.find(name, source.parent) for name in dict.fromkeys(s.file for s in segments)}
    matched: dict[Path, list[Segment]] = {}
    for segment in segments:
        if len(matches[segment.file]) == 1:
            matched.setdefault(matches[segment.file][0], []).append(segment)
    errors = []
    for name, candidates in matches.items():
        if name is None or len(candidates) == 1:
            continue
        count = sum(segment.file == name for segment in segments)
        amount = f"{count} segment{'s' if count > 1 else ''} of {name!r}"
        if candidates:
            several = ", ".join(map(str, candidates[:3]))
            errors.append(f"{source}: found {amount}, which matches {several}; write more of its path")
        else:
            errors.append(
                f"{source}: found {amount}, expected names of the given recordings; correct the names"
            )
    return SegmentMatches(matched, errors)


class _Index:
    """Recordings by file name, with suffix and without."""

    def __init__(self, recordings: Iterable[Path]) -> None:
        self._paths = {path: _absolute(path) for path in recordings}
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path, absolute in self._paths.items():
            self._by_name.setdefault(absolute.name, []).append(path)
            self._by_stem.setdefault(absolute.stem, []).append(path)

    def find(self, name: str | None, folder: Path) -> list[Path]:
        """The recordings that match this name; exactly one if the name is unambiguous."""
        if name is None:
            return list(self._paths)
        for spelling in dict.fromkeys((name, unquote(name))):
            wanted = Path(_normalise(os.path.normpath(spelling)))
            exact = _absolute(folder / spelling)
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
    """The absolute path. Links are not resolved, since a segment file may name the link."""
    return Path(_normalise(os.path.normpath(path.absolute())))


def _normalise(name: str) -> str:
    """A name in Unicode form NFC: file systems differ in their normal form."""
    return unicodedata.normalize("NFC", name)
