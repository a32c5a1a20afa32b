"""Assignment of segments to recordings."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from emotrace.errors import SegmentError
from emotrace.segment import Segment, quoted
from emotrace.tables.file_names import normalise, spellings

_SHOWN = 10  # names in errors


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
    counts = Counter(segment.file for segment in segments)
    errors = []
    for name, candidates in matches.items():
        if name is None or len(candidates) == 1:
            continue
        amount = f"{counts[name]} segment{'s' if counts[name] > 1 else ''} of {quoted(name)}"
        if candidates:
            several = ", ".join(map(str, candidates[:3]))
            errors.append(f"{source}: found {amount}, which matches {several}; write more of its path")
        else:
            errors.append(
                f"{source}: found {amount}, expected names of the given recordings; {index.hint(name)}"
            )
    if len(errors) > _SHOWN:
        rest = len(errors) - _SHOWN
        errors[_SHOWN:] = [f"{source}: found {rest} more names without one recording; correct the names"]
    return SegmentMatches(matched, errors)


class _Index:
    """Recordings by the last parts of their paths, with suffix and without."""

    def __init__(self, recordings: Iterable[Path]) -> None:
        self._paths = {path: _absolute(path) for path in recordings}
        self._exact: dict[Path, list[Path]] = {}
        for path, absolute in self._paths.items():
            self._exact.setdefault(absolute, []).append(path)
        self._longest = max((len(path.parts) for path in self._paths.values()), default=0)
        self._ends: dict[tuple[int, bool], dict[tuple[str, ...], list[Path]]] = {}

    def find(self, name: str | None, folder: Path) -> list[Path]:
        """The recordings that match this name; exactly one if the name is unambiguous."""
        if name is None:
            return list(self._paths)
        decoded = (spelling for text in (name, unquote(name)) for spelling in spellings(text))
        for spelling in dict.fromkeys(decoded):
            wanted = Path(normalise(os.path.normpath(spelling))).parts
            found = (
                self._exact.get(_absolute(folder / spelling))
                or self._ending_in(wanted, with_suffix=True)
                or self._ending_in(wanted, with_suffix=False)
            )
            if found:
                return found
        return []

    def hint(self, name: str) -> str:
        """What to do about a name that matches nothing."""
        last = unquote(name).replace("\\", "/").rpartition("/")[2]
        same = self._ending_in((normalise(last),), with_suffix=True) if last != name else []
        return f"{same[0]} has the same name in another folder" if same else "correct the names"

    def _ending_in(self, parts: tuple[str, ...], with_suffix: bool) -> list[Path]:
        """The recordings whose paths end in these parts; one look-up, so many names take linear time."""
        if not 0 < len(parts) <= self._longest:
            return []
        key = (len(parts), with_suffix)
        if key not in self._ends:
            ends: dict[tuple[str, ...], list[Path]] = {}
            for path, absolute in self._paths.items():
                whole = absolute.parts
                last = absolute.name if with_suffix else absolute.stem
                if len(whole) >= len(parts):
                    ends.setdefault((*whole[len(whole) - len(parts) : -1], last), []).append(path)
            self._ends[key] = ends
        return self._ends[key].get(parts, [])


def _absolute(path: Path) -> Path:
    """The absolute path. Links are not resolved, since a segment file may name the link."""
    return Path(normalise(os.path.normpath(path.absolute())))
