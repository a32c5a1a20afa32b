"""The command line's verbs that set systems or runs side by side; torch is imported when one runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from emotrace.cli.corpus import AS_IT_LIES, Reading, Root
from emotrace.cli.train import Device, Folds, Name, Recipes, Seeds, numbers
from emotrace.errors import EmotraceError
from emotrace.experiments.requirements import require_training_packages


def table(
    *,
    name: Name,
    systems: str,
    output: Path,
    root: Root = None,
    reading: Reading = AS_IT_LIES,
    recipe: Recipes = (),
    folds: Folds = None,
    seeds: Seeds = "1",
    device: Device = "auto",
) -> int:
    """Run several systems through a corpus's protocol, and set them beside the paper's Table 5.

    What is finished is kept when it is called again. Systems with the same front share its training.

    Parameters
    ----------
    systems
        Rows of the paper's Table 5, as in pcnse,pcnse-sadrn-ctc; or all.
    output
        Folder of the table; each system's cross-validation is a folder in it.
    """
    require_training_packages()
    from emotrace.experiments.preparation import prepare_experiment
    from emotrace.experiments.table.plan import make_plan, train_table
    from emotrace.experiments.table.report import write_table
    from emotrace.experiments.table.rows import measure_table
    from emotrace.models.architectures import SYSTEMS
    from emotrace.models.emotion_model import build
    from emotrace.training.progress import show_progress

    wanted = list(SYSTEMS) if systems == "all" else [part.strip() for part in systems.split(",")]
    experiment = prepare_experiment(
        name, root, system=wanted[0], recipe=recipe, device=device, corpus_options=reading.options()
    )
    plan = make_plan(
        experiment,
        wanted,
        output,
        seeds=numbers(seeds, "--seeds"),
        folds=None if folds is None else numbers(folds, "--folds"),
    )
    for system in plan.systems:  # a recipe that does not fit must not claim a folder
        build(experiment.recipe, system, len(experiment.corpus.emotions))
    with show_progress() as progress:
        train_table(plan, progress=progress)
    recipes = ["default", *(Path(file).stem for file in recipe if file != "default")]
    sys.stdout.write(write_table(output, measure_table(plan, recipes)))
    return 0


def compare(
    runs: Annotated[list[Path], Parameter(name="RUN", negative=())],
    /,
    *,
    name: Annotated[str | None, Parameter(name="--corpus")] = None,
    root: Root = None,
    reading: Reading = AS_IT_LIES,
    as_json: Annotated[bool, Parameter("--json")] = False,
) -> int:
    """Set runs on the same utterances side by side: differences to the first, by emotion, by sex, by length.

    Parameters
    ----------
    runs
        Folders that `emotrace crossval` wrote, two or more.
    name
        The corpus of the runs, to tell short utterances from long ones, and women's from men's where it says.
    as_json
        Write JSON.
    """
    require_training_packages()
    from emotrace.corpora import open_corpus
    from emotrace.experiments.run_comparison import compare as side_by_side
    from emotrace.experiments.run_comparison import compared_text

    if name is None and root is not None:
        raise EmotraceError("--root is the folder of a corpus; name the corpus too, with --corpus NAME")
    opened = None if name is None else open_corpus(name, root, **reading.options())
    compared = side_by_side(runs, opened)
    text = json.dumps([run.as_dict() for run in compared], indent=2) if as_json else compared_text(compared)
    sys.stdout.write(text + "\n")
    return 0
