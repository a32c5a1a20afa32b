"""The command line's verbs for training, measuring and export; torch is imported when one of them runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt

from emotrace.cli.corpus import AS_IT_LIES, WHICH_CORPUS, Reading, Root, print_stderr
from emotrace.errors import EmotraceError
from emotrace.experiments.requirements import require_training_packages

SYSTEM = "pcnse-sadrn-ctc"
Name = Annotated[str, Parameter(name="--corpus", help=WHICH_CORPUS)]
System = Annotated[str, Parameter(help="A row of the paper's Table 5.")]
Recipes = Annotated[
    tuple[str, ...],
    Parameter(
        name="--recipe",
        negative=(),
        help="TOML files of settings, or names of those that ship, laid over one another in order.",
    ),
]
Folds = Annotated[str | None, Parameter(help="Only these, as in 0,1; by default all.")]
Seeds = Annotated[str, Parameter(help="One run of the protocol for each, as in 1,2,3.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], Parameter(help="Where to train.")]


def train(
    *,
    name: Name,
    output: Path,
    root: Root = None,
    reading: Reading = AS_IT_LIES,
    system: System = SYSTEM,
    recipe: Recipes = (),
    seed: NonNegativeInt = 1,
    init: Path | None = None,
    device: Device = "auto",
) -> int:
    """Train a model on a corpus; a run that was killed goes on when it is called again.

    The protocol's first validation speakers, mostly two, choose among the epochs; whom it only ever tests it
    does not hear. The run folder holds the model in model/.

    Parameters
    ----------
    output
        The run folder.
    seed
        Fixes all that is random.
    init
        Folder of a model whose weights to begin with, in place of random ones.
    """
    require_training_packages()
    from emotrace.experiments.train import train as train_model
    from emotrace.training.progress import show_progress

    with show_progress() as progress:
        result = train_model(
            name,
            root,
            output=output,
            system=system,
            recipe=recipe,
            seed=seed,
            init=init,
            device=device,
            corpus_options=reading.options(),
            progress=progress,
        )
    sys.stdout.write(f"measured on the validation speakers, who also {result.validation_role}\n")
    sys.stdout.write(f"{result.metrics.as_text()}\n{result.model_folder}\n")
    return 0


def crossval(
    *,
    name: Name,
    output: Path,
    root: Root = None,
    reading: Reading = AS_IT_LIES,
    system: System = SYSTEM,
    recipe: Recipes = (),
    folds: Folds = None,
    seeds: Seeds = "1",
    init: Path | None = None,
    device: Device = "auto",
    engine: Literal["local"] = "local",
) -> int:
    """Run a corpus's protocol, speakers apart; finished folds are kept when it is called again.

    Parameters
    ----------
    output
        Folder of the cross-validation.
    init
        Folder of a model whose weights to begin with, in place of random ones; of another corpus.
    engine
        What runs the folds.
    """
    del engine  # one so far
    require_training_packages()
    from emotrace.experiments.cross_validation import cross_validate
    from emotrace.training.progress import show_progress

    with show_progress() as progress:
        result = cross_validate(
            name,
            root,
            output=output,
            system=system,
            recipe=recipe,
            folds=None if folds is None else numbers(folds, "--folds"),
            seeds=numbers(seeds, "--seeds"),
            init=init,
            device=device,
            corpus_options=reading.options(),
            progress=progress,
        )
    sys.stdout.write(f"{result.protocol}, {system}\n{result.metrics.as_text()}\n")
    return 0


def evaluate(
    *,
    model: Path,
    name: Name,
    root: Root = None,
    reading: Reading = AS_IT_LIES,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Measure a model on a corpus: WA, UA, macro-F1, intervals, confusion matrix.

    Parameters
    ----------
    model
        Folder of the model.
    as_json
        Write JSON.
    """
    require_training_packages()
    from emotrace.evaluation.model_evaluation import evaluate as evaluate_model

    evaluation = evaluate_model(model, name, root, corpus_options=reading.options())
    for remark in evaluation.remarks:
        print_stderr(f"emotrace: {remark}")
    metrics = evaluation.metrics
    sys.stdout.write((json.dumps(metrics.as_dict(), indent=2) if as_json else metrics.as_text()) + "\n")
    return 1 if evaluation.failed else 0


def export(
    run: Path,
    /,
    *,
    output: Path,
    int8: Annotated[bool, Parameter(negative=())] = False,
    root: Root = None,
    reading: Reading = AS_IT_LIES,
) -> int:
    """Write the model folder of a run, which needs no torch to run.

    Parameters
    ----------
    run
        A folder that `emotrace train` finished, or a fold of `emotrace crossval`.
    output
        Folder for the model.
    int8
        Approximate it in int8, faster and smaller; what that loses is measured on the run's corpus.
    """
    require_training_packages()
    from emotrace.export.onnx import export_run, export_run_in_int8

    if int8:
        export_run_in_int8(run, output, root, **reading.options())
    else:
        export_run(run, output)
    sys.stdout.write(f"{output}\n")
    return 0


def demo(*, output: Path = Path("runs/demo")) -> int:
    """Make a synthetic corpus, train on it, measure on unseen speakers, and draw a trace beside its truth.

    Parameters
    ----------
    output
        Folder for what it makes.
    """
    require_training_packages()
    from emotrace.experiments.demo import run_demo
    from emotrace.training.progress import show_progress

    with show_progress() as progress:
        text = run_demo(output, progress)
    sys.stdout.write(text)
    return 0


def numbers(text: str, option: str) -> list[int]:
    """The numbers of a list such as 0,1.

    >>> numbers("0,1", "--folds")
    [0, 1]
    """
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise EmotraceError(f"{option} is {text!r}; expected different whole numbers, as in 0,1")
    return found
