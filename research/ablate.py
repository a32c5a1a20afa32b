"""Compare variants of a recipe with a base on the same folds and seeds, by validation speakers.

    python research/ablate.py --corpus emodb --root "$EMOTRACE_DATA/emodb" --output runs/ablation \\
        --variants wide.toml no-views.toml [--recipe base.toml] [--folds 0 3] [--seeds 1 2]

A variant is a TOML file that is laid over the base; a comment in its first line describes it. Test speakers
are never used: each network is trained on the training speakers of a fold and evaluated on its validation
speakers, so `refit_on_validation` is off. Variants with the same front settings share one front, which saves
most of the training. A killed run resumes. `ablation.md` and `ablation.csv` are updated after each training.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ablation_report import Outcome, write_outcomes

from emotrace.corpora import Fold
from emotrace.errors import EmotraceError, RecipeError
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import read_predictions
from emotrace.experiments.cost import Stopwatch, stage_seconds
from emotrace.experiments.cross_validation import fold_folder, fold_numbers
from emotrace.experiments.preparation import DEFAULT_SYSTEM, prepare_experiment
from emotrace.experiments.workers import work_on
from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe
from emotrace.recipes import load_recipe
from emotrace.system.processors import available_processors
from emotrace.training.data.local_features import forget_local_features
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, ProgressCallback, show_progress, with_run_name
from emotrace.training.run_folder import PREDICTIONS_FILE, RUN_FILE, create_or_resume
from emotrace.training.split import SpeakerSplit, train_split

BASE = "base"
# Settings that do not change the front. A setting missing here only costs time.
BACK_SETTINGS = {
    "back",
    "stage2",
    "ctc_target",
    "decoding",
    "concatenated_per_utterance",
    "non_speech_per_utterance",
    "functionals_l2",
    "stage2_views",
}


@dataclass(frozen=True)
class Variant:
    """A recipe, and how it differs from the base."""

    name: str
    description: str
    recipe: Recipe


@dataclass(frozen=True)
class Plan:
    """The variants, base first, and the folds and seeds of each."""

    experiment: Experiment
    variants: tuple[Variant, ...]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    output: Path

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Fold and seed of each training of a variant."""
        return [(fold, seed) for seed in self.seeds for fold in self.folds]

    @property
    def groups(self) -> list[list[Variant]]:
        """The variants grouped by equal fronts, the base's group first."""
        found: dict[str, list[Variant]] = {}
        for variant in self.variants:
            found.setdefault(variant.recipe.model_dump_json(exclude=BACK_SETTINGS), []).append(variant)
        return list(found.values())

    def fold(self, number: int) -> Fold:
        """A fold of the corpus."""
        return self.experiment.corpus.folds()[number]

    def experiment_with(self, variant: Variant) -> Experiment:
        """The experiment with a variant's recipe; the examples read from the corpus are shared."""
        return replace(self.experiment, recipe=variant.recipe)

    def folder(self, variant: Variant, fold: int, seed: int) -> Path:
        """The folder of one training."""
        return fold_folder(self.output / variant.name, seed, self.fold(fold))

    def finished(self, variant: Variant) -> bool:
        """Whether all trainings of a variant are finished."""
        return all((self.folder(variant, *run) / RUN_FILE).exists() for run in self.runs)


@dataclass(frozen=True)
class Job:
    """The unit of work of one process: one fold and seed of all variants that share a front."""

    variants: tuple[Variant, ...]
    fold: int
    seed: int


def read_variants(files: Sequence[Path], base: Sequence[str | Path]) -> tuple[Variant, ...]:
    """The base, which is the recipes `base` laid over the default, and the variants laid over it.

    Raises:
        RecipeError: a file is unreadable, has an unknown setting or another's name, or changes nothing.
    """
    name = ", ".join(Path(file).stem for file in ("default", *base))
    variants = [Variant(BASE, name, without_refit(base))]
    for file in files:
        recipe = without_refit([*base, file])
        if file.stem in [variant.name for variant in variants]:
            raise RecipeError(f"{file} has the name of another variant; rename it")
        if recipe == variants[0].recipe:
            raise RecipeError(f"{file} changes no setting of the base; leave it out")
        first, *_ = file.read_text(encoding="utf-8").splitlines()
        description = first.removeprefix("#").strip() if first.startswith("#") else ""
        variants.append(Variant(file.stem, description, recipe))
    return tuple(variants)


def without_refit(files: Sequence[str | Path]) -> Recipe:
    """A recipe that never trains on validation speakers."""
    return load_recipe(files).model_copy(update={"refit_on_validation": False})


