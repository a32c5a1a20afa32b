"""Ray writes messages about workers to standard output, where only results belong."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path


@contextmanager
def ray_messages_discarded(engine: str = "ray") -> Iterator[None]:
    """Discard what this process writes to standard output meanwhile, if the engine is Ray."""
    if engine != "ray":
        yield
        return
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        yield
