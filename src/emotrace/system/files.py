"""Files written whole or not at all: under another name beside the target, then renamed over it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished-"


def files_in(folder: Path) -> list[Path]:
    """What lies in a folder, by name, but for what a killed process left unfinished; none if it is not there.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "whole.txt").touch(), (folder / f"{UNFINISHED}1a2b.txt").touch()
    (None, None)
    >>> [path.name for path in files_in(folder)]
    ['whole.txt']
    """
    if not folder.exists():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith(UNFINISHED))


def clear_unfinished(folder: Path) -> None:
    """Delete what killed processes left unfinished anywhere below a folder.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / f"{UNFINISHED}1a2b.txt").touch()
    >>> clear_unfinished(folder)
    >>> list(folder.iterdir())
    []
    """
    for path in folder.rglob(f"{UNFINISHED}*"):
        path.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lend a free name beside `path`, and rename what was written there to `path` when the block ends well.

    For writers that need a name to write to. Folders that lack are made. If the block raises, `path` stays
    as it was and nothing is left behind. The lent name ends as `path` does, since writers go by it.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic_path(folder / "new" / "a.txt") as unfinished:
    ...     _ = unfinished.write_text("whole")
    >>> (folder / "new" / "a.txt").read_text(), len(list((folder / "new").iterdir()))
    ('whole', 1)
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{UNFINISHED}{secrets.token_hex(6)}{target.suffix}")
    try:
        yield unfinished
        unfinished.replace(target)
    except OSError as error:
        if error.filename not in (None, str(unfinished)):
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path`, whole or not at all.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.bin"
    >>> write_bytes(path, b"123")
    >>> path.read_bytes()
    b'123'
    """
    with atomic_path(path) as unfinished:
        unfinished.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Write `text` to `path` as UTF-8 with plain newlines, whole or not at all.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_text(path, "Ärger\n")
    >>> path.read_bytes()
    b'\xc3\x84rger\n'
    """
    write_bytes(path, text.encode("utf-8"))
