"""Batches of files: folders are walked, files are processed in parallel, outcomes come in order."""

import os
import stat
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from fnmatch import fnmatchcase
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from emotrace.audio import media
from emotrace.audio.reading import readable_suffixes
from emotrace.errors import AudioError, EmotraceError
from emotrace.inference.worker_pool import Outcome, attempt, in_processes

T = TypeVar("T")

LINKED_FOLDER, UNREADABLE_FOLDER, EXCLUDED_FILE = "link to a folder", "unreadable folder", "excluded file"
_STOP_S = 0.2  # how long running work may take to stop
_OTHER_MEDIA = media.SUFFIXES | {
    ".ac3", ".ape", ".awb", ".dss", ".gsm", ".mp2", ".ogv", ".spx", ".voc", ".wv",
}  # fmt: skip
_ADVICE = 'convert them, or read more formats with pip install "emotrace[media]"'
_SPECIAL_FILES = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def find_audio(
    path: Path, left_out: Counter[str] | None = None, exclude: Sequence[str] = ()
) -> list[Path | AudioError]:
    """The audio files in a folder and its subfolders, in the order of their names.

    Hidden files are left out. A path that is not a folder is returned as it is. A folder that cannot be read
    gives an error in its place, and so does a pipe or a device, which may never end.

    Args:
        path: a file or folder
        left_out: counts the other files of sound, by suffix, excluded files, and the folders that were not
            searched
        exclude: patterns of files to leave out, for their names or their paths below the folder, as `fnmatch`
            matches them

    Raises:
        AudioError: if a folder contains no audio

    >>> [file.name for file in find_audio(Path("a.wav"))]
    ['a.wav']
    """
    others: Counter[str] = Counter() if left_out is None else left_out
    if not _is_folder(path):
        if _is_excluded(path.as_posix(), exclude):
            others[EXCLUDED_FILE] += 1
            return []
        return [path]
    found: list[Path | AudioError] = []
    suffixes = readable_suffixes()
    excluded = 0

    def name_unreadable(error: OSError) -> None:
        others[UNREADABLE_FOLDER] += 1
        found.append(
            AudioError(
                f"{error.filename}: found a folder that cannot be read ({error.strerror}); "
                "check who may read it"
            )
        )

    for folder, folders, files in os.walk(path, onerror=name_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        others[LINKED_FOLDER] += sum(Path(folder, name).is_symlink() for name in folders)
        for name in sorted(name for name in files if not name.startswith(".")):
            suffix = Path(name).suffix.lower()
            if suffix in suffixes and _is_excluded(_below(path, folder, name), exclude):
                excluded += 1
            elif suffix in suffixes:
                found.append(_regular(Path(folder, name)))
            elif suffix in _OTHER_MEDIA:
                others[suffix] += 1
    others[EXCLUDED_FILE] += excluded
    if not found and not excluded:
        known = ", ".join(sorted(suffixes))
        raise AudioError(f"{path}: found a folder without audio, expected files that end in {known}")
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long; reading it explains it
        return False


def _regular(path: Path) -> Path | AudioError:
    """The path of a regular file, or of one that cannot be looked up, which reading it explains."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except OSError:
        return path
    if kind == stat.S_IFREG:
        return path
    what = _SPECIAL_FILES.get(kind, "something else")
    return AudioError(f"{path}: found {what} in a folder, expected a regular file; remove it")


def describe_left_out(left_out: Counter[str]) -> str:
    """What `find_audio` left out, in a line; empty if nothing.

    >>> describe_left_out(Counter({".ape": 1, UNREADABLE_FOLDER: 2}))
    'left out 1 file of other formats (.ape 1), 2 unreadable folders'
    """
    suffixes = sorted(reason for reason in left_out if reason.startswith("."))
    parts = []
    if count := sum(left_out[suffix] for suffix in suffixes):
        counts = ", ".join(f"{suffix} {left_out[suffix]}" for suffix in suffixes)
        parts.append(f"{count} {'file' if count == 1 else 'files'} of other formats ({counts})")
    plurals = {
        EXCLUDED_FILE: "excluded files",
        UNREADABLE_FOLDER: "unreadable folders",
        LINKED_FOLDER: "links to folders",
    }
    for reason, several in plurals.items():
        if count := left_out[reason]:
            parts.append(f"{count} {reason if count == 1 else several}")
    advice = f"; {_ADVICE}" if media.SUFFIXES.intersection(suffixes) else ""
    return f"left out {', '.join(parts)}{advice}" if parts else ""


def for_each(
    inputs: Sequence[Path],
    work: Callable[[Path], T],
    jobs: int = 1,
    stop: Callable[[], None] = lambda: None,
    left_out: Counter[str] | None = None,
    exclude: Sequence[str] = (),
) -> Generator[Outcome[T], None, None]:
    """Call `work` on each file in `inputs`, `jobs` files at a time, and yield the outcomes in order.

    Memory stays bounded: work runs a bounded number of files ahead of the outcomes that were consumed.
    Several jobs are as many processes, so `work` must be picklable; see `in_processes`. One job runs in this
    process: when the generator is closed early (by an interrupt, for example), it calls `stop`, which should
    make running calls of `work` return soon, and waits a moment for them. `left_out` counts what `find_audio`
    leaves out; `exclude` has its patterns.

    >>> files = [Path("b.wav"), Path("a.wav")]
    >>> [outcome.value for outcome in for_each(files, lambda path: path.stem)]
    ['b', 'a']
    """
    files = _files(inputs, left_out, exclude)
    first = list(islice(files, jobs))
    files = chain(first, files)
    return _in_thread(files, work, stop) if len(first) < 2 else in_processes(files, work, len(first))


def _below(folder: Path, inner: str, name: str) -> str:
    return Path(inner, name).relative_to(folder).as_posix()


def _is_excluded(path: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern matches the path or the name of a file.

    >>> [_is_excluded("drafts/a.wav", [pattern]) for pattern in ("drafts/*", "a.*", "*.flac")]
    [True, True, False]
    """
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in patterns)


