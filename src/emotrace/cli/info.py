"""`emotrace info`: facts about a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emotrace.cli.options import Model
from emotrace.cli.output import DONE, print_line

if TYPE_CHECKING:
    from emotrace.inference.model_config import ModelConfig


def info(*, model: Model = None) -> int:
    """Print a model's emotions, sample rate, system, training data, protocol and measured accuracy."""
    from emotrace.inference.recogniser import load

    facts = _facts(load(model).config)
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        print_line(f"{name:{width}}  {value}")
    return DONE


def _facts(config: ModelConfig) -> list[tuple[str, str]]:
    """Name and value of each fact."""
    seconds = [samples / config.sampling_rate for samples in (config.minimum_samples, config.window_samples)]
    per_frame = config.output == "log_posteriors"
    facts = [
        ("model", f"{config.name}, version {config.version}"),
        ("system", config.system + (" and a classifier of functionals" if config.functionals else "")),
        ("precision", config.precision),
        ("emotions", ", ".join(config.labels)),
        ("rate", f"{config.sampling_rate} Hz, mono"),
        ("length", f"at least {seconds[0]:.3f} s; longer than {seconds[1]:.2f} s: in windows"),
        (
            "timeline",
            f"one frame per {1000 * (config.frame_step_s or 0):.0f} ms" if per_frame else "from short clips",
        ),
        ("trained on", ", then ".join((*config.earlier_corpora, config.corpus or "not stated"))),
        ("protocol", config.protocol or "not stated"),
    ]
    for name, figure in config.figures.items():
        interval = "" if figure.interval is None else " (95 %: {:.3f} to {:.3f})".format(*figure.interval)
        facts.append((name, f"{figure.value:.3f}{interval}"))
    return facts if config.figures else [*facts, ("accuracy", "not measured")]
