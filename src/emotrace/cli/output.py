"""What the verbs that read audio share: how they take inputs, and how they answer each of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import Parameter, Token
from cyclopts.types import PositiveInt

from emotrace.annotations.text import one_line
from emotrace.errors import EmotraceError
from emotrace.system.interrupts import GracefulInterrupt

if TYPE_CHECKING:
    from emotrace.inference.recogniser import Recogniser
    from emotrace.inference.result import Result
    from emotrace.warning import RecognitionWarning

T = TypeVar("T")

DONE, SOME_FAILED, WRONG_CALL, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141


def _paths(_: object, tokens: Sequence[Token]) -> list[Path]:
    for given in (token.value for token in tokens):  # as typed: a Path forgets the ./
        if given.startswith("-") and given != "-":
            raise EmotraceError(
                f"found no option {given}; see --help, and call a file of that name ./{given}"
            )
    return [Path(token.value) for token in tokens]


Inputs = Annotated[
    list[Path],
    Parameter(name="AUDIO", negative=(), allow_leading_hyphen=True, converter=_paths),  # for `-` alone
]
Model = Annotated[
    Path | None, Parameter(name="--model", help="Folder of the model; by default the one that ships.")
]
Jobs = Annotated[PositiveInt, Parameter(help="How many files to work on at a time.")]


def load(model: Path | None, jobs: int) -> Recogniser:
    """The model of a folder; jobs side by side take one thread each."""
    from emotrace.inference.recogniser import load

    return load(model, threads=1 if jobs > 1 else None)


def run_on_inputs(
    audio: Sequence[Path],
    work: Callable[[Path], Sequence[T | EmotraceError]],
    jobs: int,
    formatted: Callable[[Iterator[T]], Iterable[str]],
    stop: Callable[[], None] = lambda: None,
) -> int:
    """Work on each input and write all that comes of it; name each failure on stderr and go on.

    An interrupt calls `stop`, which ends what other threads have under way.
    """
    from emotrace.inference.batch import for_each

    code, interrupt = DONE, GracefulInterrupt()

    def succeeded() -> Iterator[T]:
        nonlocal code
        outcomes = for_each(audio, work, jobs, stop)
        with interrupt, closing(outcomes):
            for outcome in interrupt.iterate(outcomes):
                for one in (outcome.error,) if outcome.value is None else outcome.value:
                    if isinstance(one, EmotraceError):
                        print_stderr(f"emotrace: {one}")
                        code = SOME_FAILED
                    elif one is not None:
                        yield one

    for piece in formatted(succeeded()):
        sys.stdout.write(piece)
        sys.stdout.flush()
    return INTERRUPTED if interrupt.interrupted else code


def with_warnings(results: Iterator[Result]) -> Iterator[Result]:
    """The same results, their warnings said on stderr, for formats that have no place for them.

    What is said of a file is said once, however many segments of it there are.
    """
    file: str | None = None
    already_printed: set[RecognitionWarning] = set()
    for result in results:
        file, already_printed = (
            result.file,
            already_printed if result.file == file and result.segment else set(),
        )
        print_warnings(result, already_printed)
        already_printed |= set(result.warnings)
        yield result


def print_warnings(result: Result, already_printed: Collection[RecognitionWarning] = ()) -> None:
    """Say a result's warnings on stderr, but those said already."""
    for warning in result.warnings:
        if warning not in already_printed:
            print_stderr(f"emotrace: {result.file}: warning: {warning}")


def print_stderr(line: str) -> None:
    """Say one line on stderr; what would break it, as names of files may, is escaped."""
    sys.stderr.write(one_line(line) + "\n")
    sys.stderr.flush()