def _in_thread(
    files: Iterator[Path | EmotraceError], work: Callable[[Path], T], stop: Callable[[], None]
) -> Generator[Outcome[T], None, None]:
    """Call `work` in one thread, since only the main thread can handle interrupts."""
    pool = ThreadPoolExecutor(max_workers=1)
    waiting: deque[Future[Outcome[T]]] = deque()
    try:
        for file in files:
            waiting.append(pool.submit(attempt, work, file))
            if len(waiting) > 2:
                yield _first(waiting)
        while waiting:
            yield _first(waiting)
    except BaseException:
        stop()
        wait([future for future in waiting if not future.cancel()], timeout=_STOP_S)
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _first(waiting: deque[Future[T]]) -> T:
    """The result of the first future, which stays in the queue until it is done."""
    result = waiting[0].result()
    waiting.popleft()
    return result


def _files(
    inputs: Iterable[Path], left_out: Counter[str] | None, exclude: Sequence[str]
) -> Iterator[Path | EmotraceError]:
    for path in inputs:
        try:
            yield from find_audio(path, left_out, exclude)
        except AudioError as error:
            yield error


class UniqueFileNames:
    """Assigns a different output file to each input.

    >>> names = UniqueFileNames(Path("out"), ".json")
    >>> [names.path_for(source).name for source in ("x/a.wav", "y/a.wav", "a.flac", "b.wav")]
    ['a.json', 'a-2.json', 'a-3.json', 'b.json']
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder, self.suffix = folder, suffix
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}

    def path_for(self, source: str | os.PathLike[str]) -> Path:
        """An output path that was not returned before, also where file systems ignore the case of names."""
        stem = Path(source).stem or "audio"
        count = self._counts.get(stem.casefold(), 0) + 1
        name = stem if count == 1 else f"{stem}-{count}"
        while name.casefold() in self._used:
            count += 1
            name = f"{stem}-{count}"
        self._counts[stem.casefold()] = count
        self._used.add(name.casefold())
        return self.folder / f"{name}{self.suffix}"
