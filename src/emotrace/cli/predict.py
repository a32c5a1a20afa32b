"""`emotrace predict`: the emotion of recordings, or of their segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators
from cyclopts.types import PositiveInt

from emotrace.annotations.prediction_options import PredictionOptions
from emotrace.annotations.registry import FORMATS, find_format, import_function
from emotrace.cli.audio_inputs import find_recordings, load_for_jobs, run_on_inputs
from emotrace.cli.options import NO_INPUTS, Engine, Inputs, Jobs, Model, Threads, parse_names
from emotrace.cli.output import DONE, SOME_FAILED, print_message, with_warnings, write_file
from emotrace.cli.standard_input import (
    PIPE,
    RawChannels,
    RawFormat,
    RawRate,
    check_standard_input,
    raw_input,
    recognise_standard_input,
)
from emotrace.errors import EmotraceError, SegmentError

if TYPE_CHECKING:
    from emotrace.annotations.matching import SegmentMatches
    from emotrace.inference.recogniser import Recogniser
    from emotrace.inference.result import Result

    PredictionFormat = str
else:
    PredictionFormat = Literal[tuple(entry.name for entry in FORMATS if entry.predictions)]

Exclude = Annotated[
    tuple[str, ...],
    Parameter(
        negative=(),
        help="Pattern of files to leave out, such as '\\*_noise.wav' or 'drafts/\\*', for their names or "
        "their paths in a folder. May be given several times.",  # the help is Markdown
    ),
]
Probability = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))]

_SEGMENT_SUFFIXES = ", ".join(entry.suffix for entry in FORMATS if entry.segments)
Segments = Annotated[
    Path | None,
    Parameter(help=f"File of segments ({_SEGMENT_SUFFIXES}). Each segment is recognised by itself."),
]
_TIERED = ", ".join(entry.suffix for entry in FORMATS if entry.has_tiers)
Tier = Annotated[
    str | None, Parameter(help=f"Tier of the segments ({_TIERED}). By default, the tiers of all speakers.")
]


def predict(
    audio: Inputs = NO_INPUTS,
    /,
    *,
    model: Model = None,
    output_format: Annotated[PredictionFormat | None, Parameter(name="--format")] = None,
    output: str | None = None,
    top_k: PositiveInt | None = None,
    emotions: str | None = None,
    segments: Segments = None,
    tier: Tier = None,
    channels: Literal["mix", "each"] = "mix",
    abstain_below: Probability = 0.0,
    exclude: Exclude = (),
    jobs: Jobs = 1,
    threads: Threads = None,
    raw_rate: RawRate = None,
    raw_format: RawFormat = "int16",
    raw_channels: RawChannels = 1,
    engine: Engine = "local",
    source: Annotated[str | None, Parameter(name="--input")] = None,
    timeout: Annotated[float | None, Parameter(validator=validators.Number(gt=0))] = None,
) -> int:
    """Recognise the emotion of each recording.

    Parameters
    ----------
    output_format
        Format of the results. By default, that of the suffix of --output, or text.
    output
        File for the results. By default, they go to standard output. The file is complete, or does not exist.
        With --engine ray: folder for the results, a path or URL, which the same call continues after a stop.
    top_k
        Number of scores to write for each recording, from the highest. By default, all scores.
    emotions
        Emotions that can occur, such as anger,neutral. The scores of the others are left out, and these are
        scaled to sum to 1. By default, all emotions of the model.
    channels
        mix: one result for the mean of all channels. each: a result for each channel by itself, such as each
        speaker of a call.
    abstain_below
        Probability from 0 to 1. Recordings whose best score is lower get no label.
    source
        For --engine ray, instead of AUDIO: a folder, a pattern such as 's3://calls/**/*.wav' (in quotes), or
        a CSV file with a column file. Paths, or URLs that fsspec knows.
    timeout
        For --engine ray: seconds that one file may take. By default, 600.
    """
    if engine == "ray":
        _check_bulk_options(audio, source, output)
        for option, given in {
            "--format": output_format, "--top-k": top_k, "--emotions": emotions, "--segments": segments,
            "--tier": tier, "--channels": channels == "each", "--abstain-below": abstain_below,
            "--exclude": exclude, "--jobs": jobs > 1, "--threads": threads, "--raw-rate": raw_rate,
            "--raw-format": raw_format != "int16", "--raw-channels": raw_channels != 1,
        }.items():  # fmt: skip
            if given:
                raise EmotraceError(f"{option} is not for --engine ray, which writes whole results; omit it")
        from emotrace.cli.bulk import predict_on_ray

        return predict_on_ray(str(source), str(output), model, timeout)
    if source is not None:
        raise EmotraceError("--input is for --engine ray; name the recordings without it, as AUDIO")
    if timeout is not None:
        raise EmotraceError("--timeout is for --engine ray; omit it, or add --engine ray")
    if not audio:
        raise EmotraceError("found no AUDIO, expected files or folders; see emotrace predict --help")
    output_file = None if output is None else Path(output)
    if output_file is not None:
        _check_output(output_file, [*audio, *([] if segments is None else [segments])])
    each_channel = channels == "each"
    if each_channel and segments is not None:
        raise EmotraceError("--channels each cannot be combined with --segments; omit one of them")
    raw = raw_input(raw_rate, raw_format, raw_channels)
    check_standard_input(audio, raw, "--exclude" if exclude else None if segments is None else "--segments")
    if tier is not None and segments is None:
        raise EmotraceError("--tier chooses a tier of a segment file: name the file with --segments FILE")
    matches = None if segments is None else _match_segments(segments, tier, audio)
    possible = None if emotions is None else parse_names(emotions, "--emotions")
    recogniser = load_for_jobs(model, threads, 1 if PIPE in audio else jobs)
    labels = recogniser.labels
    if possible is not None:
        from emotrace.inference.result import choose_labels

        labels = choose_labels(labels, possible)
    chosen_format = find_format(output_format or _format_of(output_file))
    options = PredictionOptions(labels, top_k, segments=matches is not None, channels=each_channel)
    restrict = partial(_restrict, possible=possible, abstain_below=abstain_below)

    def write(results: Iterator[Result]) -> Iterator[str]:
        assert chosen_format.predictions is not None
        if not chosen_format.warnings_in_predictions:
            results = with_warnings(results)
        pieces = import_function(chosen_format.predictions)(results, options)
        if output_file is None:
            yield from pieces
        else:
            write_file(pieces, output_file)

    if PIPE in audio:
        return recognise_standard_input(
            recogniser,
            raw,
            lambda results: write(map(restrict, results)),
            each_channel=each_channel,
        )
    errors = [] if matches is None else matches.errors
    for error in errors:
        print_message(error)
    work = partial(_recognise, recogniser, each_channel, segments, matches, restrict)
    code = run_on_inputs(audio, work, jobs, write, recogniser.stop, exclude)
    return max(SOME_FAILED if errors else DONE, code)


def _check_bulk_options(audio: Sequence[Path], source: str | None, output: str | None) -> None:
    """Refuse a bulk prediction without a list of inputs or a folder for results."""
    if audio:
        raise EmotraceError(f"--engine ray takes --input instead of AUDIO: found {audio[0]}; see --help")
    for option, value in (("--input FOLDER_PATTERN_OR_CSV", source), ("--output FOLDER", output)):
        if value is None:
            raise EmotraceError(f"--engine ray needs {option}; add it")


def _format_of(output: Path | None) -> str:
    """The format that the suffix of the output file names."""
    suffix = None if output is None else output.suffix.lower()
    return next((entry.name for entry in FORMATS if entry.predictions and entry.suffix == suffix), "text")


def _check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Refuse an output file that is a folder or one of the inputs."""
    if output.is_dir():
        raise EmotraceError(
            f"--output {output} is a folder, expected the name of a file, such as results.csv"
        )
    for path in (*inputs, *find_recordings([path for path in inputs if path != PIPE])):
        if output.exists() and path.exists() and output.samefile(path):
            raise EmotraceError(f"--output {output} is an input, which it would replace; give another name")


