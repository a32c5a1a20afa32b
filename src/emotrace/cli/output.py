"""Output of the command line: results on standard output, everything else on standard error.

All text passes through the functions of this module, which escape control characters: names of files and
speakers may contain line breaks and terminal commands.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from emotrace.system.escaping import escape_control_characters

if TYPE_CHECKING:
    from pathlib import Path

    from emotrace.inference.result import Result

DONE, SOME_FAILED, WRONG_CALL, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


def print_line(line: str) -> None:
    """Print one line of results."""
    sys.stdout.write(escape_control_characters(line) + "\n")
    sys.stdout.flush()


def print_report(text: str) -> None:
    """Print results of several lines, and end them with a line break if there is none."""
    sys.stdout.write(escape_control_characters(text.removesuffix("\n"), keep="\n") + "\n")
    sys.stdout.flush()


def write_document(pieces: Iterable[str]) -> None:
    """Write a document, such as JSON or CSV, piece by piece.

    File formats quote names by their own rules, so files and pipes get the text as it is.
    """
    for piece in pieces:
        sys.stdout.write(escape_control_characters(piece, keep="\n\t") if sys.stdout.isatty() else piece)
        sys.stdout.flush()


def write_file(pieces: Iterable[str], path: Path) -> None:
    """Write a document to a file, which appears when it is complete."""
    from emotrace.system.files import atomic_path

    errors = "backslashreplace"  # file names may contain bytes that are not valid UTF-8
    with (
        atomic_path(path) as unfinished,
        unfinished.open("w", encoding="utf-8", errors=errors, newline="") as file,
    ):
        file.writelines(pieces)


def print_message(message: str) -> None:
    """Print one line on standard error, such as an error or a warning."""
    sys.stderr.write(escape_control_characters(f"emotrace: {message}") + "\n")
    sys.stderr.flush()


def print_warnings(result: Result, already_printed: Collection[str] = ()) -> None:
    """Print a result's warnings on standard error, except those that are already printed."""
    for warning in map(str, result.warnings):
        if warning not in already_printed:
            channel = "" if result.channel is None else f", channel {result.channel}"
            print_message(f"{result.file}{channel}: warning: {warning}")


def with_warnings(results: Iterable[Result]) -> Iterator[Result]:
    """Pass results on and print their warnings, for formats that do not contain them.

    A warning about a file is printed once, even if many of its segments have it.
    """
    file, printed = None, set[str]()
    for result in results:
        if result.segment is None or result.file != file:
            file, printed = result.file, set()
        print_warnings(result, printed)
        printed |= set(map(str, result.warnings))
        yield result


def print_log_messages() -> None:
    """Print the library's log messages from level WARNING on standard error, one line each."""
    logger = logging.getLogger("emotrace")
    if not any(isinstance(handler, _MessageHandler) for handler in logger.handlers):
        logger.addHandler(_MessageHandler(logging.WARNING))


class _MessageHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print_message(self.format(record))
