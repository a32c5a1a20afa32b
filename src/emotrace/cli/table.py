"""`emotrace table`: the paper's Table 5 on a corpus."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.options import (
    NO_CORPUS_OPTIONS,
    NO_LABEL_OPTIONS,
    CorpusName,
    CorpusOptions,
    Device,
    Engine,
    Folds,
    LabelOptions,
    Protocol,
    Recipes,
    Root,
    Seeds,
    parse_numbers,
)
from emotrace.cli.output import DONE, print_report
from emotrace.cli.ray_messages import ray_messages_discarded
from emotrace.distributed.cluster import require_ray
from emotrace.experiments.requirements import require_training_packages


def table(
    *,
    name: CorpusName,
    systems: str,
    output: Path,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
    label_options: LabelOptions = NO_LABEL_OPTIONS,
    protocol: Protocol = None,
    recipe: Recipes = (),
    folds: Folds = None,
    seeds: Seeds = "1",
    device: Device = "auto",
    engine: Engine = "local",
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

    if engine == "ray":
        require_ray()
    with show_progress() as progress, ray_messages_discarded(engine):
        report = run_table(
            name,
            root,
            output=output,
            systems=None if systems == "all" else [part.strip() for part in systems.split(",")],
            recipe=recipe,
            folds=None if folds is None else parse_numbers(folds, "--folds"),
            seeds=parse_numbers(seeds, "--seeds"),
            device=device,
            engine=engine,
            corpus_options=corpus_options.as_dict(),
            **label_options.as_dict(),
            protocol=protocol,
            progress=progress,
        )
    print_report(report)
    return DONE
