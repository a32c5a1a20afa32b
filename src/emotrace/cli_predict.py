"""The verb that names the emotion of recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators
from cyclopts.types import PositiveInt

from emotrace.cli_answers import Inputs, Model, answer, load, with_warnings

if TYPE_CHECKING:
    from emotrace.result import Result

Probability = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))]


def predict(
    audio: Inputs,
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

    recogniser = load(model, jobs)

    def work(path: Path) -> Result:
        result = recogniser(path)
        return result if abstain_below is None else result.abstaining_below(abstain_below)

    def written(results: Iterator[Result]) -> Iterator[str]:
        if kind == "json":
            yield from json_text.listed(results, top_k)
        elif kind == "csv":
            yield from csv_text.predictions(results, recogniser.labels, top_k)
        elif kind == "jsonl":
            yield from (json_text.line(result, top_k) + "\n" for result in results)
        else:
            yield from (text.prediction(result, top_k) + "\n" for result in with_warnings(results))

    return answer(audio, work, jobs, written)
