"""`emotrace crossval`: cross-validation by the protocol of a corpus."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.options import (
    DEFAULT_SYSTEM,
    NO_CORPUS_OPTIONS,
    NO_LABEL_OPTIONS,
    CorpusName,
    CorpusOptions,
    Device,
    Engine,
    Folds,
    Init,
    LabelOptions,
    Protocol,
    Recipes,
    Root,
    Seeds,
    System,
    parse_numbers,
)
from emotrace.cli.output import DONE, print_line, print_report
from emotrace.cli.ray_messages import ray_messages_discarded
from emotrace.distributed.cluster import require_ray
from emotrace.experiments.requirements import require_training_packages


def crossval(
    *,
    name: CorpusName,
    output: Path,
    root: Root = None,
    corpus_options: CorpusOptions = NO_CORPUS_OPTIONS,
    label_options: LabelOptions = NO_LABEL_OPTIONS,
    protocol: Protocol = None,
    system: System = DEFAULT_SYSTEM,
    recipe: Recipes = (),
    folds: Folds = None,
    seeds: Seeds = "1",
    init: Init = None,
    device: Device = "auto",
    engine: Engine = "local",
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

    if engine == "ray":
        require_ray()
    with show_progress() as progress, ray_messages_discarded(engine):
        result = cross_validate(
            name,
            root,
            output=output,
            system=system,
            recipe=recipe,
            folds=None if folds is None else parse_numbers(folds, "--folds"),
            seeds=parse_numbers(seeds, "--seeds"),
            init=init,
            device=device,
            engine=engine,
            corpus_options=corpus_options.as_dict(),
            **label_options.as_dict(),
            protocol=protocol,
            progress=progress,
        )
    print_line(f"{result.protocol}, {system}")
    print_report(result.metrics.as_text())
    return DONE
