"""Files of a folder, in an order that no file system changes, without what systems leave behind."""

import logging
from collections.abc import Sequence
from pathlib import Path

from emotrace.errors import CorpusError

LEFT_BEHIND = {"thumbs.db", "desktop.ini"}

logger = logging.getLogger(__name__)


def files(folder: Path) -> list[Path]:
    """The files of `folder` by name, without hidden ones (`._x.wav`, `.DS_Store`) and Thumbs.db."""
    kept = (path for path in folder.iterdir() if not left_behind(path.name) and path.is_file())
    return sorted(kept, key=lambda path: path.name)


def folders(folder: Path) -> list[Path]:
    """The visible folders in `folder`, by name."""
    kept = (path for path in folder.iterdir() if not left_behind(path.name) and path.is_dir())
    return sorted(kept, key=lambda path: path.name)


def left_behind(name: str) -> bool:
    """Whether an operating system put the file there.

    >>> left_behind("._03a01Wa.wav"), left_behind("Thumbs.db"), left_behind("03a01Wa.wav")
    (True, True, False)
    """
    return name.startswith(".") or name.lower() in LEFT_BEHIND


def some(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are.

    >>> some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def settle_missing(
    labels: str | Path, missing: Sequence[str], *, allow: bool, way_out: str, corpus: str
) -> None:
    """Stops over audio that `labels` lists and that is not there; where that is allowed, logs it and goes on.

    Raises CorpusError, which counts the files, names the first, and says the way out.

    >>> settle_missing("labels.txt", ["a.wav"], allow=False, way_out="unpack it", corpus="emodb")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: labels.txt lists 1 file that is not there: a.wav; unpack it, or ...
    """
    if not missing:
        return
    count = "1 file that is" if len(missing) == 1 else f"{len(missing)} files that are"
    found = f"{labels} lists {count} not there: {some(missing)}"
    if not allow:
        raise CorpusError(f"{found}; {way_out}, or leave such files out with --allow-missing")
    logger.warning("%s: left out, since %s", corpus, found)


def warn_of_odd_files(corpus: str, odd: Sequence[str], expected: str) -> None:
    """Logs which files a loader passed over because their names say nothing to it."""
    if odd:
        count = f"{len(odd)} file{'' if len(odd) == 1 else 's'}"
        logger.warning("%s: left out %s not named like %s: %s", corpus, count, expected, some(odd))


def warn_of_odd_lines(corpus: str, odd: Sequence[str], expected: str) -> None:
    """Logs which lines of label files, each named by file and number, say nothing to a loader."""
    if odd:
        count = f"{len(odd)} line{'' if len(odd) == 1 else 's'}"
        logger.warning("%s: left out %s not like %r: %s", corpus, count, expected, some(odd))
