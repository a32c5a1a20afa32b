"""Recognition of standard input, `-`. Spans are printed as soon as they are final."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from emotrace.audio.raw import Encoding, Raw
from emotrace.cli.output import DONE, INTERRUPTED, SOME_FAILED, print_message, write_document
from emotrace.errors import AudioError, EmotraceError
from emotrace.system.interrupts import GracefulInterrupt

if TYPE_CHECKING:
    from emotrace.inference.recogniser import Recogniser
    from emotrace.inference.result import Result
    from emotrace.timeline import Provisional, Span, SpanEvent

PIPE = Path("-")
PROVISIONAL_S = 0.75  # of audio between provisional lines

RawRate = Annotated[
    int | None,
    Parameter(
        name="--raw-rate",
        validator=validators.Number(gte=1_000),
        help="Sample rate in Hz. Standard input then contains samples without a header.",
    ),
]
RawFormat = Annotated[
    Encoding, Parameter(name="--raw-format", help="Encoding of samples without a header, little-endian.")
]
RawChannels = Annotated[
    int,
    Parameter(
        name="--raw-channels",
        validator=validators.Number(gte=1, lte=1024),
        help="Number of interleaved channels of samples without a header.",
    ),
]


def raw_input(rate_hz: int | None, encoding: Encoding, channels: int) -> Raw | None:
    """The format of samples without a header; None for a WAV stream.

    Raises:
        EmotraceError: if a format is given without a rate
    """
    if rate_hz is None and (encoding, channels) != ("int16", 1):
        raise EmotraceError(
            "--raw-format and --raw-channels need --raw-rate HZ, the rate of the samples; add it"
        )
    return None if rate_hz is None else Raw(rate_hz, encoding, channels)


def check_standard_input(audio: Sequence[Path], raw: Raw | None, option: str | None = None) -> None:
    """Refuse combinations with standard input that have no meaning.

    Args:
        audio: the inputs
        raw: the format that --raw-rate and its companions give
        option: an option that was given and that works on files only

    Raises:
        EmotraceError: if `-` is combined with files or with `option`, or `--raw-rate` with files
    """
    if PIPE not in audio and raw is not None:
        raise EmotraceError(f"--raw-rate is for standard input: found {audio[0]}, expected -")
    if PIPE in audio and len(audio) > 1:
        raise EmotraceError(f"- is standard input and must be the only input; found {len(audio)} inputs")
    if PIPE in audio and option is not None:
        raise EmotraceError(f"- is standard input and cannot be combined with {option}; omit {option}")


def recognise_standard_input(
    recogniser: Recogniser,
    raw: Raw | None,
    write: Callable[[Iterator[Result]], Iterable[str]],
    format_span: Callable[[Span], str] | None = None,
    format_provisional: Callable[[Provisional], str] | None = None,
    each_channel: bool = False,
) -> int:
    """Recognise standard input until it ends. An interrupt ends it early and keeps the result so far.

    Args:
        recogniser: the model
        raw: format of samples without a header; None for WAV
        write: formats the result as text, piece by piece
        format_span: formats a span that has become final; None prints no spans before the end
        format_provisional: formats what may still change, every `PROVISIONAL_S` of audio; None prints none
        each_channel: whether to recognise each channel by itself

    Returns:
        the exit code
    """
    from emotrace.audio.standard_input import open_standard_input

    if sys.stdin is None:
        raise EmotraceError("found standard input closed, expected audio there; open it, as by - < a.wav")
    code = DONE

    def write_spans(events: Sequence[SpanEvent]) -> None:
        if format_span is not None:
            write_document(format_span(event.span) for event in events if event.kind == "closed")

    interrupt = GracefulInterrupt()
    try:
        with interrupt:
            audio = open_standard_input(sys.stdin.buffer, raw)
            if each_channel:
                audio.blocks = interrupt.iterate(audio.blocks)
                results = recogniser.recognise_channels(audio)
            else:
                stream = recogniser.stream(audio.rate_hz, audio.name)
                due_s = PROVISIONAL_S
                for block in interrupt.iterate(audio.blocks):
                    write_spans(stream.push(block))
                    if format_provisional is not None and stream.duration_s >= due_s:
                        due_s = stream.duration_s + PROVISIONAL_S
                        write_document([format_provisional(stream.provisional())])
        if not each_channel:
            write_spans(stream.flush())
            results = [stream.result(audio.file, audio.warnings)]
        write_document(write(iter(results)))
    except AudioError as error:
        if not interrupt.interrupted:
            print_message(str(error))
        code = SOME_FAILED
    if interrupt.interrupted:
        print_message("interrupted")
        code = INTERRUPTED
    return code