def train(plan: Plan, workers: int, progress: ProgressCallback) -> None:
    """Train what is not finished yet, and rewrite the report after each training."""

    def progress_and_report(epoch: Epoch) -> None:
        progress(epoch)
        if epoch.text:
            report(plan)

    for variant in plan.variants:
        # Refuse a recipe that cannot be built before any training starts.
        build(variant.recipe, plan.experiment.system, len(plan.experiment.corpus.emotions))
        create_or_resume(plan.output / variant.name, plan.experiment_with(variant).fingerprint())
    jobs = [Job(tuple(variants), *run) for variants in plan.groups for run in plan.runs]
    unfinished = [
        job
        for job in jobs
        if not all((plan.folder(v, job.fold, job.seed) / RUN_FILE).exists() for v in job.variants)
    ]
    work_on(partial(train_job, plan), unfinished, workers, plan.experiment.device, progress_and_report)
    report(plan)


def train_job(plan: Plan, job: Job, progress: ProgressCallback) -> None:
    """Train the variants of a job in turn; the first trains the front and the others reuse it."""
    fold = plan.fold(job.fold)
    for variant in job.variants:
        folder = plan.folder(variant, job.fold, job.seed)
        name = f"{variant.name}, seed {job.seed}, {fold.name}"
        if (folder / RUN_FILE).exists():
            continue
        experiment = plan.experiment_with(variant)
        assert experiment.examples  # read before the stopwatch starts
        predictions = train_split(
            experiment,
            SpeakerSplit(fold.train, fold.validation),
            fold=job.fold,
            seed=job.seed,
            folder=folder,
            progress=Stopwatch(folder, with_run_name(progress, name)),
            front_folder=plan.folder(job.variants[0], job.fold, job.seed),
        )
        progress(Epoch(name, text=f"validation UA {score_predictions(predictions, resamples=1).ua:.3f}"))
    forget_local_features(plan.folder(job.variants[0], job.fold, job.seed))


def report(plan: Plan) -> None:
    """Write the figures of finished variants, if the base is finished."""
    outcomes = [outcome(plan, variant) for variant in plan.variants if plan.finished(variant)]
    if not outcomes or outcomes[0].name != BASE:
        return
    corpus, folds = plan.experiment.corpus, len(plan.experiment.corpus.folds())
    write_outcomes(
        plan.output,
        f"{corpus.protocol}: {plan.experiment.system}",
        f"{len(outcomes)} of {len(plan.variants)} recipes, on the folds that test "
        f"{', '.join(plan.fold(number).name for number in plan.folds)} (of {folds}), "
        f"seeds {', '.join(map(str, plan.seeds))}.",
        outcomes,
    )


def outcome(plan: Plan, variant: Variant) -> Outcome:
    """The predictions of a finished variant for the validation speakers, and its cost."""
    folders = [plan.folder(variant, *run) for run in plan.runs]
    (owner,) = (group[0] for group in plan.groups if variant in group)
    return Outcome(
        name=variant.name,
        description=variant.description,
        # A speaker may validate two folds: the fold's number keeps the utterances apart.
        predictions=tuple(
            replace(prediction, file=f"{prediction.fold}/{prediction.file}")
            for folder in folders
            for prediction in read_predictions(folder / PREDICTIONS_FILE)
        ),
        front=owner.name,
        seconds=sum(sum(stage_seconds(folder).values()) for folder in folders) / len(folders),
    )


def main() -> None:
    """Read, train, report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", type=Path, required=True, help="a recipe file per variant")
    parser.add_argument("--recipe", nargs="*", default=[], help="recipes laid over the default: the base")
    parser.add_argument("--folds", nargs="+", type=int, help="only these folds, such as 0 3")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="such as 1 2 3")
    parser.add_argument("--system", default=DEFAULT_SYSTEM)
    parser.add_argument("--init", type=Path, help="a model folder whose weights all trainings start from")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--jobs", type=int, help="parallel trainings; default: one per processor")
    options = parser.parse_args()
    try:
        variants = read_variants(options.variants, options.recipe)
        experiment = prepare_experiment(
            options.corpus,
            options.root,
            system=options.system,
            recipe=options.recipe,
            init=options.init,
            device=options.device,
        )
        if experiment.pretrained is not None:
            experiment.pretrained.refuse_same_corpus(experiment.corpus.corpus.name)
        folds = fold_numbers(experiment.corpus, options.folds)
        plan = Plan(experiment, variants, tuple(folds), tuple(options.seeds), options.output)
        workers = options.jobs or (available_processors() if experiment.device == "cpu" else 1)
        with show_progress() as progress:
            train(plan, workers, progress)
    except EmotraceError as error:
        raise SystemExit(f"ablate: {error}") from None
    print((options.output / "ablation.md").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
