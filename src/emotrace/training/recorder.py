"""The learning curve of a training stage, and the choice of the epoch whose weights are kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emotrace.errors import RunError
from emotrace.recipe import Stage
from emotrace.system.files import write_text
from emotrace.training.progress import Epoch, ProgressCallback

CURVE_FILE = "curve.csv"
BEST_FILE = "best.safetensors"
LAST_FILE = "last.safetensors"
DONE_FILE = "done"
COLUMNS = ("epoch", "train_loss", "val_loss", "val_ua", "train_ua")


@dataclass(frozen=True)
class ValidationMetrics:
    """Mean log-loss and UA over the validation examples."""

    loss: float
    ua: float


class TrainingRecorder:
    """Keeps the learning curve of a stage, writes it to `curve.csv`, and reports progress.

    `rows` has one row per epoch with the values of `COLUMNS`; the validation columns are NaN where there are
    no validation examples. Values are rounded to single precision, so that UAs that differ only by the order
    in which recalls were added are equal.
    """

    def __init__(
        self, folder: Path, stage: Stage, epochs: int, progress: ProgressCallback, has_validation: bool
    ):
        self.folder, self.stage, self.epochs = folder, stage, epochs
        self.progress, self.has_validation = progress, has_validation
        self.rows: list[list[float]] = []

    @property
    def best(self) -> int:
        """Index of the epoch to keep; the last one where there is no validation."""
        return best_row(self.rows, self.stage.checkpoint_metric) if self.has_validation else len(self) - 1

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the last `patience` of them brought no improvement."""
        return len(self) >= self.epochs or bool(self.rows and len(self) > self.stage.patience + self.best)

    def __len__(self) -> int:
        """Number of finished epochs."""
        return len(self.rows)

    def record(self, train_loss: float, validation: ValidationMetrics | None, train_ua: float) -> None:
        """Add an epoch and write the curve.

        Args:
            train_ua: UA of training utterances without augmentation: a network that does not know even these
                needs more epochs

        Raises:
            RunError: a value is not finite.
        """
        measured = [] if validation is None else [validation.loss, validation.ua]
        values = [float(np.float32(value)) for value in (train_loss, *measured, train_ua)]
        if not all(map(math.isfinite, values)):
            raise RunError(
                f"{self.folder}: the loss is not a number after epoch {len(self) + 1}; choose another "
                "--output, and a recipe with a lower learning_rate for this stage"
            )
        unmeasured = [math.nan] * (len(COLUMNS) - 1 - len(values))
        self.rows.append([len(self), *values[:-1], *unmeasured, values[-1]])
        lines = [",".join(COLUMNS), *(",".join(f"{value:.9g}" for value in row) for row in self.rows)]
        write_text(self.folder / CURVE_FILE, "\n".join(lines) + "\n")

    def report(self) -> None:
        """Report the last epoch as progress."""
        _, train_loss, _, ua, train_ua = self.rows[-1]
        self.progress(
            Epoch(
                stage=self.folder.name,
                number=len(self),
                of=self.epochs,
                loss=train_loss,
                train_ua=train_ua,
                ua=ua if self.has_validation else None,
                best=self.rows[self.best][3],
            )
        )


def best_row(curve: Sequence[Sequence[float]], metric: str) -> int:
    """Index of the row of a learning curve whose weights are kept.

    Args:
        curve: rows with the values of `COLUMNS`
        metric: "ua": the greatest validation UA, and among equal ones, which are common with two speakers,
            the smallest loss; "loss": the smallest validation loss; "last": the last row. Of equal rows the
            first is kept.

    >>> curve = [[0, 1.4, 1.3, 0.5], [1, 1.2, 1.1, 0.75], [2, 1.1, 1.0, 0.75], [3, 0.9, 0.8, 0.6]]
    >>> best_row(curve, "ua"), best_row(curve, "loss")
    (2, 3)
    """
    if metric == "last":
        return len(curve) - 1
    if metric == "loss":
        return min(range(len(curve)), key=lambda index: curve[index][2])
    return max(range(len(curve)), key=lambda index: (curve[index][3], -curve[index][2]))


def best_epoch_count(folder: Path) -> int:
    """Number of epochs after which a finished stage had the weights it kept."""
    return int((folder / DONE_FILE).read_text(encoding="utf-8").split()[1])
