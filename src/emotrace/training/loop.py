"""One stage of training: a model, clips, a loss; the weights that are best on the validation speakers."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

from emotrace.models.heads.head import Objective
from emotrace.recipe import Stage
from emotrace.system.files import write_text
from emotrace.training.checkpoints import SafetensorsIO
from emotrace.training.class_weights import class_weights
from emotrace.training.data.examples import Batch, Example, epoch_batches
from emotrace.training.memory import give_back_freed_memory, keep_freed_memory
from emotrace.training.optimisers import optimiser, rate_factor
from emotrace.training.precision import trains_in_bfloat16
from emotrace.training.progress import ProgressCallback
from emotrace.training.recorder import BEST_FILE, DONE_FILE, LAST_FILE, TrainingRecorder
from emotrace.training.scoring import example_scores, log_loss, model_log_scores, recall_mean
from emotrace.training.seeds import seed_of

Change = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class StageData:
    """What a stage learns from and what it is judged on; `change` augments a window of a training clip."""

    train: Sequence[Example]
    validation: Sequence[Example]
    labels: int
    change: Change | None = None


class Streamed(IterableDataset[Any]):
    """Items that are made when their turn comes, anew in each pass, for a loader that passes them on."""

    def __init__(self, items: Callable[[], Iterable[Any]]):
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items())


class StageModule(L.LightningModule):
    """What Lightning trains in a stage. Random state follows from the seed, epoch and batch alone."""

    def __init__(self, model: nn.Module, data: StageData, objective: Objective, stage: Stage, seed: int):
        super().__init__()
        self.model, self.data, self.objective, self.stage, self.seed = model, data, objective, stage, seed
        whole = [example for example in data.train if not example.parts]
        self.weights = class_weights(whole, data.labels, stage.class_weights)
        # Two speakers' UA jumps from epoch to epoch; that of averaged weights far less.
        self.averaged = copy.deepcopy(model).requires_grad_(False) if stage.ema_decay else None

    @property
    def judged(self) -> nn.Module:
        """What validation judges and the stage ends with: the averaged weights, where there are any."""
        return self.model if self.averaged is None else self.averaged

    def on_train_batch_end(self, *_: Any) -> None:
        """Let the average follow; at first it follows faster, so that it forgets the initial weights."""
        if self.averaged is None:
            return
        keep = min(self.stage.ema_decay, (1 + self.global_step) / (10 + self.global_step))
        current = self.model.state_dict()
        for name, value in self.averaged.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - keep)
            else:
                value.copy_(current[name])

    def configure_optimizers(self) -> Any:
        """Keras's optimiser with its decay, step by step."""
        steps = self.stage.epochs * -(-len(self.data.train) // self.stage.batch_size)
        adam = optimiser(self.model.parameters(), self.stage)
        schedule = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: rate_factor(step, steps, self.stage))
        return {"optimizer": adam, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def train_dataloader(self) -> Any:
        """The batches of the current epoch, the same whether or not the run was interrupted."""
        data, batch, seed = self.data, self.stage.batch_size, seed_of(self.seed, self.current_epoch)

        def batches() -> Iterator[Batch]:
            return epoch_batches(data.train, batch, torch.Generator().manual_seed(seed), data.change)

        return DataLoader(Streamed(batches), batch_size=None)

    def val_dataloader(self) -> Any:
        """One turn; validation goes over its clips by itself."""
        return DataLoader(Streamed(lambda: [0]), batch_size=None)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Loss of one batch."""
        # Once an epoch is not enough: loaders draw from the global generator too, more often after a restart.
        torch.manual_seed(seed_of(self.seed, self.current_epoch, index))
        output, steps = self.model(batch.x, batch.lengths)
        weights = self.weights.to(output.device)
        loss = self.objective.loss(
            output, steps, batch.labels, batch.parts, weights, self.stage.label_smoothing
        )
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.labels))
        return loss

    def validation_step(self, *_: Any) -> None:
        """UA and mean log-loss over the validation speakers, in full precision."""
        examples = self.data.validation
        truth = [example.label for example in examples]
        with torch.autocast(self.device.type, enabled=False):
            logs = model_log_scores(self.judged, examples, self.objective)
            scores = example_scores(logs, examples)
        self.model.train()
        self.log_dict(
            {"val_ua": recall_mean(scores, truth), "val_loss": log_loss(scores, truth)}, batch_size=1
        )


def run_stage(
    model: nn.Module,
    data: StageData,
    objective: Objective,
    stage: Stage,
    *,
    seed: int,
    folder: Path,
    progress: ProgressCallback,
    precision: str = "float32",
    device: str = "cpu",
    epochs: int | None = None,
) -> None:
    """Train `model` in place; it ends with the weights that were best on the validation clips.

    Where `data` has no validation clips, it ends with those after the first `epochs` of the schedule.

    After every epoch `folder` holds all that is needed to go on: called again with the same arguments, the
    stage goes on from there, and ends with the same weights as if it had not been interrupted.
    """
    io = SafetensorsIO()
    last, best, done = folder / LAST_FILE, folder / BEST_FILE, folder / DONE_FILE
    if not (done.exists() and best.exists()):
        quiet()
        keep_freed_memory()
        judges = bool(data.validation)
        recorder = TrainingRecorder(folder, stage, progress, judges)
        trainer = L.Trainer(
            accelerator="gpu" if device == "cuda" else "cpu",
            devices=1,
            max_epochs=epochs or stage.epochs,
            limit_val_batches=None if judges else 0,
            precision="bf16-mixed" if trains_in_bfloat16(precision, device) else "32-true",
            plugins=[io],
            callbacks=[recorder],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
        )
        module = StageModule(model.train(), data, objective, stage, seed)
        try:
            trainer.fit(module, ckpt_path=str(last) if last.exists() else None)
        except SystemExit:  # what Lightning makes of an interruption
            raise KeyboardInterrupt from None
        write_text(done, f"{len(recorder.rows)} {recorder.best + 1}\n")  # epochs there were, and the one kept
        last.unlink(missing_ok=True)
        del module, trainer
        give_back_freed_memory()
    weights = io.load_checkpoint(best)["state_dict"]
    prefix = "averaged." if stage.ema_decay else "model."
    model.load_state_dict(
        {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    )
    model.eval()


def quiet() -> None:
    """Silence what Lightning says on its own account; the curve tells how it goes."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for text in (".*does not have many workers.*", ".*exists and is not empty.*", ".*GPU available.*",
                 ".*The number of training batches.*", ".*isinstance.*LeafSpec.*"):  # fmt: skip
        warnings.filterwarnings("ignore", text)
