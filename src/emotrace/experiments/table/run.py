"""Table 5 of the paper on one corpus, from training to the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emotrace.corpora import OpenCorpus
from emotrace.experiments.preparation import prepare_experiment
from emotrace.experiments.table.plan import Plan, make_plan, train_table
from emotrace.experiments.table.report import write_table
from emotrace.experiments.table.rows import measure_table
from emotrace.models.architectures import SYSTEMS, find_system
from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe
from emotrace.recipes import applied_recipes, load_recipe
from emotrace.training.progress import ProgressCallback, no_progress

PAPER = "paper"
STAGE2_RATE = "stage2-rate-1"
PAPER_SYSTEMS = tuple(name for name, system in SYSTEMS.items() if not system.pretrained_encoder)


def run_table(
    corpus: str | OpenCorpus,
    root: str | Path | None = None,
    *,
    output: str | Path,
    systems: Sequence[str] | None = None,
    recipe: Sequence[str | Path] = (),
    folds: Sequence[int] | None = None,
    seeds: Sequence[int] = (1,),
    device: str = "auto",
    engine: str = "local",
    corpus_options: Mapping[str, str | bool] | None = None,
    label_map: Mapping[str, str] | None = None,
    emotions: Sequence[str] | None = None,
    protocol: str | None = None,
    progress: ProgressCallback | None = None,
) -> str:
    """Cross-validate systems on a corpus, and write the table of their results to `output`.

    With the recipe `paper`, systems with a stage 2 have a second row, in the table of the subfolder
    `stage2-rate-1`: there the learning rate of stage 2 is 1.0, since the printed one hardly moves a weight.

    Args:
        corpus: name of a corpus, such as "emodb", or an open corpus
        root: folder of the corpus; only with a name
        output: folder of the table, empty or that of the same experiment
        systems: rows of Table 5; None: every system without a pretrained encoder
        recipe: TOML files, or names of shipped recipes, laid over one another in order
        folds: numbers of the folds to run, from 0; None: all
        seeds: the protocol runs once for each
        device: "auto", "cpu" or "cuda"
        engine: "local", or "ray" for the Ray cluster that `RAY_ADDRESS` names, or Ray on this machine
        corpus_options: options of the corpus, such as {"allow_missing": True}
        label_map: new names of emotions, such as {"angry": "anger"}; codes of the corpus may be renamed too
        emotions: the emotions to keep, by their new names; None keeps all
        protocol: "leave-one-corpus-out" for a collection; None: the corpus's own
        progress: called after every epoch and every fold

    Returns:
        the table as text

    Raises:
        CorpusError: the corpus is unknown, missing or damaged, or a fold does not exist.
        RecipeError: a system or a setting is unknown, they do not fit each other, or the device is missing.
        RunError: `output` holds something else, or a worker process was killed.
    """
    names = list(PAPER_SYSTEMS if systems is None else systems)
    experiment = prepare_experiment(
        corpus,
        root,
        system=names[0],
        recipe=recipe,
        device=device,
        corpus_options=corpus_options,
        label_map=label_map,
        emotions=emotions,
        protocol=protocol,
    )
    plan = make_plan(experiment, names, Path(output), seeds=seeds, folds=folds)
    for system in plan.systems:  # refuse a recipe that does not fit before a folder is created
        build(experiment.recipe, system, len(experiment.corpus.emotions))
    page = _train_and_write(plan, recipe, engine, progress)
    printed = load_recipe([PAPER]).stage2.learning_rate
    again = tuple(name for name in plan.systems if has_stage2(name, experiment.recipe))
    if PAPER not in map(str, recipe) or experiment.recipe.stage2.learning_rate != printed or not again:
        return page
    files = [*recipe, STAGE2_RATE]
    second = replace(experiment, recipe=load_recipe(files, experiment.corpus.corpus.name))
    rows = replace(plan, experiment=second, systems=again, output=plan.output / STAGE2_RATE, stage1=plan)
    return f"{page}\n{_train_and_write(rows, files, engine, progress)}"


def has_stage2(name: str, recipe: Recipe) -> bool:
    """Whether a system is trained with the settings of stage 2.

    >>> has_stage2("pcnse-sadrn-ctc", Recipe()), has_stage2("pcnse", Recipe())
    (True, False)
    """
    system = find_system(name)
    return system.front is None or (system.stages == 2 and not recipe.end_to_end)


def _train_and_write(
    plan: Plan, recipe: Sequence[str | Path], engine: str, progress: ProgressCallback | None
) -> str:
    train_table(plan, engine=engine, progress=progress or no_progress)
    applied = applied_recipes(recipe, plan.experiment.corpus.corpus.name)
    names = dict.fromkeys(Path(file).name.removesuffix(".toml") for file in applied)
    return write_table(plan.output, measure_table(plan, list(names)))
