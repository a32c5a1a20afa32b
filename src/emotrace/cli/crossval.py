"""`emotrace crossval`: cross-validation by the protocol of a corpus."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.options import ALL_FOLDS, DEFAULT_SYSTEM, ExperimentOptions, FoldOptions, Init, System
from emotrace.cli.output import DONE, print_line, print_report
from emotrace.cli.ray_messages import ray_messages_discarded
from emotrace.distributed.cluster import require_ray
from emotrace.experiments.requirements import require_training_packages


def crossval(
    *,
    experiment: ExperimentOptions,
    output: Path,
    system: System = DEFAULT_SYSTEM,
    fold_options: FoldOptions = ALL_FOLDS,
    init: Init = None,
) -> int:
    """Train and test one model per fold of a corpus's protocol, on different speakers.

    The same command resumes an interrupted cross-validation and keeps finished folds.

    Parameters
    ----------
    output
        Folder of the cross-validation: predictions, metrics, and a run folder for each fold.
    """
    require_training_packages()
    from emotrace.experiments.cross_validation import cross_validate
    from emotrace.training.progress import show_progress

    engine = fold_options.engine
    if engine == "ray":
        require_ray()
    with show_progress() as progress, ray_messages_discarded(engine):
        result = cross_validate(
            experiment.name,
            experiment.root,
            output=output,
            system=system,
            init=init,
            progress=progress,
            **experiment.as_dict(),
            **fold_options.as_dict(),
        )
    print_line(f"{result.protocol}, {system}")
    print_report(result.metrics.as_text())
    return DONE
