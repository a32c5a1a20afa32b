"""`emotrace adapt`: adapts a model, without labels, to recordings of one source."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from emotrace.cli.audio_inputs import run_on_inputs
from emotrace.cli.options import Model, Threads
from emotrace.cli.output import DONE, SOME_FAILED, print_line
from emotrace.errors import EmotraceError

if TYPE_CHECKING:
    from emotrace.decoding.ctc import Floats


def adapt(
    audio: Annotated[list[Path], Parameter(negative=())],
    /,
    *,
    output: Path,
    model: Model = None,
    threads: Threads = None,
) -> int:
    """Adapt a model, without labels, to recordings of one source, such as one call centre or one microphone.

    The model standardises its features by the mean and deviation of these recordings instead of those of its
    training data. Only models with a pretrained encoder can be adapted. Some twenty recordings or more, of
    several speakers and in several emotions, are needed.

    Parameters
    ----------
    audio
        Files and folders.
    output
        A new folder for the adapted model.
    """
    from emotrace.inference.adaptation import check_adaptable, write_adapted_model
    from emotrace.inference.recogniser import load

    recogniser = load(model, threads)
    check_adaptable(recogniser.folder)
    recordings: list[list[Floats]] = []

    def gather(found: Iterator[list[Floats]]) -> Iterator[str]:
        recordings.extend(found)
        yield from ()

    def work(path: Path) -> list[list[Floats] | EmotraceError]:
        return [recogniser.adaptation_statistics(path)]

    code = run_on_inputs(audio, work, 1, gather, recogniser.stop)
    if code not in (DONE, SOME_FAILED):
        return code
    config = write_adapted_model(recogniser.folder, recordings, output)
    print_line(f"{output}: {config.name}")
    return code
