"""One stage of training: a model, clips, a loss; the weights that are best on the validation speakers."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from emotrace.files import write_text
from emotrace.model.ctc import ctc_loss, repeated_target
from emotrace.recipe import Stage
from emotrace.training.checkpoints import SafetensorsIO
from emotrace.training.clips import Batch, Clip, epoch_batches
from emotrace.training.optimisers import optimiser, rate_factor
from emotrace.training.progress import Epoch, Tell
from emotrace.training.scoring import clip_scores, log_loss, recall_mean, window_log_scores
from emotrace.training.seeds import seed_of

Change = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class StageData:
    """What a stage learns from and what it is judged on; `change` augments a window of a training clip."""

    train: Sequence[Clip]
    validation: Sequence[Clip]
    labels: int
    change: Change | None = None


@dataclass(frozen=True)
class Objective:
    """The loss of a stage: "cross-entropy", or "ctc" with its target and the 10-ms frames of a step."""

    loss: str
    ctc_target: str = "single"
    frames_per_step: int = 1

    def __call__(
        self, output: Tensor, steps: Tensor, labels: Tensor, weights: Tensor, smoothing: float
    ) -> Tensor:
        """Mean over utterances of the loss times its class's weight, as Keras counts class weights."""
        if self.loss == "ctc":
            sizes = zip(labels.tolist(), steps.tolist(), strict=True)
            targets = [self._target(label, size) for label, size in sizes]
            return ctc_loss(output, steps, targets, weights)
        losses = F.cross_entropy(output, labels, reduction="none", label_smoothing=smoothing)
        return (losses * weights[labels]).mean()

    def _target(self, label: int, steps: int) -> list[int]:
        if self.ctc_target == "repeated":
            return repeated_target(label, steps * self.frames_per_step)
        return [label]


def class_weights(clips: Sequence[Clip], labels: int, kind: str) -> Tensor:
    """(K,): all 1, or N / (K n_c) where `kind` is "balanced"."""
    if kind == "none":
        return torch.ones(labels)
    counts = torch.bincount(torch.tensor([clip.label for clip in clips]), minlength=labels)
    return len(clips) / (labels * counts.clamp(min=1)).float()


class Listed(Dataset[Any]):
    """Items that are there already, for a loader that passes them on."""

    def __init__(self, items: Sequence[Any]):
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


class StageModule(L.LightningModule):
    """What Lightning trains in a stage. Random state follows from the seed and the epoch alone."""

    def __init__(self, model: nn.Module, data: StageData, objective: Objective, stage: Stage, seed: int):
        super().__init__()
        self.model, self.data, self.objective, self.stage, self.seed = model, data, objective, stage, seed
        self.weights = class_weights(data.train, data.labels, stage.class_weights)

    def configure_optimizers(self) -> Any:
        """Keras's optimiser with its decay, step by step."""
        steps = self.stage.epochs * -(-len(self.data.train) // self.stage.batch)
        adam = optimiser(self.model.parameters(), self.stage)
        schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: rate_factor(step, steps, self.stage))
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> Any:
        """The batches of the current epoch, the same whether or not the run was interrupted."""
        epoch_seed = seed_of(self.seed, self.current_epoch)
        torch.manual_seed(epoch_seed)
        generator = torch.Generator().manual_seed(epoch_seed)
        batches = epoch_batches(self.data.train, self.stage.batch, generator, self.data.change)
        return DataLoader(Listed(list(batches)), batch_size=None)

    def val_dataloader(self) -> Any:
        """One turn; validation goes over its clips by itself."""
        return DataLoader(Listed([0]), batch_size=None)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """Loss of one batch."""
        output, steps = self.model(batch.x, batch.lengths)
        loss = self.objective(
            output, steps, batch.labels, self.weights.to(output.device), self.stage.label_smoothing
        )
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.labels))
        return loss

    def validation_step(self, *_: Any) -> None:
        """UA and mean log-loss over the validation speakers, in full precision."""
        clips = self.data.validation
        truth = [clip.label for clip in clips]
        with torch.autocast(self.device.type, enabled=False):
            scores = clip_scores(window_log_scores(self.model, clips, self.objective.loss), clips)
        self.model.train()
        ua, loss = recall_mean(scores, truth), log_loss(scores, truth)
        # UA decides; among equals, which are common with two speakers, the smaller loss.
        self.log_dict({"val_ua": ua, "val_loss": loss, "val_score": ua - 1e-4 * loss}, batch_size=1)


