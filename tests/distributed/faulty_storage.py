"""A file system with faults, as `faulty://`: the local disk, some of whose reads fail, kill or never end."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem


class FaultyFileSystem(LocalFileSystem):  # type: ignore[misc]
    """$FAULTY_RATE of its reads fail, a third of these silently, with half of the file.

    A file with `deadly` in its name kills the process that reads it; one with `hanging` is never there.
    """

    protocol = "faulty"
    cachable = False

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return LocalFileSystem._strip_protocol(str(path).removeprefix("faulty://"))

    def unstrip_protocol(self, name: str) -> str:
        return f"faulty://{name}"

    def get_file(self, path1: str, path2: str, **options: Any) -> None:
        name = path1.rpartition("/")[2]
        if "deadly" in name:
            os.kill(os.getpid(), signal.SIGKILL)
        if "hanging" in name:
            time.sleep(3600)
        if random.random() < float(os.environ.get("FAULTY_RATE", "0.05")):
            if random.random() < 0.67:
                raise OSError("503 Slow Down")
            content = Path(path1).read_bytes()
            Path(path2).write_bytes(content[: len(content) // 2])
            return
        super().get_file(path1, path2, **options)


def register() -> None:
    """Make `faulty://` known in this process."""
    fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)


def environment(folder: Path) -> dict[str, str]:
    """Variables by which every Python process knows `faulty://`; `folder` receives a file for it."""
    (folder / "sitecustomize.py").write_text("import faulty_storage\nfaulty_storage.register()\n")
    here = Path(__file__).parent
    path = [str(folder), str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}
