"""Training of the systems of a table over folds and seeds; systems with the same front share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from emotrace.corpora import Fold
from emotrace.errors import RecipeError
from emotrace.evaluation.metrics import score_predictions
from emotrace.experiments.cost import Stopwatch
from emotrace.experiments.cross_validation import fold_folder, fold_numbers, run_folds
from emotrace.experiments.table.published import TABLE_5
from emotrace.experiments.workers import work_on
from emotrace.models.architectures import SYSTEMS, find_system
from emotrace.recipe import Recipe
from emotrace.system.files import write_text
from emotrace.system.processors import available_processors
from emotrace.training.data.local_features import forget_local_features
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, ProgressCallback, no_progress, with_run_name
from emotrace.training.recorder import CURVE_FILE, DONE_FILE
from emotrace.training.run_folder import RUN_FILE, create_or_resume
from emotrace.training.split import SpeakerSplit, train_split
from emotrace.training.two_stage import FRONT_STAGE

ORDER = (*TABLE_5, *(name for name in SYSTEMS if name not in TABLE_5))


@dataclass(frozen=True)
class Plan:
    """The systems, folds and seeds of a table, and its folder; the system of `experiment` is not used.

    Attributes:
        stage1: a finished plan with the same stage 1, whose fronts are used
    """

    experiment: Experiment
    systems: tuple[str, ...]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    output: Path
    stage1: Plan | None = None

    @property
    def jobs(self) -> list[tuple[int, int]]:
        """Fold and seed of the jobs that can run at once."""
        return [(fold, seed) for seed in self.seeds for fold in self.folds]

    @property
    def fronts(self) -> dict[str, str]:
        """For each system, the first system with the same front, in whose folder the front is trained."""
        if self.stage1 is not None:
            return self.stage1.fronts
        return front_owners(self.systems, self.experiment.recipe)

    def fold(self, number: int) -> Fold:
        """A fold of the corpus."""
        return self.experiment.corpus.folds()[number]

    def of(self, system: str) -> Experiment:
        """The experiment with one of the systems; the examples read are shared."""
        return replace(self.experiment, system=system)

    def folder(self, system: str, fold: int, seed: int) -> Path:
        """The run folder of one training."""
        return fold_folder(self.output / system, seed, self.fold(fold))

    def front_folder(self, system: str, fold: int, seed: int) -> Path:
        """The run folder in which the front of one training is trained."""
        if system not in self.fronts:
            return self.folder(system, fold, seed)
        return (self.stage1 or self).folder(self.fronts[system], fold, seed)


def make_plan(
    experiment: Experiment,
    systems: Sequence[str],
    output: Path,
    *,
    seeds: Sequence[int] = (1,),
    folds: Sequence[int] | None = None,
) -> Plan:
    """The plan of a table with the systems in the order of Table 5; nothing is written.

    Raises:
        CorpusError: a fold does not exist.
        RecipeError: a system does not exist, or is listed twice.
    """
    for name in systems:
        find_system(name)
        if list(systems).count(name) > 1:
            raise RecipeError(f"system {name} is listed twice; expected each system once")
    numbers = fold_numbers(experiment.corpus, folds)
    ordered = tuple(name for name in ORDER if name in systems)
    return Plan(experiment, ordered, tuple(numbers), tuple(seeds), output)


def front_owners(systems: Sequence[str], recipe: Recipe) -> dict[str, str]:
    """For each system whose front is trained separately, the first system with that front.

    >>> front_owners(["pcnse-sadrn", "pcnse", "pcn-sadrn", "cnn-gru"], Recipe())
    {'pcnse-sadrn': 'pcnse-sadrn', 'pcnse': 'pcnse-sadrn', 'pcn-sadrn': 'pcn-sadrn'}
    >>> front_owners(["pcnse", "pcnse-sadrn"], Recipe(end_to_end=True))
    {'pcnse': 'pcnse'}
    """
    owner: dict[str, str] = {}
    found = {}
    for name in systems:
        system = find_system(name)
        alone = system.stages == 2 and not recipe.end_to_end
        if system.front and (alone or system.context is None):
            found[name] = owner.setdefault(system.front, name)
    return found


def train_table(
    plan: Plan,
    *,
    workers: int | None = None,
    engine: str = "local",
    progress: ProgressCallback = no_progress,
) -> None:
    """Train what is missing of the table, and write the cross-validation of each system.

    After an interruption, another call resumes from the last epoch. A fold with a seed is one job, so that no
    two processes train the same front. As many jobs run at once as there are processors, or `workers`. With
    the engine "ray", each job is a task.

    Raises:
        RunError: the output folder holds something else.
    """
    experiment = plan.experiment
    fingerprint = {key: value for key, value in experiment.fingerprint().items() if key != "system"}
    create_or_resume(plan.output, fingerprint)
    for name in plan.systems:
        create_or_resume(plan.output / name, plan.of(name).fingerprint())
    unfinished = [job for job in plan.jobs if not is_trained(plan, job)]
    if workers is None:
        workers = available_processors() if experiment.device == "cpu" else 1
    work_on(partial(train_systems, plan), unfinished, workers, experiment.device, progress, engine)
    for name in plan.systems:
        for job in plan.jobs:
            copy_front_curve(plan, name, *job)
        run_folds(
            plan.of(name),
            output=plan.output / name,
            seeds=plan.seeds,
            folds=plan.folds,
            workers=1,
            progress=progress,
        )


def is_trained(plan: Plan, job: tuple[int, int]) -> bool:
    """Whether all systems are trained on a fold with a seed."""
    return all((plan.folder(name, *job) / RUN_FILE).exists() for name in plan.systems)


def train_systems(plan: Plan, job: tuple[int, int], progress: ProgressCallback) -> None:
    """Train all systems on one fold with one seed, one after the other."""
    number, seed = job
    fold = plan.fold(number)
    for name in plan.systems:
        folder, run = plan.folder(name, *job), f"seed {seed}, fold {fold.name}, {name}"
        if (folder / RUN_FILE).exists():
            continue
        experiment = plan.of(name)
        assert experiment.examples  # read before the stopwatch starts
        predictions = train_split(
            experiment,
            SpeakerSplit(fold.train, fold.validation, fold.test),
            fold=number,
            seed=seed,
            folder=folder,
            progress=Stopwatch(folder, with_run_name(progress, run)),
            front_folder=plan.front_folder(name, *job),
        )
        test = score_predictions(predictions, resamples=1)
        progress(Epoch(run, text=f"test UA {test.ua:.3f}, WA {test.wa:.3f}"))
    for name in plan.systems:
        forget_local_features(plan.front_folder(name, *job))


def copy_front_curve(plan: Plan, name: str, fold: int, seed: int) -> None:
    """Copy the learning curve of a shared front to a run folder that uses the front."""
    folder = plan.folder(name, fold, seed)
    front_folder = plan.front_folder(name, fold, seed)
    stage = f"{FRONT_STAGE}{find_system(name).front}"
    for file in (CURVE_FILE, DONE_FILE):
        if folder != front_folder and not (folder / stage / file).exists():
            write_text(folder / stage / file, (front_folder / stage / file).read_text(encoding="utf-8"))
