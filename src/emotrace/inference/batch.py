"""Many inputs: found in folders, worked on side by side, answered in order, each failure by itself."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from emotrace.audio.reading import SUFFIXES
from emotrace.errors import AudioError, EmotraceError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of one input: a value, or the error that kept it from one."""

    value: T | None = None
    error: EmotraceError | None = None


def find_audio(path: Path) -> list[Path]:
    """The audio files of a folder and the folders in it, in the order of their names; a file is itself.

    Hidden files are left out.

    Raises:
        AudioError: if it is a folder that holds no audio

    >>> [file.name for file in find_audio(Path("a.wav"))]
    ['a.wav']
    """
    if not path.is_dir():
        return [path]
    found: list[Path] = []
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(folder, name)
            for name in sorted(files)
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        ]
    if not found:
        known = ", ".join(sorted(SUFFIXES))
        raise AudioError(f"{path}: found a folder without audio, expected files that end in {known}")
    return found


def for_each(
    inputs: Sequence[Path],
    work: Callable[[Path], T],
    jobs: int = 1,
    stop: Callable[[], None] = lambda: None,
) -> Generator[Outcome[T], None, None]:
    """Do `work` on each file that `inputs` name, `jobs` at a time, and give the outcomes in order.

    At most two files a job are ahead of what was taken, so memory stays bounded. What is under way when an
    interrupt comes, or nobody asks for more, is awaited after `stop` was called, which can make that short.

    >>> [
    ...     outcome.value
    ...     for outcome in for_each([Path("b.wav"), Path("a.wav")], lambda path: path.stem, jobs=2)
    ... ]
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
    """Names of output files, one for each input, of which no two are the same.

    >>> names = UniqueFileNames(Path("out"), ".json")
    >>> [names.of(name).name for name in ("x/a.wav", "y/a.wav", "a.flac", "b.wav")]
    ['a.json', 'a-2.json', 'a-3.json', 'b.json']
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self.folder, self.suffix = folder, suffix
        self._taken: set[str] = set()

    def of(self, source: str | os.PathLike[str]) -> Path:
        """A name not given before; file systems that know no case count `A` and `a` as one."""
        stem = Path(source).stem or "audio"
        name, count = stem, 1
        while name.casefold() in self._taken:
            count += 1
            name = f"{stem}-{count}"
        self._taken.add(name.casefold())
        return self.folder / f"{name}{self.suffix}"
