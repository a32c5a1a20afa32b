"""What a cross-validation leaves beside its folds: predictions, metrics, confusion matrix and curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emotrace.corpora import Fold
from emotrace.files import write_bytes, write_text
from emotrace.training.confusion import confusion_png
from emotrace.training.curves import Curve, curves_csv, curves_png, read_curve
from emotrace.training.evaluation import Scores, score_predictions, spread
from emotrace.training.predictions import Prediction, read_predictions, write_predictions
from emotrace.training.runs import METRICS_FILE, PREDICTIONS_FILE, RUN_FILE, VALIDATION_FILE, Run
from emotrace.training.stage import CURVE_FILE, DONE_FILE


def fold_row(
    folder: Path, number: int, seed: int, fold: Fold, predictions: Sequence[Prediction]
) -> dict[str, Any]:
    """A fold's line in `metrics.json`."""
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
            done.parent.name: {
                "epochs": int(done.read_text()),
                "best": read_curve(done.parent / CURVE_FILE).best + 1,
            }
            for done in sorted(folder.glob(f"*/{DONE_FILE}"))
        },
    }


def write_report(
    output: Path,
    predictions: Sequence[Prediction],
    scores: Scores,
    rows: Sequence[dict[str, Any]],
    curves: Sequence[Curve],
) -> None:
    """Predictions, metrics, confusion matrix and learning curves of a whole cross-validation."""
    write_predictions(output / PREDICTIONS_FILE, predictions)
    seeds = sorted({p.seed for p in predictions})
    metrics = {
        "pooled": scores.as_dict(),
        "over_folds": vars(spread(predictions, "fold")),
        "over_seeds": vars(spread(predictions, "seed")) if len(seeds) > 1 else None,
        "folds": list(rows),
    }
    write_text(output / METRICS_FILE, json.dumps(metrics, indent=2) + "\n")
    write_bytes(output / "confusion.png", confusion_png(scores.labels, scores.confusion))
    write_text(output / "curves.csv", curves_csv(curves))
    write_bytes(output / "curves.png", curves_png(curves))
