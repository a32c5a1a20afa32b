"""`emotrace trace`: timelines of the emotion in recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from emotrace.annotations.registry import FORMATS, Format, find_format, import_function
from emotrace.cli.audio_inputs import find_recordings, load_for_jobs, run_on_inputs
from emotrace.cli.options import Inputs, Jobs, Model, Threads
from emotrace.cli.output import DONE, SOME_FAILED, print_message, print_warnings, with_warnings
from emotrace.cli.standard_input import (
    PIPE,
    RawChannels,
    RawFormat,
    RawRate,
    check_standard_input,
    raw_input,
    recognise_standard_input,
)
from emotrace.errors import EmotraceError
from emotrace.system.escaping import escape_control_characters

if TYPE_CHECKING:
    from emotrace.annotations.recording_summary import RecordingSummary
    from emotrace.inference.frame_scores import FrameScores
    from emotrace.inference.recogniser import Recogniser
    from emotrace.inference.result import Result

    TimelineFormat = str
else:
    TimelineFormat = Literal[tuple(entry.name for entry in FORMATS if entry.timeline)]

_ONE_RECORDING = [e.name for e in FORMATS if e.timeline and not e.many_recordings and not e.needs_audio]
_PICTURES = [e.name for e in FORMATS if e.timeline and e.needs_audio]
_ESCAPED = "backslashreplace"  # file names may contain bytes that are not valid UTF-8
_FORMAT_HELP = (
    f"Format of the timelines. {', '.join(_PICTURES)} needs --output; {', '.join(_ONE_RECORDING)} need it "
    "for several recordings."
)


def trace(
    audio: Inputs,
    /,
    *,
    model: Model = None,
    output_format: Annotated[TimelineFormat, Parameter(name="--format", help=_FORMAT_HELP)] = "text",
    output: Path | None = None,
    frames: Annotated[bool, Parameter(negative=())] = False,
    live: Annotated[bool, Parameter(negative=())] = False,
    jobs: Jobs = 1,
    threads: Threads = None,
    raw_rate: RawRate = None,
    raw_format: RawFormat = "int16",
    raw_channels: RawChannels = 1,
) -> int:
    """Show when each emotion occurs in each recording.

    Parameters
    ----------
    output
        Folder for one file per recording. By default, all timelines go to standard output; those of standard
        input are written span by span. Files that exist stay as they are: the next free name is used.
    frames
        Write the scores over time instead of the spans, one row per frame. Needs --format csv.
    live
        Of standard input, also print what may still change: the latest span, marked as provisional, at least
        once a second. Needs --format text.
    """
    if frames and output_format != "csv":
        raise EmotraceError(f"--frames writes a table: found --format {output_format}, expected --format csv")
    if live and (PIPE not in audio or output_format != "text"):
        raise EmotraceError("--live prints lines about standard input: expected - and --format text")
    raw = raw_input(raw_rate, raw_format, raw_channels)
    check_standard_input(audio, raw, "--frames" if frames else None if output is None else "--output")
    chosen_format = find_format(output_format)
    if chosen_format.requirement is not None:
        import_function(chosen_format.requirement)()
    if output is not None:
        return _trace_to_files(
            audio, lambda: load_for_jobs(model, threads, jobs), chosen_format, output, jobs, frames
        )
    if chosen_format.needs_audio:
        raise EmotraceError(
            f"--format {output_format} writes files: name a folder for them with --output DIR"
        )
    if not chosen_format.many_recordings and len(find_recordings(audio)) > 1:
        raise EmotraceError(
            f"--format {output_format} writes one file per recording, and there are several recordings: "
            "name a folder for the files with --output DIR"
        )

    def write(results: Iterator[Result]) -> Iterator[str]:
        if not chosen_format.warnings_in_timelines:
            results = with_warnings(results)
        if chosen_format.timelines is not None:
            yield from import_function(chosen_format.timelines)(results)
        elif chosen_format.timeline is not None:
            yield from map(import_function(chosen_format.timeline), results)

    recogniser = load_for_jobs(model, threads, 1 if PIPE in audio else jobs)
    if frames:
        return run_on_inputs(
            audio,
            partial(_trace_frames, recogniser),
            jobs,
            lambda outcomes: _frames_table(_with_warnings(outcomes), recogniser.labels),
            recogniser.stop,
        )
    if PIPE not in audio:
        return run_on_inputs(audio, partial(_recognise, recogniser), jobs, write, recogniser.stop)
    if chosen_format.live is None:
        return recognise_standard_input(recogniser, raw, write)
    writer = import_function(chosen_format.live)(recogniser.labels)
    return recognise_standard_input(
        recogniser,
        raw,
        write=lambda results: map(writer.format_end, with_warnings(results)),
        format_span=writer.format_span,
        format_provisional=writer.format_provisional if live else None,
    )


@dataclass(frozen=True)
class _Traced:
    """A result, and what else the format needs."""

    result: Result
    summary: RecordingSummary | None = None
    frame_scores: FrameScores | None = None


def _with_warnings(outcomes: Iterator[_Traced]) -> Iterator[_Traced]:
    for traced in outcomes:
        print_warnings(traced.result)
        yield traced


def _trace_to_files(
    audio: list[Path],
    load: Callable[[], Recogniser],
    chosen_format: Format,
    output: Path,
    jobs: int,
    frames: bool,
) -> int:
    """Write one file for each recording, and print its name."""
    from emotrace.inference.batch import UniqueFileNames
    from emotrace.system.files import create_bytes

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmotraceError(f"--output {output} cannot be a folder: {error.strerror}") from None
    recogniser = load()
    names = UniqueFileNames(output, ".frames.csv" if frames else chosen_format.suffix)
    code = DONE

    if frames:
        work = partial(_trace_frames, recogniser)
    else:
        work = partial(_trace_with_summary if chosen_format.needs_audio else _trace, recogniser)

    def write(outcomes: Iterator[_Traced]) -> Iterator[str]:
        nonlocal code
        for traced in outcomes:
            print_warnings(traced.result)
            if frames:
                content = "".join(_frames_table(iter([traced]), recogniser.labels)).encode(errors=_ESCAPED)
            else:
                content = _content(traced, chosen_format, recogniser.labels, output)
            path = names.path_for(traced.result.file or "audio")
            try:
                while not create_bytes(path, content):
                    path = names.path_for(traced.result.file or "audio")
            except OSError as error:
                print_message(
                    f"{traced.result.file}: its {path} cannot be written ({error.strerror}); make room, or "
                    "shorten or change the name"
                )
                code = SOME_FAILED
                continue
            yield escape_control_characters(str(path)) + "\n"

    return max(run_on_inputs(audio, work, jobs, write, recogniser.stop), code)


def _recognise(recogniser: Recogniser, path: Path) -> list[Result]:
    return [recogniser(path)]


def _trace(recogniser: Recogniser, path: Path) -> list[_Traced]:
    return [_Traced(recogniser(path))]


def _trace_with_summary(recogniser: Recogniser, path: Path) -> list[_Traced]:
    from emotrace.annotations.recording_summary import RecordingSummary

    summary = RecordingSummary(recogniser.config.sampling_rate)
    return [_Traced(recogniser(path, summary), summary)]


def _trace_frames(recogniser: Recogniser, path: Path) -> list[_Traced]:
    from emotrace.inference.frame_scores import FrameCollector

    collector = FrameCollector()
    result = recogniser(path, collector)
    frame_scores = None if result.scores is None else collector.frame_scores(result)
    return [_Traced(result, frame_scores=frame_scores)]


def _frames_table(outcomes: Iterator[_Traced], labels: tuple[str, ...]) -> Iterator[str]:
    """Scores over time as a table."""
    from emotrace.annotations.formats.csv_table import format_frame_header, format_frames

    yield format_frame_header(labels)
    for traced in outcomes:
        yield from format_frames(traced.result, traced.frame_scores)


def _content(traced: _Traced, chosen_format: Format, labels: tuple[str, ...], folder: Path) -> bytes:
    """The bytes of one recording's file, which will be in `folder`."""
    assert chosen_format.timeline is not None
    format_timeline = import_function(chosen_format.timeline)
    if chosen_format.needs_audio:
        picture: bytes = format_timeline(traced.result, traced.summary, labels)
        return picture
    folders = (folder,) if chosen_format.refers_to_recording else ()
    text: str = format_timeline(traced.result, *folders)
    return text.encode(errors=_ESCAPED)
