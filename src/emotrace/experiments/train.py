"""Train one model on a corpus and export it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emotrace.corpora import OpenCorpus
from emotrace.evaluation.metrics import Metrics
from emotrace.experiments.checks import check_trained_emotions
from emotrace.experiments.preparation import DEFAULT_SYSTEM, prepare_experiment
from emotrace.export.run_export import export_run
from emotrace.training.processes import joined_processes, own_folder, process_number
from emotrace.training.progress import ProgressCallback, no_progress
from emotrace.training.split import final_split, train_run


@dataclass(frozen=True)
class TrainingResult:
    """A finished training.

    Attributes:
        folder: the run folder
        model_folder: the exported model in it, which `emotrace.load` reads
        metrics: measured on the validation speakers
        validation_role: what the validation speakers decided, such as "chose the epochs"; the metrics are
            optimistic because of it
    """

    folder: Path
    model_folder: Path
    metrics: Metrics
    validation_role: str


def train(
    corpus: str | OpenCorpus,
    root: str | Path | None = None,
    *,
    output: str | Path,
    system: str = DEFAULT_SYSTEM,
    recipe: Sequence[str | Path] = (),
    seed: int = 1,
    init: str | Path | None = None,
    device: str = "auto",
    corpus_options: Mapping[str, str | bool] | None = None,
    label_map: Mapping[str, str] | None = None,
    emotions: Sequence[str] | None = None,
    progress: ProgressCallback | None = None,
) -> TrainingResult:
    """Train a model on a corpus, and export it to `output`/model.

    The validation speakers of the protocol's first fold set the temperature and, depending on the recipe,
    choose the epochs. All other speakers train the model, except those that the protocol reserves for tests.
    An interrupted training resumes when it is called again with the same arguments. If torchrun starts
    several processes, they train one model, and the first of them writes it.

    Args:
        corpus: name of a corpus, such as "emodb", or an open corpus
        root: folder of the corpus; only with a name
        output: the run folder, empty or that of the same training
        system: a row of Table 5 of Zhao et al. (2021)
        recipe: TOML files, or names of shipped recipes, laid over one another in order
        seed: fixes all random numbers
        init: folder of a model whose weights training starts from; None: random weights
        device: "auto", "cpu" or "cuda"
        corpus_options: options of the corpus, such as {"allow_missing": True}
        label_map: new names of emotions, such as {"angry": "anger"}; codes of the corpus may be renamed too
        emotions: the emotions to keep, by their new names; None keeps all
        progress: called after every epoch

    Raises:
        CorpusError: the corpus is unknown, missing or damaged.
        RecipeError: the system or a setting is unknown, they do not fit each other, or the device is missing.
        ModelError: `init` is not a model folder with weights for training.
        RunError: `output` holds something else.

    >>> import emotrace
    >>> result = emotrace.train("emodb", "data/emodb", output="runs/emodb")  # doctest: +SKIP
    >>> emotrace.load(result.model_folder)("a.wav").label  # doctest: +SKIP
    'anger'
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
    )
    folder = Path(output)
    check_trained_emotions(experiment.corpus, [("0", final_split(experiment.corpus).train)])
    first = process_number() == 0
    with joined_processes(experiment.device), own_folder(folder) as own:
        report = progress if progress is not None and first else no_progress
        metrics = train_run(experiment, seed=seed, folder=own, progress=report)
        if first:
            export_run(folder, folder / "model")
    return TrainingResult(folder, folder / "model", metrics, experiment.recipe.validation_role)
