"""`emotrace export`: exports the model of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from emotrace.cli.options import NO_CORPUS_OPTIONS, CorpusOptions, Root
from emotrace.cli.output import DONE, print_line
from emotrace.errors import EmotraceError
from emotrace.experiments.requirements import require_training_packages


def export(
    run: Path,
    /,
    *,
    output: Path,
    int8: Annotated[bool, Parameter(negative=())] = False,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
) -> int:
    """Export the model of a run to a model folder, which runs without PyTorch.

    Parameters
    ----------
    run
        Run folder of `emotrace train`, or of one fold of `emotrace crossval`.
    output
        Folder for the model.
    int8
        Quantise the model to 8-bit integers, which makes it smaller and faster. The loss of accuracy is
        measured on the corpus of the run, which --root locates.
    """
    if not int8 and (root is not None or corpus_options != NO_CORPUS_OPTIONS):
        raise EmotraceError("--root and options of a corpus are for --int8; omit them, or add --int8")
    require_training_packages()
    from emotrace.export.run_export import export_run, export_run_in_int8

    if int8:
        export_run_in_int8(run, output, root, **corpus_options.as_dict())
    else:
        export_run(run, output)
    print_line(str(output))
    return DONE
