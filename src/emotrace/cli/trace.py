"""The verb that shows where in time the emotion of recordings is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from emotrace.audio.raw import Encoding
from emotrace.cli.output import Inputs, Jobs, Model, load, print_warnings, run_on_inputs, with_warnings
from emotrace.cli.standard_input import (
    PIPE,
    RawFormat,
    RawRate,
    recognise_standard_input,
    refuse_a_pipe_beside_files,
)
from emotrace.errors import AudioError, EmotraceError

if TYPE_CHECKING:
    from emotrace.audio.reading import Audio
    from emotrace.inference.frame_scores import FrameScores
    from emotrace.inference.recogniser import Recogniser
    from emotrace.inference.result import Result

Kind = Literal["text", "json", "csv", "textgrid", "rttm", "eaf", "vtt", "audacity", "png"]
_OF_ONE_RECORDING = ("textgrid", "eaf", "vtt", "audacity")  # files in these formats cannot tell of two
_ENDINGS = {"text": ".txt", "textgrid": ".TextGrid", "audacity": ".txt"}


def trace(
    audio: Inputs,
    /,
    *,
    model: Model = None,
    output_format: Annotated[Kind, Parameter(name="--format")] = "text",
    output: Path | None = None,
    jobs: Jobs = 1,
    raw_rate: RawRate = None,
    raw_format: RawFormat = "int16",
) -> int:
    """Show where in time the emotion of each recording is.

    Parameters
    ----------
    audio
        Audio files, and folders, which are searched for them; - is standard input, whose spans are written
        as they close.
    kind
        How to write the timelines; png needs --output, and so do textgrid, eaf, vtt and audacity for more
        than one recording.
    output
        Folder for one file per recording; without it, all goes to standard output.
    """
    refuse_a_pipe_beside_files(audio, raw_rate, None if output is None else "--output")
    if output is not None:
        return _trace_to_files(audio, model, output_format, output, jobs)
    if output_format == "png":
        raise EmotraceError("--format png writes files: name a folder for them with --output DIR")
    if output_format in _OF_ONE_RECORDING and _are_several(audio):
        raise EmotraceError(
            f"--format {output_format} writes a file for each recording, and there are several: "
            "name a folder for them with --output DIR"
        )
    document = _document(output_format)

    def formatted(results: Iterator[Result]) -> Iterator[str]:
        from emotrace.annotations import csv_text, json_text

        if output_format == "json":
            yield from json_text.listed(results)
        elif output_format == "csv":
            yield from csv_text.spans(with_warnings(results))
        else:
            yield from map(document, with_warnings(results))

    recogniser = load(model, jobs)
    if PIPE in audio and output_format == "text":
        return _tell_of_pipe(recogniser, raw_rate, raw_format)
    if PIPE in audio:
        return recognise_standard_input(recogniser, raw_rate, raw_format, formatted)
    return run_on_inputs(audio, lambda path: [recogniser(path)], jobs, formatted, recogniser.stop)


def _tell_of_pipe(recogniser: Recogniser, raw_rate: int | None, raw_format: Encoding) -> int:
    """Spans as they close, and in the end what all of it is."""
    from emotrace.annotations import text

    width = max(map(len, recogniser.labels))
    return recognise_standard_input(
        recogniser,
        raw_rate,
        raw_format,
        formatted=lambda results: (text.heading(result) + "\n" for result in with_warnings(results)),
        event_text=lambda event: text.span(event.span, width) + "\n" if event.kind == "closed" else "",
    )


def _document(output_format: Kind) -> Callable[[Result], str]:
    """What writes one recording's timeline as a whole file."""
    from emotrace.annotations import audacity, csv_text, eaf, json_text, rttm, text, textgrid, vtt

    writers: dict[str, Callable[[Result], str]] = {
        "text": lambda result: text.timeline(result) + "\n",
        "json": lambda result: json_text.line(result) + "\n",
        "csv": lambda result: "".join(csv_text.spans([result])),
        "textgrid": textgrid.timeline,
        "rttm": rttm.timeline,
        "eaf": eaf.timeline,
        "vtt": vtt.timeline,
        "audacity": audacity.timeline,
    }
    return writers[output_format]


def _are_several(audio: Sequence[Path]) -> bool:
    from emotrace.inference.batch import find_audio

    count = 0
    for path in audio:
        try:
            count += len(find_audio(path))
        except AudioError:  # said when its turn comes
            continue
    return count > 1


def _trace_to_files(
    audio: Sequence[Path], model: Path | None, output_format: Kind, output: Path, jobs: int
) -> int:
    """One file for each recording, and its name on standard output."""
    from emotrace.annotations import plot as png
    from emotrace.inference.batch import UniqueFileNames
    from emotrace.system.files import write_bytes

    if output_format == "png":
        png.require_matplotlib()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmotraceError(f"--output {output} cannot be a folder: {error.strerror}") from None
    recogniser = load(model, jobs)
    names = UniqueFileNames(output, _ENDINGS.get(output_format, f".{output_format}"))

    def work(path: Path) -> list[tuple[Result, Audio | None, FrameScores | None]]:
        if output_format != "png":  # no other format needs the audio, which may be long
            return [(recogniser(path), None, None)]
        audio_data = recogniser.read(path)
        frame_scores = None if audio_data.silent else recogniser.frame_scores(audio_data)
        result = (
            recogniser.recognise_audio(audio_data)
            if frame_scores is None
            else recogniser.result_from_frame_scores(frame_scores, audio_data)
        )
        return [(result, audio_data, frame_scores)]

    def content(result: Result, audio_data: Audio | None, frame_scores: FrameScores | None) -> bytes:
        if audio_data is not None:
            posteriors = (
                (None, None) if frame_scores is None else (frame_scores.log_posteriors, frame_scores.times_s)
            )
            return png.timeline_png(audio_data, result, recogniser.labels, *posteriors)
        return _document(output_format)(result).encode(
            errors="backslashreplace"
        )  # names may hold what is no text

    def formatted(traced: Iterator[tuple[Result, Audio | None, FrameScores | None]]) -> Iterator[str]:
        for result, audio_data, frame_scores in traced:
            print_warnings(result)
            path = names.path_for(result.file or "audio")
            try:
                write_bytes(path, content(result, audio_data, frame_scores))
            except OSError as error:
                raise EmotraceError(f"{path} cannot be written: {error.strerror}") from None
            yield f"{path}\n"

    return run_on_inputs(audio, work, jobs, formatted, recogniser.stop)
