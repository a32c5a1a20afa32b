"""The report of a cross-validation: predictions, metrics, confusion matrix, curves and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from emotrace.corpora import Fold
from emotrace.evaluation.calibration import BINS, calibration_error, reliability_png, risk_coverage_png
from emotrace.evaluation.confusion import confusion_png, confusion_text
from emotrace.evaluation.metrics import Metrics, score_by_corpus, score_predictions, spread
from emotrace.evaluation.predictions import Prediction, read_predictions, write_predictions
from emotrace.experiments.learning_curves import Curve, curves_csv, curves_png, read_curve
from emotrace.system.files import write_bytes, write_text
from emotrace.training.recorder import DONE_FILE
from emotrace.training.run_folder import METRICS_FILE, PREDICTIONS_FILE, RUN_FILE, VALIDATION_FILE, Run

NO_CORPORA: Mapping[str, str] = MappingProxyType({})


def fold_row(
    folder: Path, number: int, seed: int, fold: Fold, predictions: Sequence[Prediction]
) -> dict[str, Any]:
    """The entry of a fold in `metrics.json`."""
    run = Run.model_validate_json((folder / RUN_FILE).read_text(encoding="utf-8"))
    test = score_predictions(predictions, resamples=1)
    validation = score_predictions(read_predictions(folder / VALIDATION_FILE), resamples=1)
    return {
        "fold": number,
        "seed": seed,
        "test": list(fold.test),
        "validation": list(fold.validation),
        "n": test.n,
        "ua": test.ua,
        "wa": test.wa,
        "validation_ua": validation.ua,
        "temperature": run.temperature,
        "seconds": run.seconds,
        "stages": {
            curve.stage: {"epochs": len(curve.rows), "best": curve.best + 1}
            for curve in (read_curve(done.parent) for done in sorted(folder.glob(f"*/{DONE_FILE}")))
        },
    }


def write_report(
    output: Path,
    title: str,
    predictions: Sequence[Prediction],
    scores: Metrics,
    rows: Sequence[dict[str, Any]],
    curves: Sequence[Curve],
    corpora: Mapping[str, str] = NO_CORPORA,
) -> None:
    """Write predictions, metrics, pictures and the page of a cross-validation.

    Args:
        corpora: the corpus of each utterance of a collection, by name; empty outside collections
    """
    write_predictions_and_pictures(output, predictions, scores, BINS)
    seeds = sorted({p.seed for p in predictions})
    metrics = {
        "pooled": scores.as_dict(),
        "calibration_error": calibration_error(predictions),
        "over_folds": vars(spread(predictions, "fold")),
        "over_seeds": vars(spread(predictions, "seed")) if len(seeds) > 1 else None,
        "folds": list(rows),
    }
    if corpora:
        by_corpus = score_by_corpus(predictions, corpora)
        metrics["by_corpus"] = {name: found.as_dict() for name, found in by_corpus.items()}
    write_text(output / METRICS_FILE, json.dumps(metrics, indent=2) + "\n")
    write_text(output / "curves.csv", curves_csv(curves))
    write_bytes(output / "curves.png", curves_png(curves))
    write_text(output / "report.md", page(title, scores, metrics, seeds))


def write_predictions_and_pictures(
    output: Path, predictions: Sequence[Prediction], scores: Metrics, bins: int
) -> None:
    """Write the predictions, the confusion matrix, the reliability diagram and the risk-coverage curve.

    Args:
        bins: number of bins of the reliability diagram
    """
    write_predictions(output / PREDICTIONS_FILE, predictions)
    write_bytes(output / "confusion.png", confusion_png(scores.labels, scores.confusion))
    write_bytes(output / "reliability.png", reliability_png(predictions, bins))
    write_bytes(output / "risk-coverage.png", risk_coverage_png(predictions))


def page(title: str, scores: Metrics, metrics: dict[str, Any], seeds: Sequence[int]) -> str:
    """The metrics of a cross-validation as Markdown."""

    def format_spread(group: str, name: str) -> str:
        values = metrics[group]
        deviation = "" if values[f"{name}_sd"] is None else f" ± {values[f'{name}_sd']:.3f}"
        return f"{values[f'{name}_mean']:.3f}{deviation}"

    groups = ["over_folds", *(["over_seeds"] if metrics["over_seeds"] else [])]
    head = ["measure", "pooled", "95 % interval", *(f"mean ± SD {name.replace('_', ' ')}" for name in groups)]
    figures = [
        [
            "WA (accuracy)",
            f"{scores.wa:.3f}",
            str(scores.wa_interval),
            *(format_spread(group, "wa") for group in groups),
        ],
        [
            "UA (UAR)",
            f"{scores.ua:.3f}",
            str(scores.ua_interval),
            *(format_spread(group, "ua") for group in groups),
        ],
        ["macro-F1", f"{scores.macro_f1:.3f}", "", *("" for _ in groups)],
        ["calibration error (ECE)", f"{metrics['calibration_error']:.3f}", "", *("" for _ in groups)],
    ]
    folds = [
        [
            row["seed"],
            ", ".join(row["test"]),
            ", ".join(row["validation"]),
            row["n"],
            f"{row['ua']:.3f}",
            f"{row['wa']:.3f}",
            f"{row['validation_ua']:.3f}",
            ", ".join(f"{name} {s['best']} of {s['epochs']}" for name, s in row["stages"].items()),
            f"{row['seconds']:.0f}",
        ]
        for row in metrics["folds"]
    ]
    corpora = [
        [name, row["n"], f"{row['ua']:.3f}", format_interval(row["ua_interval"]), f"{row['wa']:.3f}"]
        for name, row in metrics.get("by_corpus", {}).items()
    ]
    if corpora:
        mean = sum(row["ua"] for row in metrics["by_corpus"].values()) / len(corpora)
        corpora.append(["mean", "", f"{mean:.3f}", "", ""])
    columns = ["seed", "test", "validation", "n", "UA", "WA", "validation UA", "epoch kept", "seconds"]
    return "\n".join(
        [
            f"# {title}",
            "",
            f"{scores.n} predictions for {scores.speakers} speakers, each by a model not trained on them; "
            f"seeds {', '.join(map(str, seeds))}. Intervals resample speakers.",
            "",
            *table(head, figures),
            "",
            "```",
            confusion_text(scores.labels, scores.confusion),
            "```",
            "",
            *([*table(["corpus", "n", "UA", "95 % interval", "WA"], corpora), ""] if corpora else []),
            "Validation speakers set the temperature, and chose the epoch where it is not the last; their UA "
            "is optimistic then. Each of them is a test speaker of another fold.",
            "",
            *table(columns, folds),
            "",
        ]
    )


def format_interval(ends: Sequence[float] | None) -> str:
    """The ends of an interval in brackets; empty for None."""
    return "" if ends is None else f"[{ends[0]:.3f}, {ends[1]:.3f}]"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table.

    >>> table(["a", "b"], [[1, 2]])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    lines = [head, *rows]
    written = ["| " + " | ".join(map(str, line)) + " |" for line in lines]
    return [written[0], "|" + "---|" * len(head), *written[1:]]
