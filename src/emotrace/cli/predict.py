"""The verb that names the emotion of recordings, or of segments of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators
from cyclopts.types import PositiveInt

from emotrace.cli.output import (
    DONE,
    SOME_FAILED,
    Inputs,
    Jobs,
    Model,
    load,
    print_stderr,
    run_on_inputs,
    with_warnings,
)
from emotrace.cli.standard_input import (
    PIPE,
    RawFormat,
    RawRate,
    recognise_standard_input,
    refuse_a_pipe_beside_files,
)
from emotrace.errors import AudioError, EmotraceError, SegmentError

if TYPE_CHECKING:
    from emotrace.annotations.matching import Matched
    from emotrace.inference.recogniser import Recogniser
    from emotrace.inference.result import Result

Probability = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))]


def predict(
    audio: Inputs,
    /,
    *,
    model: Model = None,
    output_format: Annotated[Literal["text", "json", "jsonl", "csv"], Parameter(name="--format")] = "text",
    top_k: PositiveInt | None = None,
    segments: Path | None = None,
    abstain_below: Probability | None = None,
    jobs: Jobs = 1,
    raw_rate: RawRate = None,
    raw_format: RawFormat = "int16",
) -> int:
    """Name the emotion of each recording.

    Parameters
    ----------
    audio
        Audio files, and folders, which are searched for them; - is standard input.
    kind
        How to write the results.
    top_k
        Write only the K best scores.
    segments
        A CSV, SRT, TextGrid or RTTM file: name the emotion of each of its segments.
    abstain_below
        Give no label where the best score is below this probability.
    """
    from emotrace.annotations import csv_text, json_text, text

    refuse_a_pipe_beside_files(audio, raw_rate, None if segments is None else "--segments")
    matched = None if segments is None else _matched(segments, audio)
    recogniser = load(model, jobs)
    recognise = _recognise(recogniser, segments, matched)

    def work(path: Path) -> list[Result | EmotraceError]:
        return [
            one.abstaining_below(abstain_below or 0) if not isinstance(one, EmotraceError) else one
            for one in recognise(path)
        ]

    def formatted(results: Iterator[Result]) -> Iterator[str]:
        if output_format == "json":
            yield from json_text.listed(results, top_k)
        elif output_format == "csv":
            yield from csv_text.predictions(results, recogniser.labels, top_k, segments=matched is not None)
        elif output_format == "jsonl":
            yield from (json_text.line(result, top_k) + "\n" for result in results)
        else:
            yield from (text.prediction(result, top_k) + "\n" for result in with_warnings(results))

    if PIPE in audio:
        return recognise_standard_input(
            recogniser,
            raw_rate,
            raw_format,
            lambda results: formatted(result.abstaining_below(abstain_below or 0) for result in results),
        )
    strays = matched.errors if matched is not None else []
    for error in strays:
        print_stderr(f"emotrace: {error}")
    return max(SOME_FAILED if strays else DONE, run_on_inputs(audio, work, jobs, formatted, recogniser.stop))


def _matched(source: Path, audio: Sequence[Path]) -> Matched:
    """The segments of a file, and of which recording each is."""
    from emotrace.annotations.matching import match
    from emotrace.annotations.reading import read_segments
    from emotrace.inference.batch import find_audio

    recordings: list[Path] = []
    for path in audio:
        try:
            recordings += find_audio(path)
        except AudioError:  # said when its turn comes
            continue
    return match(read_segments(source), recordings, source)


def _recognise(
    recogniser: Recogniser, source: Path | None, matched: Matched | None
) -> Callable[[Path], Sequence[Result | EmotraceError]]:
    """What to do with a recording: recognise all of it, or its segments."""
    if source is None or matched is None:
        return lambda path: [recogniser(path)]

    def recognise(path: Path) -> Sequence[Result | EmotraceError]:
        from emotrace.inference.segments import recognise_segments

        if path not in matched.of:
            raise SegmentError(f"{path}: found no segment of it in {source}; give one, or leave it out")
        return recognise_segments(recogniser, path, matched.of[path], source)

    return recognise
