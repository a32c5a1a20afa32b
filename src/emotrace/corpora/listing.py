"""Files of a folder, in an order that no file system changes, without what systems leave behind."""

import logging
from collections.abc import Sequence
from pathlib import Path

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


def warn_of_odd_files(corpus: str, odd: Sequence[str], expected: str) -> None:
    """Logs which files a loader passed over because their names say nothing to it."""
    if odd:
        count = f"{len(odd)} file{'' if len(odd) == 1 else 's'}"
        logger.warning("%s: left out %s not named like %s: %s", corpus, count, expected, some(odd))
