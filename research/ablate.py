"""Recipes that differ from a base by a few lines, on the same folds and seeds, judged by validation speakers.

    python research/ablate.py --corpus emodb --root "$EMOTRACE_DATA/emodb" --output runs/levers

Each file of bench/levers is a recipe laid over the base; its first line says what it changes, and why. With
`--folder bench/defaults` what the default was before stands beside it.
`refit` is off, and nobody asks the speakers that a fold tests: a network is trained on those who train the
fold, and judged on those who validate it. Levers that leave the front as it is share the base's, and so cost
a minute a fold. Killed at any moment, it goes on where it stopped; `levers.md` and `levers.csv` hold what is
finished, and are written anew after each training.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ablation_report import Outcome, write_outcomes

from emotrace.cli.options import DEFAULT_SYSTEM as SYSTEM
from emotrace.cli.options import parse_numbers as numbers
from emotrace.corpora import Fold
from emotrace.errors import CorpusError, EmotraceError, RecipeError
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import read_predictions
from emotrace.experiments.cost import Stopwatch, stage_seconds
from emotrace.experiments.cross_validation import fold_folder
from emotrace.experiments.preparation import prepare_experiment
from emotrace.experiments.workers import processors, work_on
from emotrace.models.emotion_model import build
from emotrace.recipe import Recipe
from emotrace.recipes import load_recipe
from emotrace.training.data.local_features import forget_local_features
from emotrace.training.progress import Epoch, ProgressCallback, show_progress, with_run_name
from emotrace.training.run_folder import PREDICTIONS_FILE, RUN_FILE, create_or_resume
from emotrace.training.split import Experiment, SpeakerSplit, train_split

BASE = "base"
LEVERS = Path(__file__).parent / "levers"
FOLDS = {"emodb": "0,3,6,8"}  # whose validation speakers are eight different people; elsewhere all
# All else makes another front; a setting that is not named here costs time at worst.
OF_THE_BACK = {
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
class Lever:
    """A recipe, and what about it differs from the base."""

    name: str
    why: str
    recipe: Recipe


@dataclass(frozen=True)
class Plan:
    """Which levers, the base first, run on which folds with which seeds."""

    experiment: Experiment
    levers: tuple[Lever, ...]
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    output: Path

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Fold and seed of each training of a lever."""
        return [(fold, seed) for seed in self.seeds for fold in self.folds]

    @property
    def sharing(self) -> list[list[Lever]]:
        """The levers by the front that they train alike, the base's first."""
        found: dict[str, list[Lever]] = {}
        for lever in self.levers:
            found.setdefault(lever.recipe.model_dump_json(exclude=OF_THE_BACK), []).append(lever)
        return list(found.values())

    def fold(self, number: int) -> Fold:
        """A fold of the corpus."""
        return self.experiment.corpus.folds()[number]

    def of(self, lever: Lever) -> Experiment:
        """The same experiment with a lever's recipe; all share what was read of the corpus."""
        return replace(self.experiment, recipe=lever.recipe)

    def folder(self, lever: Lever, fold: int, seed: int) -> Path:
        """Where one training lies."""
        return fold_folder(self.output / lever.name, seed, self.fold(fold))

    def finished(self, lever: Lever) -> bool:
        """Whether a lever is trained on all folds with all seeds."""
        return all((self.folder(lever, *run) / RUN_FILE).exists() for run in self.runs)


@dataclass(frozen=True)
class Job:
    """What one process does at a time: one fold with one seed, for all levers with the same front."""

    levers: tuple[Lever, ...]
    fold: int
    seed: int


def read_levers(folder: Path, names: Sequence[str], below: Sequence[str]) -> tuple[Lever, ...]:
    """The base, which is the recipes `below` laid over one another, and the levers of a folder laid over it.

    Without names, all of them; those that change nothing in this base are left out.

    Raises:
        RecipeError: there is no such lever, it names an unknown setting, or it does not begin with a comment.
    """
    files = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if unknown := [name for name in names if name not in files]:
        raise RecipeError(f"{folder} has no {unknown[0]}.toml; it has {', '.join(files) or 'no recipe'}")
    laid = ", ".join(Path(file).stem for file in ("default", *below))
    levers = [Lever(BASE, laid, unrefitted(below))]
    for name in names or files:
        first, *_ = files[name].read_text(encoding="utf-8").splitlines() or [""]
        if not first.startswith("# "):
            raise RecipeError(f"{files[name]} begins with {first!r}; expected a comment that says why")
        lever = Lever(name, first.removeprefix("# "), unrefitted([*below, files[name]]))
        if lever.recipe != levers[0].recipe:
            levers.append(lever)
    return tuple(levers)


def unrefitted(files: Sequence[str | Path]) -> Recipe:
    """A recipe whose validation speakers never train."""
    return load_recipe(files).model_copy(update={"refit_on_validation": False})


