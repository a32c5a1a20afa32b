"""`emotrace demo`: trains and applies a model on synthetic speech."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.output import DONE, print_report
from emotrace.experiments.requirements import require_training_packages


def demo(*, output: Path = Path("runs/demo")) -> int:
    """Train a model on synthetic speech, test it on other speakers, and draw the timeline of a clip.

    Parameters
    ----------
    output
        Folder for the run, the model and the picture.
    """
    require_training_packages()
    from emotrace.experiments.demo import run_demo
    from emotrace.training.progress import show_progress

    with show_progress() as progress:
        report = run_demo(output, progress)
    print_report(report)
    return DONE
