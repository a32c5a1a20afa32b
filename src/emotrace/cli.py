"""The command line: verbs that read audio here, the others named here and imported when they are called."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, TypeVar

from cyclopts import App, CycloptsError, Parameter, validators
from cyclopts.types import PositiveInt

from emotrace.errors import EmotraceError

if TYPE_CHECKING:
    from emotrace.audio import Audio
    from emotrace.model_folder import ModelConfig
    from emotrace.recogniser import Evidence, Recogniser
    from emotrace.result import Result

T = TypeVar("T")

DONE, SOME_FAILED, WRONG_CALL, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

Audio_ = Annotated[list[Path], Parameter(name="AUDIO", negative=())]
Model = Annotated[Path | None, Parameter(name="--model")]
Probability = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))]


def _version() -> str:
    import emotrace

    return str(emotrace.__version__)


app = App(
    name="emotrace",
    help="Tell which emotion speech carries, and where in time it shows.",
    version=_version,
    result_action="return_value",
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
)


app.command("emotrace.cli_corpora:corpus", name="corpus", help="Check a corpus as it lies on disk.")
for _verb, _does in {
    "train": "Train a model on a corpus.",
    "crossval": "Run a corpus's protocol, speakers apart.",
    "evaluate": "Measure a model on a corpus.",
    "export": "Write the model folder of a run.",
    "demo": "The main job on a built-in synthetic corpus, in minutes.",
}.items():
    app.command(f"emotrace.cli_training:{_verb}", name=_verb, help=_does)
for _verb, _does in {
    "table": "Several systems through a corpus's protocol, beside the paper's Table 5.",
    "compare": "Runs on the same utterances side by side.",
}.items():
    app.command(f"emotrace.cli_tables:{_verb}", name=_verb, help=_does)


@app.command
def predict(
    audio: Audio_,
    /,
    *,
    model: Model = None,
    kind: Annotated[Literal["text", "json", "jsonl", "csv"], Parameter(name="--format")] = "text",
    top_k: PositiveInt | None = None,
    abstain_below: Probability | None = None,
    jobs: PositiveInt = 1,
) -> int:
    """Name the emotion of each recording.

    Parameters
    ----------
    audio
        Audio files, and folders, which are searched for them.
    model
        Folder of the model.
    kind
        How to write the results.
    top_k
        Write only the K best scores.
    abstain_below
        Give no label where the best score is below this probability.
    jobs
        How many files to work on at a time.
    """
    from emotrace.formats import csv_text, json_text, text

    recogniser = _load(model, jobs)

    def work(path: Path) -> "Result":
        result = recogniser(path)
        return result if abstain_below is None else result.abstaining_below(abstain_below)

    def written(results: Iterator["Result"]) -> Iterator[str]:
        if kind == "json":
            yield from json_text.listed(results, top_k)
        elif kind == "csv":
            yield from csv_text.predictions(results, recogniser.labels, top_k)
        elif kind == "jsonl":
            yield from (json_text.line(result, top_k) + "\n" for result in results)
        else:
            yield from (text.prediction(result, top_k) + "\n" for result in _with_warnings(results))

    return _answer(audio, work, jobs, written)


@app.command
def trace(
    audio: Audio_,
    /,
    *,
    model: Model = None,
    kind: Annotated[Literal["text", "json", "csv", "png"], Parameter(name="--format")] = "text",
    output: Path | None = None,
    jobs: PositiveInt = 1,
) -> int:
    """Show where in time the emotion of each recording is.

    Parameters
    ----------
    audio
        Audio files, and folders, which are searched for them.
    model
        Folder of the model.
    kind
        How to write the timelines; png needs --output.
    output
        Folder for one file per recording; without it, all goes to standard output.
    jobs
        How many files to work on at a time.
    """
    from emotrace.formats import csv_text, json_text, text

    if output is None and kind == "png":
        raise EmotraceError("--format png writes files: name a folder for them with --output DIR")
    if output is not None:
        return _trace_to_files(audio, model, kind, output, jobs)

    def written(results: Iterator["Result"]) -> Iterator[str]:
        if kind == "json":
            yield from json_text.listed(results)
        elif kind == "csv":
            yield from csv_text.spans(_with_warnings(results))
        else:
            yield from (text.timeline(result) + "\n" for result in _with_warnings(results))

    return _answer(audio, _load(model, jobs), jobs, written)


@app.command
def info(*, model: Model = None) -> int:
    """Say what a model is: labels, rate, system, training data, protocol and measured accuracy.

    Parameters
    ----------
    model
        Folder of the model.
    """
    facts = _facts(_load(model, jobs=1).config)
    width = max(len(name) for name, _ in facts)
    sys.stdout.write("".join(f"{name:{width}}  {value}\n" for name, value in facts))
    return DONE


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 all done, 1 some input failed, 2 the call was wrong."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # file names may hold bytes that are no text
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(tokens)
        sys.stdout.flush()
    except (EmotraceError, CycloptsError) as error:
        _say(f"emotrace: {error}")
        code = WRONG_CALL
    except BrokenPipeError:
        # Whoever read has gone; the interpreter must not try to flush once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except OSError as error:  # a full disk, a folder that may not be written
        _say(f"emotrace: {error.filename or 'writing failed'}: {error.strerror or error}")
        code = WRONG_CALL
    except KeyboardInterrupt:
        _say("emotrace: interrupted")
        code = INTERRUPTED
    sys.exit(code)


def _facts(config: "ModelConfig") -> list[tuple[str, str]]:
    """What a model says of itself, by name."""
    seconds = [samples / config.sampling_rate for samples in (config.minimum_samples, config.window_samples)]
    per_frame = config.output == "log_posteriors"
    facts = [
        ("model", f"{config.name}, version {config.version}"),
        ("system", config.system),
        ("emotions", ", ".join(config.labels)),
        ("rate", f"{config.sampling_rate} Hz, mono"),
        ("length", f"at least {seconds[0]:.3f} s; in windows of {seconds[1]:.2f} s where longer"),
        ("timeline", f"every {1000 * (config.frame_step_s or 0):.0f} ms" if per_frame else "of short clips"),
        ("trained on", config.corpus or "not stated"),
        ("protocol", config.protocol or "not stated"),
    ]
    for name, figure in config.figures.items():
        interval = "" if figure.interval is None else " (95 %: {:.3f} to {:.3f})".format(*figure.interval)
        facts.append((name, f"{figure.value:.3f}{interval}"))
    return facts if config.figures else [*facts, ("accuracy", "not measured")]


def _load(model: Path | None, jobs: int) -> "Recogniser":
    from emotrace.recogniser import load

    return load(model, threads=1 if jobs > 1 else None)


def _answer(
    audio: Sequence[Path],
    work: Callable[[Path], T],
    jobs: int,
    written: Callable[[Iterator[T]], Iterable[str]],
) -> int:
    """Work on each input and write what comes of it; name each failure on stderr and go on."""
    from emotrace.batch import for_each

    code = DONE

    def succeeded() -> Iterator[T]:
        nonlocal code
        try:
            for outcome in for_each(audio, work, jobs):
                if outcome.error is not None:
                    _say(f"emotrace: {outcome.error}")
                    code = SOME_FAILED
                elif outcome.value is not None:
                    yield outcome.value
        except KeyboardInterrupt:
            code = INTERRUPTED

    for piece in written(succeeded()):
        sys.stdout.write(piece)
        sys.stdout.flush()
    return code


def _trace_to_files(audio: Sequence[Path], model: Path | None, kind: str, output: Path, jobs: int) -> int:
    """One file for each recording, and its name on standard output."""
    from emotrace.batch import FreeNames
    from emotrace.files import write_bytes
    from emotrace.formats import csv_text, json_text, png, text

    if kind == "png":
        png.require_matplotlib()
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmotraceError(f"--output {output} cannot be a folder: {error.strerror}") from None
    recogniser = _load(model, jobs)
    names = FreeNames(output, ".txt" if kind == "text" else f".{kind}")

    def work(path: Path) -> "tuple[Audio, Result, Evidence | None]":
        heard = recogniser.read(path)
        evidence = None if heard.silent else recogniser.evidence(heard)
        result = (
            recogniser.from_audio(heard) if evidence is None else recogniser.from_evidence(evidence, heard)
        )
        return heard, result, evidence

    def content(heard: "Audio", result: "Result", evidence: "Evidence | None") -> bytes:
        if kind == "png":
            posteriors = (None, None) if evidence is None else (evidence.log_posteriors, evidence.times_s)
            return png.picture(heard, result, recogniser.labels, *posteriors)
        if kind == "csv":
            return "".join(csv_text.spans([result])).encode()
        return ((json_text.line(result) if kind == "json" else text.timeline(result)) + "\n").encode()

    def written(traced: "Iterator[tuple[Audio, Result, Evidence | None]]") -> Iterator[str]:
        for heard, result, evidence in traced:
            _warn_of(result)
            path = names.of(result.file or "audio")
            try:
                write_bytes(path, content(heard, result, evidence))
            except OSError as error:
                raise EmotraceError(f"{path} cannot be written: {error.strerror}") from None
            yield f"{path}\n"

    return _answer(audio, work, jobs, written)


def _with_warnings(results: Iterator["Result"]) -> Iterator["Result"]:
    """The same results, their warnings said on stderr, for formats that have no place for them."""
    for result in results:
        _warn_of(result)
        yield result


def _warn_of(result: "Result") -> None:
    for warning in result.warnings:
        _say(f"emotrace: {result.file}: warning: {warning}")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
