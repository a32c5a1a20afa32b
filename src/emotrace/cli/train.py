"""`emotrace train`: trains one model."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.options import DEFAULT_SYSTEM, ExperimentOptions, Init, Seed, System
from emotrace.cli.output import DONE, print_line, print_report
from emotrace.experiments.requirements import require_training_packages


def train(
    *,
    experiment: ExperimentOptions,
    output: Path,
    system: System = DEFAULT_SYSTEM,
    seed: Seed = 1,
    init: Init = None,
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
    from emotrace.training.processes import process_number
    from emotrace.training.progress import show_progress

    with show_progress() as progress:
        result = train_model(
            experiment.name,
            experiment.root,
            output=output,
            system=system,
            seed=seed,
            init=init,
            progress=progress,
            **experiment.as_dict(),
        )
    if process_number() > 0:  # the first process reports
        return DONE
    print_line(f"measured on the validation speakers, who also {result.validation_role}")
    print_report(result.metrics.as_text())
    print_line(str(result.model_folder))
    return DONE
