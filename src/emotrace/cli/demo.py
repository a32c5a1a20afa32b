"""`emotrace demo`: the shipped model on a recording, then training on synthetic speech."""

from __future__ import annotations

from pathlib import Path

from emotrace.cli.output import DONE, print_message, print_report
from emotrace.experiments.requirements import require_training_packages


def demo(*, audio: Path | None = None, output: Path = Path("runs/demo")) -> int:
    """Trace a recording with the shipped model, then train a model on synthetic speech and test it.

    Parameters
    ----------
    audio
        A recording for the shipped model. By default, a synthetic clip.
    output
        Folder for the run, the model and the pictures.
    """
    require_training_packages()
    from emotrace.experiments.demo import trace_with_shipped_model, train_and_trace
    from emotrace.training.progress import show_progress

    print_report(trace_with_shipped_model(audio, output / "shipped-model.png") + "\n")
    print_message("training on synthetic speech, which takes two or three minutes on two cores")
    with show_progress() as progress:
        demonstration = train_and_trace(output, progress)
    print_report(demonstration.as_text())
    return DONE
