"""`emotrace train`: trains one model."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.options import (
    DEFAULT_SYSTEM,
    NO_CORPUS_OPTIONS,
    NO_LABEL_OPTIONS,
    CorpusName,
    CorpusOptions,
    Device,
    Init,
    LabelOptions,
    Recipes,
    Root,
    Seed,
    System,
)
from emotrace.cli.output import DONE, print_line, print_report
from emotrace.experiments.requirements import require_training_packages


def train(
    *,
    name: CorpusName,
    output: Path,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
    label_options: LabelOptions = NO_LABEL_OPTIONS,
    system: System = DEFAULT_SYSTEM,
    recipe: Recipes = (),
    seed: Seed = 1,
    init: Init = None,
    device: Device = "auto",
) -> int:
    """Train a model on a corpus. The same command resumes an interrupted training.

    The printed metrics are measured on the validation speakers of the first fold, who also choose the epoch
    unless the recipe fixes it. Speakers that the protocol reserves for testing are never used.

    Parameters
    ----------
    output
        Run folder. The finished model is in its subfolder model.
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
            corpus_options=corpus_options.as_dict(),
            **label_options.as_dict(),
            progress=progress,
        )
    print_line(f"measured on the validation speakers, who also {result.validation_role}")
    print_report(result.metrics.as_text())
    print_line(str(result.model_folder))
    return DONE
