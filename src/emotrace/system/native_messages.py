"""Messages that C libraries write to standard error by themselves."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def native_messages_discarded() -> Iterator[None]:
    """Discard what C libraries write to standard error, such as libmpg123 about each frame of a damaged MP3.

    Python's own `sys.stderr` is kept. This holds for the whole process, so it belongs to the command line.
    """
    stream = sys.stderr
    if stream is None:  # standard error is closed, and its number may belong to another file
        yield
        return
    try:
        of_python = stream.fileno() == 2
        kept = os.dup(2)
    except (OSError, ValueError):  # standard error is not a file
        yield
        return
    if of_python:
        stream.flush()
        sys.stderr = open(  # noqa: SIM115 - closed below
            kept, "w", encoding=stream.encoding, errors=stream.errors, buffering=1, closefd=False
        )
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        if of_python:
            sys.stderr.flush()
            sys.stderr = stream
        os.dup2(kept, 2)
        os.close(kept)
