"""The verb that shows where in time the emotion of recordings is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from emotrace.cli_answers import Inputs, Model, answer, load, warn_of, with_warnings
from emotrace.errors import EmotraceError

if TYPE_CHECKING:
    from emotrace.audio import Audio
    from emotrace.recogniser import Evidence
    from emotrace.result import Result


def trace(
    audio: Inputs,
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

    def written(results: Iterator[Result]) -> Iterator[str]:
        if kind == "json":
            yield from json_text.listed(results)
        elif kind == "csv":
            yield from csv_text.spans(with_warnings(results))
        else:
            yield from (text.timeline(result) + "\n" for result in with_warnings(results))

    recogniser = load(model, jobs)
    return answer(audio, lambda path: [recogniser(path)], jobs, written)


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
    recogniser = load(model, jobs)
    names = FreeNames(output, ".txt" if kind == "text" else f".{kind}")

    def work(path: Path) -> list[tuple[Audio, Result, Evidence | None]]:
        heard = recogniser.read(path)
        evidence = None if heard.silent else recogniser.evidence(heard)
        result = (
            recogniser.from_audio(heard) if evidence is None else recogniser.from_evidence(evidence, heard)
        )
        return [(heard, result, evidence)]

    def content(heard: Audio, result: Result, evidence: Evidence | None) -> bytes:
        if kind == "png":
            posteriors = (None, None) if evidence is None else (evidence.log_posteriors, evidence.times_s)
            return png.picture(heard, result, recogniser.labels, *posteriors)
        if kind == "csv":
            return "".join(csv_text.spans([result])).encode()
        return ((json_text.line(result) if kind == "json" else text.timeline(result)) + "\n").encode()

    def written(traced: Iterator[tuple[Audio, Result, Evidence | None]]) -> Iterator[str]:
        for heard, result, evidence in traced:
            warn_of(result)
            path = names.of(result.file or "audio")
            try:
                write_bytes(path, content(heard, result, evidence))
            except OSError as error:
                raise EmotraceError(f"{path} cannot be written: {error.strerror}") from None
            yield f"{path}\n"

    return answer(audio, work, jobs, written)
