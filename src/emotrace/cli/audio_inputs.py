"""Work on the audio files of a call: in parallel, in order, and with one message for each failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from emotrace.cli.output import DONE, INTERRUPTED, SOME_FAILED, print_message, write_document
from emotrace.errors import AudioError, EmotraceError
from emotrace.system.interrupts import GracefulInterrupt
from emotrace.system.native_messages import native_messages_discarded

if TYPE_CHECKING:
    from emotrace.inference.recogniser import Recogniser

T = TypeVar("T")


def find_recordings(audio: Sequence[Path]) -> list[Path]:
    """All audio files of the inputs. Inputs without audio are omitted; `run_on_inputs` reports them."""
    from emotrace.inference.batch import find_audio

    recordings: list[Path] = []
    for path in audio:
        try:
            recordings += [file for file in find_audio(path) if isinstance(file, Path)]
        except AudioError:
            continue
    return recordings


def load_for_jobs(model: Path | None, threads: int | None, jobs: int) -> Recogniser:
    """Load a model; for several jobs, each of which loads its network, only what this process needs of it."""
    if jobs > 1:
        from emotrace.inference.worker_pool import start_server

        start_server()  # first, so that it imports at the same time as this process
    from emotrace.inference.recogniser import load

    return load(model, threads, start=jobs == 1)


def run_on_inputs(
    audio: Sequence[Path],
    work: Callable[[Path], Sequence[T | EmotraceError]],
    jobs: int,
    write: Callable[[Iterator[T]], Iterable[str]],
    stop: Callable[[], None] = lambda: None,
    exclude: Sequence[str] = (),
) -> int:
    """Process each audio file, write the outcomes in order, and report each failure on standard error.

    Args:
        audio: files and folders
        work: computes the outcomes of one file; picklable if there are several jobs
        jobs: number of files that are processed at once, in as many processes
        write: formats the outcomes as text, piece by piece
        stop: ends the work of other threads after an interrupt
        exclude: patterns of files to leave out

    Returns:
        the exit code
    """
    from emotrace.inference.batch import describe_left_out, for_each

    code, interrupt, left_out = DONE, GracefulInterrupt(), Counter[str]()

    def succeeded() -> Iterator[T]:
        nonlocal code
        outcomes = for_each(audio, work, jobs, stop, left_out, exclude)
        with interrupt, closing(outcomes):
            for outcome in interrupt.iterate(outcomes):
                for value in (outcome.error,) if outcome.value is None else outcome.value:
                    if isinstance(value, EmotraceError):
                        print_message(str(value))
                        code = SOME_FAILED
                    elif value is not None:
                        yield value

    with native_messages_discarded():
        write_document(write(succeeded()))
    if interrupt.interrupted:
        print_message("interrupted")
        return INTERRUPTED
    if summary := describe_left_out(left_out):
        print_message(summary)
    return code