def train(plan: Plan, workers: int, progress: ProgressCallback) -> None:
    """Train whatever is not trained yet, and report after each training."""

    def told(epoch: Epoch) -> None:
        progress(epoch)
        if epoch.text:
            report(plan)

    for lever in plan.levers:
        build(lever.recipe, plan.experiment.system, len(plan.experiment.corpus.emotions))  # or it is refused
        create_or_resume(plan.output / lever.name, plan.of(lever).fingerprint())
    jobs = [Job(tuple(levers), *run) for levers in plan.sharing for run in plan.runs]
    left = [
        job
        for job in jobs
        if not all((plan.folder(lever, job.fold, job.seed) / RUN_FILE).exists() for lever in job.levers)
    ]
    work_on(partial(train_job, plan), left, workers, plan.experiment.device, told)
    report(plan)


def train_job(plan: Plan, job: Job, progress: ProgressCallback) -> None:
    """The levers one after the other; the first trains the front, and the others find it."""
    fold = plan.fold(job.fold)
    for lever in job.levers:
        folder, name = plan.folder(lever, job.fold, job.seed), f"{lever.name}, seed {job.seed}, {fold.name}"
        if (folder / RUN_FILE).exists():
            continue
        experiment = plan.of(lever)
        assert experiment.examples  # read before the watch starts
        predictions = train_split(
            experiment,
            SpeakerSplit(fold.train, fold.validation),
            fold=job.fold,
            seed=job.seed,
            folder=folder,
            progress=Stopwatch(folder, with_run_name(progress, name)),
            front_folder=plan.folder(job.levers[0], job.fold, job.seed),
        )
        progress(Epoch(name, text=f"validation UA {score_predictions(predictions, resamples=1).ua:.3f}"))
    forget_local_features(plan.folder(job.levers[0], job.fold, job.seed))


def report(plan: Plan) -> None:
    """Write what the finished levers came to, if the base is among them."""
    outcomes = [outcome(plan, lever) for lever in plan.levers if plan.finished(lever)]
    if not outcomes or outcomes[0].name != BASE:
        return
    corpus, everyone = plan.experiment.corpus, len(plan.experiment.corpus.folds())
    write_outcomes(
        plan.output,
        f"{corpus.protocol}: {plan.experiment.system}",
        f"{len(outcomes)} of {len(plan.levers)} recipes, on the folds that test "
        f"{', '.join(plan.fold(number).name for number in plan.folds)} (of {everyone}), "
        f"seeds {', '.join(map(str, plan.seeds))}.",
        outcomes,
    )


def outcome(plan: Plan, lever: Lever) -> Outcome:
    """What a finished lever said of the validation speakers, and what it cost."""
    folders = [plan.folder(lever, *run) for run in plan.runs]
    (owner,) = (levers[0] for levers in plan.sharing if lever in levers)
    return Outcome(
        name=lever.name,
        why=lever.why,
        # One speaker may validate two folds: the fold's number keeps their utterances apart.
        predictions=tuple(
            replace(prediction, file=f"{prediction.fold}/{prediction.file}")
            for folder in folders
            for prediction in read_predictions(folder / PREDICTIONS_FILE)
        ),
        front="its own" if owner == lever else f"that of {owner.name}",
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
    parser.add_argument("--recipe", nargs="*", default=[], help="what the base lays over the default")
    parser.add_argument("--folder", type=Path, default=LEVERS, help="where the levers lie")
    parser.add_argument("--levers", default="", help="only these, as in width-24,heads-4")
    parser.add_argument("--folds", help="as in 0,3")
    parser.add_argument("--seeds", default="1", help="as in 1,2,3")
    parser.add_argument("--system", default=SYSTEM)
    parser.add_argument("--init", type=Path, help="folder of a model whose weights all begin with")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--jobs", type=int, help="trainings at once; by default as many as processors")
    given = parser.parse_args()
    try:
        levers = read_levers(given.folder, [name for name in given.levers.split(",") if name], given.recipe)
        experiment = prepare_experiment(
            given.corpus,
            given.root,
            system=given.system,
            recipe=given.recipe,
            device=given.device,
            init=given.init,
        )
        if experiment.pretrained is not None:
            experiment.pretrained.refuse_same_corpus(experiment.corpus.corpus.name)
        everyone = range(len(experiment.corpus.folds()))
        folds = given.folds or FOLDS.get(given.corpus)
        chosen = numbers(folds, "--folds") if folds else list(everyone)
        if missing := [number for number in chosen if number not in everyone]:
            raise CorpusError(f"no fold {missing[0]}; {experiment.corpus.protocol} has 0 to {everyone[-1]}")
        plan = Plan(experiment, levers, tuple(chosen), tuple(numbers(given.seeds, "--seeds")), given.output)
        workers = given.jobs or (processors() if experiment.device == "cpu" else 1)
        with show_progress() as progress:
            train(plan, workers, progress)
    except EmotraceError as error:
        raise SystemExit(f"ablate: {error}") from None
    print((given.output / "levers.md").read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()
