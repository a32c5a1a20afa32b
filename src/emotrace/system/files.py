"""Atomic file writes: a file is written under a temporary name in the same folder, then renamed."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":  # where a file that is open cannot be deleted
    import fcntl

UNFINISHED = ".unfinished-"


def list_files(folder: Path) -> list[Path]:
    """The entries of a folder in the order of their names, without unfinished files of killed processes.

    A folder that does not exist has none.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "whole.txt").touch(), (folder / f"{UNFINISHED}1a2b.txt").touch()
    (None, None)
    >>> [path.name for path in list_files(folder)]
    ['whole.txt']
    """
    if not folder.exists():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith(UNFINISHED))


def clear_unfinished(folder: Path) -> None:
    """Delete the unfinished files of killed processes, in a folder and in the folders below it.

    A file that a living process writes is locked, and stays.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / f"{UNFINISHED}1a2b.txt").touch()
    >>> clear_unfinished(folder)
    >>> list(folder.iterdir())
    []
    """
    for path in folder.rglob(f"{UNFINISHED}*"):
        with suppress(OSError):  # locked, or finished meanwhile
            if sys.platform == "win32":
                path.unlink()
            else:
                with path.open("rb+") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`, and rename it to `path` if the block succeeds.

    For libraries that write to a path. The temporary path has the suffix of `path`, because writers choose
    the format by it. Missing folders are created. If the block raises, `path` stays as it was and the
    temporary file is deleted.

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
        with _locked(unfinished):
            yield unfinished
            unfinished.replace(target)
    except OSError as error:
        if error.filename not in (None, str(unfinished)):
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Create a file and hold a lock on it, so that `clear_unfinished` of another process leaves it alone."""
    if sys.platform == "win32":
        yield
        return
    while True:
        with path.open("ab") as file:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if path.exists():  # else another process deleted it between the two calls
                yield
                return


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.bin"
    >>> write_bytes(path, b"123")
    >>> path.read_bytes()
    b'123'
    """
    with atomic_path(path) as unfinished:
        unfinished.write_bytes(data)


def create_bytes(path: Path, data: bytes) -> bool:
    """Write `data` to a file that does not exist yet, atomically; false, and nothing written, if it does.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.bin"
    >>> create_bytes(path, b"1"), create_bytes(path, b"2"), path.read_bytes()
    (True, False, b'1')
    """
    try:
        path.open("xb").close()  # so that a process that runs at the same time chooses another name
    except FileExistsError:
        return False
    try:
        write_bytes(path, data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Write `text` to `path` atomically, as UTF-8 with Unix line ends.

    Names of files that are not valid UTF-8 are written as the bytes that they are.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_text(path, "Ärger\n")
    >>> path.read_bytes()
    b'\xc3\x84rger\n'
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))
