"""`emotrace table`: the paper's Table 5 on a corpus."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.options import ALL_FOLDS, ExperimentOptions, FoldOptions
from emotrace.cli.output import DONE, print_report
from emotrace.cli.ray_messages import ray_messages_discarded
from emotrace.distributed.cluster import require_ray
from emotrace.experiments.requirements import require_training_packages


def table(
    *,
    experiment: ExperimentOptions,
    systems: str,
    output: Path,
    fold_options: FoldOptions = ALL_FOLDS,
) -> int:
    """Cross-validate several systems on a corpus, and compare them with Table 5 of the paper.

    The same command resumes an interrupted table and keeps finished folds. Systems with the same front share
    its training.

    Parameters
    ----------
    systems
        Rows of Table 5, separated by commas, such as pcnse,pcnse-sadrn-ctc; or all, for every system
        without a pretrained encoder.
    output
        Folder of the table. The cross-validation of each system is a subfolder.
    """
    require_training_packages()
    from emotrace.experiments.table.run import run_table
    from emotrace.training.progress import show_progress

    engine = fold_options.engine
    if engine == "ray":
        require_ray()
    with show_progress() as progress, ray_messages_discarded(engine):
        report = run_table(
            experiment.name,
            experiment.root,
            output=output,
            systems=None if systems == "all" else [part.strip() for part in systems.split(",")],
            progress=progress,
            **experiment.as_dict(),
            **fold_options.as_dict(),
        )
    print_report(report)
    return DONE
