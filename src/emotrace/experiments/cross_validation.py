"""Cross-validation by the protocol of a corpus: every fold trains, validates and tests on other speakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from emotrace.corpora import Fold, OpenCorpus
from emotrace.errors import CorpusError
from emotrace.evaluation.metrics import Metrics, score_predictions
from emotrace.evaluation.predictions import Prediction, read_predictions
from emotrace.experiments.checks import check_trained_emotions
from emotrace.experiments.learning_curves import read_curve
from emotrace.experiments.preparation import DEFAULT_SYSTEM, prepare_experiment
from emotrace.experiments.report import fold_row, write_report
from emotrace.experiments.workers import work_on
from emotrace.system.processors import available_processors
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, ProgressCallback, no_progress, with_run_name
from emotrace.training.recorder import DONE_FILE
from emotrace.training.run_folder import PREDICTIONS_FILE, RUN_FILE, create_or_resume, speakers_by_corpus
from emotrace.training.split import SpeakerSplit, train_split


@dataclass(frozen=True)
class CrossValidationResult:
    """A finished cross-validation.

    Attributes:
        protocol: name of the corpus's protocol
        folder: predictions, metrics, report and the run folders of all folds
        metrics: of the pooled predictions for the test speakers
        predictions: for the test speakers of all folds and seeds in the folder
    """

    protocol: str
    folder: Path
    metrics: Metrics
    predictions: tuple[Prediction, ...]


def cross_validate(
    corpus: str | OpenCorpus,
    root: str | Path | None = None,
    *,
    output: str | Path,
    system: str = DEFAULT_SYSTEM,
    recipe: Sequence[str | Path] = (),
    folds: Sequence[int] | None = None,
    seeds: Sequence[int] = (1,),
    init: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    engine: str = "local",
    corpus_options: Mapping[str, str | bool] | None = None,
    label_map: Mapping[str, str] | None = None,
    emotions: Sequence[str] | None = None,
    protocol: str | None = None,
    progress: ProgressCallback | None = None,
) -> CrossValidationResult:
    """Train and test one model per fold of the corpus's protocol, and pool the predictions.

    Finished folds are kept; an interrupted fold resumes from its last epoch when the function is called
    again. Folds and seeds can be added in later calls: the result covers all that `output` holds.

    Args:
        corpus: name of a corpus, such as "emodb", or an open corpus
        root: folder of the corpus; only with a name
        output: folder of the cross-validation, empty or that of the same experiment
        system: a row of Table 5 of Zhao et al. (2021)
        recipe: TOML files, or names of shipped recipes, laid over one another in order
        folds: numbers of the folds to run, from 0; None: all
        seeds: the protocol runs once for each
        init: folder of a model of another corpus, whose weights training starts from
        device: "auto", "cpu" or "cuda"
        workers: processes that train at once; None: one per processor on a CPU, one on a GPU
        engine: "local", or "ray" for the Ray cluster that `RAY_ADDRESS` names, or Ray on this machine
        corpus_options: options of the corpus, such as {"allow_missing": True}
        label_map: new names of emotions, such as {"angry": "anger"}; codes of the corpus may be renamed too
        emotions: the emotions to keep, by their new names; None keeps all
        protocol: "leave-one-corpus-out" for a collection; None: the corpus's own
        progress: called after every epoch and every fold

    Raises:
        CorpusError: the corpus is unknown, missing or damaged, or a fold does not exist.
        RecipeError: the system or a setting is unknown, they do not fit each other, or the device is missing.
        ModelError: `init` is not a model folder with weights for training, or was trained on this corpus.
        RunError: `output` holds something else, or a worker process was killed.

    >>> import emotrace
    >>> result = emotrace.cross_validate("emodb", "data/emodb", output="runs/emodb")  # doctest: +SKIP
    >>> result.metrics.ua  # doctest: +SKIP
    0.81
    """
    experiment = prepare_experiment(
        corpus,
        root,
        system=system,
        recipe=recipe,
        init=init,
        device=device,
        corpus_options=corpus_options,
        label_map=label_map,
        emotions=emotions,
        protocol=protocol,
    )
    return run_folds(
        experiment,
        output=Path(output),
        seeds=seeds,
        folds=folds,
        workers=workers,
        engine=engine,
        progress=progress or no_progress,
    )


def run_folds(
    experiment: Experiment,
    *,
    output: Path,
    seeds: Sequence[int] = (1,),
    folds: Sequence[int] | None = None,
    workers: int | None = None,
    engine: str = "local",
    progress: ProgressCallback = no_progress,
) -> CrossValidationResult:
    """Run folds of an experiment, and report all that `output` then holds.

    On a CPU every fold has one thread, and as many folds run at once as there are processors (or `workers`),
    so the result does not depend on the number of processors. With the engine "ray", each fold with a seed is
    a task, and all machines must share `output` and the corpus.

    Raises:
        CorpusError: a fold does not exist.
        ModelError: the pretrained model was trained on test speakers, or may have been.
        RunError: `output` holds something else.
    """
    numbers = fold_numbers(experiment.corpus, folds)
    all_folds = experiment.corpus.folds()
    if experiment.pretrained is not None:
        tested = {speaker for number in numbers for speaker in all_folds[number].test}
        corpus = experiment.corpus
        experiment.pretrained.refuse_known_speakers(
            speakers_by_corpus(tested, corpus.corpus.name, corpus.members)
        )
    check_trained_emotions(experiment.corpus, [(fold.name, fold.train) for fold in all_folds])
    create_or_resume(output, experiment.fingerprint())
    jobs = [
        Job(number, seed, fold_folder(output, seed, all_folds[number]))
        for seed in seeds
        for number in numbers
    ]
    if workers is None:
        workers = available_processors() if experiment.device == "cpu" else 1
    run_jobs(experiment, jobs, workers, progress, engine)
    return report_folds(experiment, output)


def fold_numbers(corpus: OpenCorpus, chosen: Sequence[int] | None) -> list[int]:
    """The chosen folds of a corpus's protocol; all where `chosen` is None.

    Raises:
        CorpusError: a fold does not exist.
    """
    count = len(corpus.folds())
    for number in chosen or ():
        if not 0 <= number < count:
            raise CorpusError(f"no fold {number}; {corpus.protocol} has 0 to {count - 1}")
    return list(range(count) if chosen is None else chosen)


def report_folds(experiment: Experiment, output: Path) -> CrossValidationResult:
    """Pool the predictions of all finished folds in `output`, and write the report."""
    folds = experiment.corpus.folds()
    found = {job: read_predictions(job.folder / PREDICTIONS_FILE) for job in finished_jobs(output, folds)}
    rows = [
        fold_row(job.folder, job.fold, job.seed, folds[job.fold], predictions)
        for job, predictions in found.items()
    ]
    predictions = [prediction for fold in found.values() for prediction in fold]
    metrics = score_predictions(predictions)
    curves = [
        read_curve(path.parent, folds[job.fold].name, job.seed)
        for job in found
        for path in sorted(job.folder.glob(f"*/{DONE_FILE}"), reverse=True)
    ]
    title = f"{experiment.corpus.protocol}: {experiment.system}"
    expected = len(folds) * len({job.seed for job in found})
    if len(found) < expected:
        title += f", {len(found)} of {expected} folds so far"
    corpora = {u.name: u.corpus for u in experiment.corpus.utterances if u.corpus is not None}
    write_report(output, title, predictions, metrics, rows, curves, corpora)
    return CrossValidationResult(experiment.corpus.protocol, output, metrics, tuple(predictions))


@dataclass(frozen=True)
class Job:
    """One fold with one seed, and its run folder."""

    fold: int
    seed: int
    folder: Path


def run_jobs(
    experiment: Experiment,
    jobs: Sequence[Job],
    workers: int,
    progress: ProgressCallback,
    engine: str = "local",
) -> None:
    """Train the unfinished jobs, in this process, in `workers` processes or in Ray tasks."""
    unfinished = [job for job in jobs if not (job.folder / RUN_FILE).exists()]
    work_on(partial(run_job, experiment), unfinished, workers, experiment.device, progress, engine)


def run_job(experiment: Experiment, job: Job, progress: ProgressCallback) -> None:
    """Train one fold with one seed, and report its test metrics as progress."""
    fold = experiment.corpus.folds()[job.fold]
    name = f"seed {job.seed}, fold {fold.name}"
    predictions = train_split(
        experiment,
        SpeakerSplit(fold.train, fold.validation, fold.test),
        fold=job.fold,
        seed=job.seed,
        folder=job.folder,
        progress=with_run_name(progress, name),
    )
    test = score_predictions(predictions, resamples=1)
    progress(Epoch(name, text=f"test UA {test.ua:.3f}, WA {test.wa:.3f}"))


def finished_jobs(output: Path, folds: Sequence[Fold]) -> list[Job]:
    """The finished folds in the folder of a cross-validation, by seed and fold."""
    names = (path.name.removeprefix("seed-") for path in output.glob("seed-*"))
    seeds = sorted(int(name) for name in names if name.isdecimal())
    jobs = [
        Job(number, seed, fold_folder(output, seed, fold))
        for seed in seeds
        for number, fold in enumerate(folds)
    ]
    return [job for job in jobs if (job.folder / RUN_FILE).exists()]


def fold_folder(output: Path, seed: int, fold: Fold) -> Path:
    """The run folder of a fold; characters of the speaker's name that are unsafe in paths are escaped."""
    return output / f"seed-{seed}" / f"fold-{quote(fold.name, safe='')}"
