"""Standard input in place of files: `-`. What becomes known is told while it comes in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from emotrace.audio.raw import Encoding, Raw
from emotrace.cli.output import DONE, INTERRUPTED, SOME_FAILED, print_stderr
from emotrace.errors import AudioError, EmotraceError
from emotrace.system.interrupts import GracefulInterrupt

if TYPE_CHECKING:
    from emotrace.inference.recogniser import Recogniser
    from emotrace.inference.result import Result
    from emotrace.timeline import SpanEvent

PIPE = Path("-")

RawRate = Annotated[
    int | None,
    Parameter(
        name="--raw-rate",
        validator=validators.Number(gte=1_000),
        help="Standard input holds mono samples without a header, so many a second.",
    ),
]
RawFormat = Annotated[Encoding, Parameter(name="--raw-format", help="What these samples are, little-endian.")]


def refuse_a_pipe_beside_files(audio: Sequence[Path], raw_rate: int | None, other: str | None = None) -> None:
    """Say what does not go together: `-` and files, `-` and the option `other`, `--raw-rate` and files."""
    if PIPE not in audio and raw_rate is not None:
        raise EmotraceError(f"--raw-rate is for standard input: found {audio[0]}, expected -")
    if PIPE in audio and len(audio) > 1:
        raise EmotraceError(f"- is standard input and goes alone, found {len(audio)} inputs")
    if PIPE in audio and other is not None:
        raise EmotraceError(f"- is standard input and does not go with {other}")


def recognise_standard_input(
    recogniser: Recogniser,
    raw_rate: int | None,
    raw_format: Encoding,
    formatted: Callable[[Iterator[Result]], Iterable[str]],
    event_text: Callable[[SpanEvent], str] | None = None,
) -> int:
    """Recognise what comes in and write what comes of it; an interrupt ends the recording there.

    Args:
        recogniser: the model
        raw_rate: samples a second of samples without a header, None for WAV
        raw_format: what these are
        written: the result as text, once all came
        told: an event as text, as soon as it is known
    """
    from emotrace.audio.standard_input import open_standard_input

    code = DONE

    def write(pieces: Iterable[str]) -> None:
        for piece in pieces:
            sys.stdout.write(piece)
        sys.stdout.flush()

    def write_events(events: Sequence[SpanEvent]) -> None:
        if event_text is not None and events:
            write(event_text(event) for event in events)

    blocks = GracefulInterrupt()
    try:
        with blocks:
            raw = None if raw_rate is None else Raw(raw_rate, raw_format)
            sound = open_standard_input(sys.stdin.buffer, raw)
            stream = recogniser.stream(sound.rate_hz, sound.name)
            for block in blocks.iterate(sound.blocks):
                write_events(stream.push(block))
        write_events(stream.flush())
        write(formatted(iter([stream.result(sound.file, sound.warnings)])))
    except AudioError as error:
        if not blocks.interrupted:
            print_stderr(f"emotrace: {error}")
        code = SOME_FAILED
    if blocks.interrupted:
        print_stderr("emotrace: interrupted")
        code = INTERRUPTED
    return code
