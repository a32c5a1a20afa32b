"""What a stage of training keeps as it goes: its learning curve, its best weights, and all to go on from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L

from emotrace.errors import RunError
from emotrace.recipe import Stage
from emotrace.system.files import write_text
from emotrace.training.progress import Epoch, ProgressCallback

CURVE_FILE = "curve.csv"
BEST_FILE = "best.safetensors"
LAST_FILE = "last.safetensors"
DONE_FILE = "done"


class TrainingRecorder(L.Callback):
    """Keeps what a stage has come to: its learning curve as CSV, the best weights, and all to go on from.

    What is best is for `best_row` to say. Lightning's own callbacks for this forget the best where a folder
    was moved, and train on where a run was killed after it had stopped early.
    """

    COLUMNS = ("epoch", "train_loss", "val_loss", "val_ua")

    def __init__(self, folder: Path, stage: Stage, progress: ProgressCallback, judges: bool = True):
        self.folder, self.stage, self.progress, self.judges = folder, stage, progress, judges
        self.rows: list[list[float]] = []

    @property
    def best(self) -> int:
        """Place of the best row; the last where nothing judges."""
        return best_row(self.rows, self.stage.checkpoint_metric) if self.judges else len(self.rows) - 1

    @property
    def spent(self) -> bool:
        """Whether no epoch has been better for as long as patience lasts."""
        return len(self.rows) > self.stage.patience + self.best if self.rows else False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Stop at once where the run was killed after its last epoch."""
        trainer.should_stop = self.spent

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write first what can be written again, and last what says that the epoch is over."""
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        self.rows.append([trainer.current_epoch, *(metrics.get(key, math.nan) for key in self.COLUMNS[1:])])
        if not all(map(math.isfinite, self.rows[-1][: None if self.judges else 2])):
            raise RunError(
                f"{self.folder}: the loss is not a number after epoch {len(self.rows)}; choose another "
                "--output, and a recipe with a lower learning_rate for this stage"
            )
        lines = [",".join(self.COLUMNS), *(",".join(f"{value:.9g}" for value in row) for row in self.rows)]
        write_text(self.folder / CURVE_FILE, "\n".join(lines) + "\n")
        if self.best == len(self.rows) - 1:
            trainer.save_checkpoint(self.folder / BEST_FILE, weights_only=True)
        trainer.should_stop = self.spent
        trainer.save_checkpoint(self.folder / LAST_FILE)
        epoch, train_loss, _, ua = self.rows[-1]
        self.progress(
            Epoch(
                stage=self.folder.name,
                number=int(epoch) + 1,
                of=trainer.max_epochs or 0,
                loss=train_loss,
                ua=ua if self.judges else None,
                best=self.rows[self.best][3],
            )
        )

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after these rows."""
        self.rows = state_dict["rows"]


def best_row(curve: Sequence[Sequence[float]], select: str) -> int:
    """Place of the row of a learning curve whose weights are kept.

    "ua": the greatest validation UA; among equals, which are common with two speakers, the smallest loss.
    "loss": the smallest validation loss. Either way the earliest of equals. "last": the last, so that nobody
    chooses.

    >>> curve = [[0, 1.4, 1.3, 0.5], [1, 1.2, 1.1, 0.75], [2, 1.1, 1.0, 0.75], [3, 0.9, 0.8, 0.6]]
    >>> best_row(curve, "ua"), best_row(curve, "loss")
    (2, 3)
    """
    if select == "last":
        return len(curve) - 1
    if select == "loss":
        return min(range(len(curve)), key=lambda place: curve[place][2])
    return max(range(len(curve)), key=lambda place: (curve[place][3], -curve[place][2]))


def best_epoch_count(folder: Path) -> int:
    """After how many epochs a finished stage had the weights it kept."""
    return int((folder / DONE_FILE).read_text(encoding="utf-8").split()[1])