def _match_segments(source: Path, tier: str | None, audio: Sequence[Path]) -> SegmentMatches:
    """The segments of a file, by recording."""
    from emotrace.annotations.matching import match
    from emotrace.annotations.reading import read_segments

    return match(read_segments(source, tier), find_recordings(audio), source)


def _recognise(
    recogniser: Recogniser,
    each_channel: bool,
    source: Path | None,
    matches: SegmentMatches | None,
    restrict: Callable[[Result], Result],
    path: Path,
) -> list[Result | EmotraceError]:
    """Recognise a whole recording, each of its channels, or each of its segments."""
    outcomes: Sequence[Result | EmotraceError]
    if each_channel:
        outcomes = recogniser.recognise_channels(path)
    elif source is None or matches is None:
        outcomes = [recogniser(path)]
    else:
        from emotrace.inference.segments import recognise_segments

        if path not in matches.segments:
            raise SegmentError(f"{path}: found no segment of it in {source}; add one, or omit the recording")
        outcomes = recognise_segments(recogniser, path, matches.segments[path], source)
    return [outcome if isinstance(outcome, EmotraceError) else restrict(outcome) for outcome in outcomes]


def _restrict(result: Result, possible: Sequence[str] | None, abstain_below: float) -> Result:
    """A result among the possible emotions, without its label if its score is too low."""
    if possible is not None:
        result = result.among(possible)
    return result.abstaining_below(abstain_below)
