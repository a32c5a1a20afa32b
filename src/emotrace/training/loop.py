"""One training stage: epochs of optimiser steps, validation, checkpoints, early stopping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from emotrace.errors import RunError
from emotrace.models.heads.head import Objective
from emotrace.models.state_names import with_current_names
from emotrace.recipe import Stage
from emotrace.system.files import write_text
from emotrace.training.checkpoints import load_checkpoint, save_checkpoint
from emotrace.training.class_weights import class_weights
from emotrace.training.data.examples import Example, epoch_batches
from emotrace.training.memory import give_back_freed_memory, keep_freed_memory
from emotrace.training.optimisers import optimiser, rate_factor
from emotrace.training.precision import trains_in_bfloat16
from emotrace.training.processes import process_number, share_of, sum_gradients, sum_over_processes
from emotrace.training.progress import ProgressCallback
from emotrace.training.recorder import (
    BEST_FILE,
    DONE_FILE,
    LAST_FILE,
    TrainingRecorder,
    ValidationMetrics,
)
from emotrace.training.scoring import example_scores, log_loss, model_log_scores, recall_mean
from emotrace.training.seeds import seed_of
from emotrace.training.weight_average import WeightAverage

CLEAN_UTTERANCES = 128  # training utterances that are measured after each epoch

Change = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class StageData:
    """Training and validation examples of a stage; `change` augments a window of a training example."""

    train: Sequence[Example]
    validation: Sequence[Example]
    labels: int
    change: Change | None = None


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
    """Train `model` in place; it ends on the CPU, in evaluation mode, with the weights of the best epoch.

    Where `data` has no validation examples, these are the weights after the last epoch. `epochs` ends the
    stage earlier than the recipe does, without changing its schedule.

    After every epoch `folder` holds all that is needed to resume: called again with the same arguments, the
    stage continues from there, and ends with the same weights as if it had not been interrupted.

    Raises:
        RunError: the loss is not finite, or a checkpoint cannot be read.
    """
    last, best, done = folder / LAST_FILE, folder / BEST_FILE, folder / DONE_FILE
    if not (done.exists() and best.exists()):
        keep_freed_memory()
        recorder = TrainingRecorder(folder, stage, epochs or stage.epochs, progress, bool(data.validation))
        trainer = StageTrainer(model, data, objective, stage, seed, device)
        if last.exists():
            trainer.resume(last, recorder)
        bfloat16 = trains_in_bfloat16(precision, device)
        while not recorder.finished:
            loss = trainer.train_epoch(len(recorder), bfloat16)
            recorder.record(
                loss, trainer.validate() if data.validation else None, trainer.clean_training_ua()
            )
            if recorder.best == len(recorder) - 1:
                save_checkpoint({"weights": trainer.kept_model.state_dict()}, best)
            trainer.save(last, recorder)
            recorder.report()
        model.cpu()
        write_text(done, f"{len(recorder)} {recorder.best + 1}\n")  # number of epochs, and the one kept
        last.unlink(missing_ok=True)
        del trainer
        give_back_freed_memory()
    model.load_state_dict(load_best_weights(best))
    model.eval()


class StageTrainer:
    """Model, optimiser and weight average of a stage.

    Random numbers of an optimiser step depend on the seed, the epoch and the step alone, so that a resumed
    training draws the same ones.
    """

    def __init__(
        self,
        model: nn.Module,
        data: StageData,
        objective: Objective,
        stage: Stage,
        seed: int,
        device: str,
    ):
        self.model, self.data, self.objective, self.stage = model.to(device), data, objective, stage
        self.seed, self.device = seed, device
        utterances = [example for example in data.train if not example.parts]
        self.class_weights = class_weights(utterances, data.labels, stage.class_weights).to(device)
        self.optimiser = optimiser(self.model.parameters(), stage)
        self.average = WeightAverage(self.model, stage.ema_decay) if stage.ema_decay else None
        self.step = 0  # optimiser steps so far

    @property
    def kept_model(self) -> nn.Module:
        """The model that is validated and kept: the averaged one, if weights are averaged."""
        return self.model if self.average is None else self.average.model

    def train_epoch(self, epoch: int, bfloat16: bool) -> float:
        """One pass over the training examples; the mean loss over examples."""
        self.model.train()
        generator = torch.Generator().manual_seed(seed_of(self.seed, epoch))
        batches = epoch_batches(self.data.train, self.stage.batch_size, generator, self.data.change)
        total, count = torch.zeros((), dtype=torch.float64, device=self.device), 0
        for index, whole_batch in enumerate(batches):
            others = (process_number(),) if process_number() else ()  # with random numbers of their own
            torch.manual_seed(seed_of(self.seed, epoch, index, *others))
            batch, examples = share_of(whole_batch)
            with torch.autocast(self.device, torch.bfloat16, enabled=bfloat16):
                output, steps = self.model(batch.x.to(self.device), batch.lengths.to(self.device))
                loss = self.objective.loss(
                    output,
                    steps,
                    batch.labels.to(self.device),
                    batch.parts,
                    self.class_weights,
                    self.stage.label_smoothing,
                )
            self.update(loss * (examples / len(whole_batch.labels)))
            total += loss.detach() * examples
            count += len(whole_batch.labels)
        return sum_over_processes(total).item() / count

    def update(self, loss: Tensor) -> None:
        """One optimiser step, and the weight average after it."""
        scheduled_steps = self.stage.epochs * -(-len(self.data.train) // self.stage.batch_size)
        for group in self.optimiser.param_groups:
            group["lr"] = self.stage.learning_rate * rate_factor(self.step, scheduled_steps, self.stage)
        self.optimiser.zero_grad()
        loss.backward()
        sum_gradients(self.model)
        self.optimiser.step()
        self.step += 1
        if self.average is not None:
            self.average.update(self.model, self.step)

    def validate(self) -> ValidationMetrics:
        """UA and mean log-loss over the validation examples, in full precision."""
        return self.measure(self.data.validation)

    def clean_training_ua(self) -> float:
        """UA over training utterances without augmentation, about `CLEAN_UTTERANCES` of them."""
        utterances = [example for example in self.data.train if not example.parts]
        return self.measure(utterances[:: -(-len(utterances) // CLEAN_UTTERANCES)]).ua

    def measure(self, examples: Sequence[Example]) -> ValidationMetrics:
        """UA and mean log-loss over examples without augmentation, in full precision."""
        labels = [example.label for example in examples]
        scores = example_scores(model_log_scores(self.kept_model, examples, self.objective), examples)
        return ValidationMetrics(log_loss(scores, labels), recall_mean(scores, labels))

    def save(self, path: Path, recorder: TrainingRecorder) -> None:
        """Write all that `resume` needs."""
        average = None if self.average is None else self.average.model.state_dict()
        save_checkpoint(
            {
                "model": self.model.state_dict(),
                "average": average,
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "rows": recorder.rows,
            },
            path,
        )

    def resume(self, path: Path, recorder: TrainingRecorder) -> None:
        """Restore the state that `save` wrote.

        Raises:
            RunError: the file is damaged, or was written by an earlier version.
        """
        state = load_checkpoint(path)
        if "rows" not in state:
            raise RunError(
                f"{path} was written by an earlier version, which interrupted this stage; delete it to train "
                "the stage from its start"
            )
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.model.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        recorder.rows = state["rows"]


def load_best_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a stage's best epoch.

    Raises:
        RunError: the file is damaged or not a checkpoint.
    """
    checkpoint = load_checkpoint(path)
    if "weights" in checkpoint:
        return dict(checkpoint["weights"])
    # Written by an earlier version: the names start with "model." or, of averaged weights, "averaged.".
    weights = checkpoint.get("state_dict", {})
    prefix = "averaged." if any(name.startswith("averaged.") for name in weights) else "model."
    kept = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    return with_current_names(kept)
