"""The whole protocol of a corpus, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from emotrace.corpora import Fold
from emotrace.errors import CorpusError
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import read_predictions
from emotrace.experiments.learning_curves import read_curve
from emotrace.experiments.report import fold_row, write_report
from emotrace.experiments.workers import processors, work_on
from emotrace.training.progress import Epoch, ProgressCallback, no_progress, with_run_name
from emotrace.training.recorder import DONE_FILE
from emotrace.training.run_folder import PREDICTIONS_FILE, RUN_FILE, create_or_resume
from emotrace.training.split import Experiment, SpeakerSplit, train_split


def crossval(
    experiment: Experiment,
    *,
    output: Path,
    seeds: Sequence[int] = (1,),
    chosen: Sequence[int] | None = None,
    workers: int | None = None,
    progress: ProgressCallback = no_progress,
) -> Metrics:
    """Run the corpus's protocol, or the `chosen` folds of it, and pool what is said of each test speaker.

    Finished folds are found, not trained again; a fold that was interrupted goes on from its last epoch. What
    is pooled and reported is all that `output` then holds, so that folds and seeds can come one by one. On a
    CPU each fold has one thread, and as many run at once as there are processors (or `workers`); so what
    comes out does not depend on their number.

    Raises:
        CorpusError: a fold's number that does not exist.
        ModelError: the model to begin with learnt from this corpus, and so from the speakers to be tested.
        RunError: `output` holds something else.
    """
    if experiment.pretrained is not None:
        experiment.pretrained.refuse_same_corpus(experiment.corpus.corpus.name)
    folds = experiment.corpus.folds()
    numbers = list(range(len(folds))) if chosen is None else list(chosen)
    for number in numbers:
        if not 0 <= number < len(folds):
            raise CorpusError(f"no fold {number}; {experiment.corpus.protocol} has 0 to {len(folds) - 1}")
    create_or_resume(output, experiment.fingerprint())
    jobs = [
        Job(number, seed, fold_folder(output, seed, folds[number])) for seed in seeds for number in numbers
    ]
    if workers is None:
        workers = processors() if experiment.device == "cpu" else 1
    run_jobs(experiment, jobs, workers, progress)
    found = {job: read_predictions(job.folder / PREDICTIONS_FILE) for job in finished_jobs(output, folds)}
    rows = [
        fold_row(job.folder, job.fold, job.seed, folds[job.fold], predictions)
        for job, predictions in found.items()
    ]
    predictions = [prediction for fold in found.values() for prediction in fold]
    scores = score_predictions(predictions)
    curves = [
        read_curve(path.parent, folds[job.fold].name, job.seed)
        for job in found
        for path in sorted(job.folder.glob(f"*/{DONE_FILE}"), reverse=True)
    ]
    title = f"{experiment.corpus.protocol}: {experiment.system}"
    whole = len(folds) * len({job.seed for job in found})
    if len(found) < whole:
        title += f", {len(found)} of {whole} folds so far"
    write_report(output, title, predictions, scores, rows, curves)
    return scores


@dataclass(frozen=True)
class Job:
    """One fold with one seed, and its folder."""

    fold: int
    seed: int
    folder: Path


def run_jobs(experiment: Experiment, jobs: Sequence[Job], workers: int, progress: ProgressCallback) -> None:
    """Train what is not trained yet, here or in as many processes as `workers`."""
    left = [job for job in jobs if not (job.folder / RUN_FILE).exists()]
    work_on(partial(run_job, experiment), left, workers, experiment.device, progress)


def run_job(experiment: Experiment, job: Job, progress: ProgressCallback) -> None:
    """One fold with one seed."""
    fold = experiment.corpus.folds()[job.fold]
    name = f"seed {job.seed}, fold {fold.name}"
    part = SpeakerSplit(fold.train, fold.validation, fold.test)
    predictions = train_split(
        experiment,
        part,
        fold=job.fold,
        seed=job.seed,
        folder=job.folder,
        progress=with_run_name(progress, name),
    )
    test = score_predictions(predictions, resamples=1)
    progress(Epoch(name, text=f"test UA {test.ua:.3f}, WA {test.wa:.3f}"))


def finished_jobs(output: Path, folds: Sequence[Fold]) -> list[Job]:
    """What the folder of a cross-validation holds, by seed and fold."""
    names = (path.name.removeprefix("seed-") for path in output.glob("seed-*"))
    seeds = sorted(int(name) for name in names if name.isdecimal())
    jobs = [
        Job(number, seed, fold_folder(output, seed, fold))
        for seed in seeds
        for number, fold in enumerate(folds)
    ]
    return [job for job in jobs if (job.folder / RUN_FILE).exists()]


def fold_folder(output: Path, seed: int, fold: Fold) -> Path:
    """Where a fold of a cross-validation lies; a speaker's name may hold what no folder's may."""
    return output / f"seed-{seed}" / f"fold-{quote(fold.name, safe='')}"
