"""Lists the files of a corpus, and reports files that are missing or have unknown names."""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from emotrace.audio.reading import readable_suffixes
from emotrace.errors import CorpusError

SYSTEM_FILES = {"thumbs.db", "desktop.ini"}

logger = logging.getLogger(__name__)


def files(folder: Path) -> list[Path]:
    """The files in `folder` sorted by name, without hidden files and files of the operating system."""
    kept = (path for path in folder.iterdir() if not is_system_file(path.name) and path.is_file())
    return sorted(kept, key=lambda path: path.name)


def folders(folder: Path) -> list[Path]:
    """The visible folders in `folder`, sorted by name."""
    kept = (path for path in folder.iterdir() if not is_system_file(path.name) and path.is_dir())
    return sorted(kept, key=lambda path: path.name)


def files_in_folders(root: Path, name: re.Pattern[str]) -> Iterator[Path]:
    """The files in the folders of `root` whose whole names match a pattern, such as those of actors."""
    for folder in folders(root):
        if name.fullmatch(folder.name):
            yield from files(folder)


def find_audio(path: Path) -> Path:
    """The audio file at `path`, or beside it with another suffix of a readable format.

    If there is none, `path` is returned.
    """
    if path.is_file():
        return path
    suffixes = sorted(readable_suffixes())
    candidates = (path.with_suffix(written) for suffix in suffixes for written in (suffix, suffix.upper()))
    return next((candidate for candidate in candidates if candidate.is_file()), path)


def is_system_file(name: str) -> bool:
    """Whether a file is hidden or was written by the operating system.

    >>> is_system_file("._03a01Wa.wav"), is_system_file("Thumbs.db"), is_system_file("03a01Wa.wav")
    (True, True, False)
    """
    return name.startswith(".") or name.lower() in SYSTEM_FILES


def shorten(names: Sequence[str], most: int = 5) -> str:
    """The first `most` names, and the number of the others.

    >>> shorten(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def handle_missing_files(
    labels: str | Path, missing: Sequence[str], *, allow: bool, hint: str, corpus: str
) -> None:
    """Refuse a corpus whose label file lists missing audio, or log a warning if `allow` is true.

    Args:
        labels: the label file
        missing: names of the audio files that do not exist
        allow: whether to log instead of raising
        hint: what the user can do about it
        corpus: name of the corpus, for the log

    Raises:
        CorpusError: audio is missing and `allow` is false

    >>> handle_missing_files("labels.txt", ["a.wav"], allow=False, hint="unpack it", corpus="emodb")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: labels.txt lists 1 file that does not exist: a.wav; unpack it, or ...
    """
    if not missing:
        return
    count = "1 file that does" if len(missing) == 1 else f"{len(missing)} files that do"
    found = f"{labels} lists {count} not exist: {shorten(missing)}"
    if not allow:
        raise CorpusError(f"{found}; {hint}, or leave such files out with --allow-missing")
    logger.warning("%s: %s; left out", corpus, found)


def warn_about_unknown_files(corpus: str, unknown: Sequence[str], expected: str) -> None:
    """Log the files that a loader left out because their names do not follow the corpus's scheme."""
    if unknown:
        count = f"{len(unknown)} file{'' if len(unknown) == 1 else 's'}"
        logger.warning("%s: left out %s not named like %s: %s", corpus, count, expected, shorten(unknown))


def warn_about_unknown_lines(corpus: str, unknown: Sequence[str], expected: str) -> None:
    """Log the lines of label files, each named by file and number, that a loader could not parse."""
    if unknown:
        count = f"{len(unknown)} line{'' if len(unknown) == 1 else 's'}"
        logger.warning("%s: left out %s not like %r: %s", corpus, count, expected, shorten(unknown))