class Curve(L.Callback):
    """Keeps a stage's learning curve, writes it as CSV after each epoch, and tells how it goes."""

    COLUMNS = ("epoch", "train_loss", "val_loss", "val_ua")

    def __init__(self, path: Path, stage: str, tell: Tell):
        self.path, self.stage, self.tell = path, stage, tell
        self.rows: list[list[float]] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add a row."""
        metrics = {key: float(value) for key, value in trainer.callback_metrics.items()}
        self.rows.append([trainer.current_epoch, *(metrics[key] for key in self.COLUMNS[1:])])
        lines = [",".join(self.COLUMNS), *(",".join(f"{value:.6g}" for value in row) for row in self.rows)]
        write_text(self.path, "\n".join(lines) + "\n")
        epoch, train_loss, _, ua = self.rows[-1]
        best = max(row[3] for row in self.rows)
        self.tell(
            Epoch(
                stage=self.stage,
                number=int(epoch) + 1,
                of=trainer.max_epochs or 0,
                loss=train_loss,
                ua=ua,
                best=best,
            )
        )

    def state_dict(self) -> dict[str, Any]:
        """The rows so far."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on after these rows."""
        self.rows = state_dict["rows"]


def run_stage(
    model: nn.Module,
    data: StageData,
    objective: Objective,
    stage: Stage,
    *,
    seed: int,
    folder: Path,
    tell: Tell,
    precision: str = "float32",
    device: str = "cpu",
) -> None:
    """Train `model` in place; it ends with the weights that were best on the validation clips.

    After every epoch `folder` holds all that is needed to go on: called again with the same arguments, the
    stage goes on from there, and ends with the same weights as if it had not been interrupted.
    """
    io = SafetensorsIO()
    last, best = folder / "last.safetensors", folder / "best.safetensors"
    done = folder / "done"
    if not done.exists():
        quiet()
        keep_best = ModelCheckpoint(
            folder, "best", monitor="val_score", mode="max", save_weights_only=True,
            enable_version_counter=False, save_on_train_epoch_end=True,
        )  # fmt: skip
        keep_last = ModelCheckpoint(
            folder, "last", enable_version_counter=False, save_on_train_epoch_end=True
        )
        keep_best.FILE_EXTENSION = keep_last.FILE_EXTENSION = ".safetensors"
        curve = Curve(folder / "curve.csv", folder.name, tell)
        stop = EarlyStopping("val_score", mode="max", patience=stage.patience, check_on_train_epoch_end=True)
        trainer = L.Trainer(
            accelerator="gpu" if device == "cuda" else "cpu",
            devices=1,
            max_epochs=stage.epochs,
            precision="bf16-mixed" if precision == "bfloat16" else "32-true",
            plugins=[io],
            callbacks=[stop, curve, keep_best, keep_last],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
        )
        module = StageModule(model, data, objective, stage, seed)
        try:
            trainer.fit(module, ckpt_path=str(last) if last.exists() else None)
        except SystemExit:  # what Lightning makes of an interruption
            raise KeyboardInterrupt from None
        write_text(done, f"{trainer.current_epoch}\n")
        last.unlink(missing_ok=True)
    weights = io.load_checkpoint(best)["state_dict"]
    model.load_state_dict({name.removeprefix("model."): value for name, value in weights.items()})
    model.eval()


def quiet() -> None:
    """Silence what Lightning says on its own account; the curve tells how it goes."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for text in (".*does not have many workers.*", ".*exists and is not empty.*", ".*GPU available.*",
                 ".*The number of training batches.*", ".*isinstance.*LeafSpec.*"):  # fmt: skip
        warnings.filterwarnings("ignore", text)
