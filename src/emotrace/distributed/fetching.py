"""Copies of recordings from any file system, with retries."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emotrace.errors import AudioError

ATTEMPTS = 6
_FIRST_WAIT_S = 0.1  # doubled with each attempt: 3 s in all
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


@contextmanager
def local_copy(file: str) -> Iterator[tuple[Path, int]]:
    """The path of a recording on this machine, and the number of reads that failed before it was there.

    A local file is used where it is. Another one is copied whole, so that a read that fails is repeated, and
    never taken for the end of the recording.

    Raises:
        AudioError: if the file is not there, or cannot be read after several attempts
    """
    if "://" not in file:
        yield Path(file), 0
        return
    with tempfile.TemporaryDirectory(prefix="emotrace-") as folder:
        path = Path(folder, file.rpartition("/")[2] or "audio")
        yield path, _copy(file, path)


def _copy(file: str, path: Path) -> int:
    import fsspec

    for failed in range(ATTEMPTS):
        try:
            system, name = fsspec.core.url_to_fs(file)
            expected = system.size(name)
            system.get_file(name, str(path))
            if expected is None or path.stat().st_size == expected:
                return failed
            reason = f"found {path.stat().st_size} bytes of {expected}"
        except ImportError as error:
            raise AudioError(f"{file}: {error}") from None
        except _FINAL as error:
            raise AudioError(
                f"{file}: found no such file, or no right to read it ({_brief(error)})"
            ) from None
        except Exception as error:  # noqa: BLE001 - clients of object stores have errors of their own
            reason = _brief(error)
        if failed + 1 < ATTEMPTS:
            time.sleep(_FIRST_WAIT_S * 2**failed * random.uniform(0.5, 1.0))
    raise AudioError(f"{file}: cannot be read after {ATTEMPTS} attempts ({reason}); run the call again later")


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:200]
