"""Batches of files: folders are walked, files are processed in parallel, results come in order."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from emotrace.audio.reading import readable_suffixes
from emotrace.errors import AudioError, EmotraceError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The outcome for one input: a value, or the error that prevented one."""

    value: T | None = None
    error: EmotraceError | None = None


def find_audio(path: Path) -> list[Path]:
    """The audio files in a folder and its subfolders, in the order of their names.

    Hidden files are left out. A path that is not a folder is returned as it is.

    Raises:
        AudioError: if a folder contains no audio

    >>> [file.name for file in find_audio(Path("a.wav"))]
    ['a.wav']
    """
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    suffixes = readable_suffixes()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(folder, name)
            for name in sorted(files)
            if Path(name).suffix.lower() in suffixes and not name.startswith(".")
        ]
    if not found:
        known = ", ".join(sorted(suffixes))
        raise AudioError(f"{path}: found a folder without audio, expected files that end in {known}")
    return found


def for_each(
    inputs: Sequence[Path],
    work: Callable[[Path], T],
    jobs: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> Generator[Outcome[T], None, None]:
    """Call `work` on each file in `inputs`, `jobs` files at a time, and yield the outcomes in order.

    Memory stays bounded: work runs at most two files per job ahead of the outcomes that were consumed.
    When the generator is closed early (by an interrupt, for example), it calls `stop`, which should make
    running calls of `work` return soon, and waits for them.

    >>> files = [Path("b.wav"), Path("a.wav")]
    >>> [outcome.value for outcome in for_each(files, lambda path: path.stem, jobs=2)]
    ['b', 'a']
    """
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting: deque[Future[Outcome[T]]] = deque()
        try:
            for file in _files(inputs):
                waiting.append(pool.submit(_attempt, work, file))
                if len(waiting) > 2 * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            if any(future.running() for future in waiting):
                stop()


def _files(inputs: Iterable[Path]) -> Iterator[Path | EmotraceError]:
    for path in inputs:
        try:
            yield from find_audio(path)
        except AudioError as error:
            yield error


def _attempt(work: Callable[[Path], T], file: Path | EmotraceError) -> Outcome[T]:
    if isinstance(file, EmotraceError):
        return Outcome(error=file)
    try:
        return Outcome(value=work(file))
    except EmotraceError as error:
        return Outcome(error=error)


class UniqueFileNames:
    """Assigns a different output file to each input.

    >>> names = UniqueFileNames(Path("out"), ".json")
    >>> [names.path_for(source).name for source in ("x/a.wav", "y/a.wav", "a.flac", "b.wav")]
    ['a.json', 'a-2.json', 'a-3.json', 'b.json']
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder, self.suffix = folder, suffix
        self._used: set[str] = set()

    def path_for(self, source: str | os.PathLike[str]) -> Path:
        """An output path that was not returned before, also where file systems ignore the case of names."""
        stem = Path(source).stem or "audio"
        name, count = stem, 1
        while name.casefold() in self._used:
            count += 1
            name = f"{stem}-{count}"
        self._used.add(name.casefold())
        return self.folder / f"{name}{self.suffix}"
