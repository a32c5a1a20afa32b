"""A stage learns, keeps its best epoch, and reports what goes wrong."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from emotrace.errors import RunError
from emotrace.models.heads.ctc import CTCObjective
from emotrace.models.heads.head import Objective
from emotrace.models.heads.pooling import CrossEntropyObjective
from emotrace.recipe import Stage
from emotrace.training.checkpoints import save_checkpoint
from emotrace.training.data.examples import Example
from emotrace.training.loop import StageData, load_best_weights, run_stage
from emotrace.training.progress import Epoch, no_progress

CROSS_ENTROPY = CrossEntropyObjective()


class Linear(nn.Module):
    """Mean of the features → log-scores: the smallest model that a stage can train."""

    def __init__(self, features: int = 4, labels: int = 2, blank: bool = False):
        super().__init__()
        self.output = nn.Linear(features, labels + blank)
        self.blank = blank

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.output(x if self.blank else x.mean(1))
        return logits.log_softmax(-1), lengths


def separable_examples(labels: Sequence[int], seed: int = 0) -> list[Example]:
    """Examples whose first feature separates the labels."""
    random = torch.Generator().manual_seed(seed)
    examples = []
    for number, label in enumerate(labels):
        window = torch.randn(20, 4, generator=random)
        window[:, 0] += 2.0 * label - 1
        examples.append(Example(f"{number}", "a", label, ((window,),), (2800,)))
    return examples


def train(
    model: nn.Module,
    data: StageData,
    stage: Stage,
    folder: Path,
    objective: Objective = CROSS_ENTROPY,
    precision: str = "float32",
) -> list[Epoch]:
    epochs: list[Epoch] = []
    run_stage(
        model, data, objective, stage, seed=1, folder=folder, progress=epochs.append, precision=precision
    )
    return epochs


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("objective", [CROSS_ENTROPY, CTCObjective()], ids=["cross-entropy", "ctc"])
def test_a_stage_learns_to_separate_two_classes(tmp_path: Path, objective: Objective, average: float) -> None:
    torch.manual_seed(0)
    data = StageData(separable_examples([0, 1] * 16), separable_examples([0, 1] * 8, seed=1), labels=2)
    stage = Stage(epochs=15, batch_size=8, learning_rate=0.1, ema_decay=average)
    model = Linear(blank=objective.is_per_frame)
    epochs = train(model, data, stage, tmp_path / "back", objective)
    assert epochs[-1].best == 1.0
    assert epochs[-1].loss < 0.5 * epochs[0].loss
    assert {epoch.stage for epoch in epochs} == {"back"}


def test_a_stage_ends_with_the_weights_of_its_best_epoch(tmp_path: Path) -> None:
    """The validation labels are swapped, so every step of learning makes validation worse."""
    torch.manual_seed(0)
    validation = separable_examples([0, 1] * 8, seed=1)
    swapped = [replace(example, label=1 - example.label) for example in validation]
    data = StageData(separable_examples([0, 1] * 16), swapped, labels=2)
    stage = Stage(epochs=30, batch_size=8, learning_rate=0.05, patience=3)
    short, long = Linear(), Linear()
    long.load_state_dict(short.state_dict())
    train(short, data, stage.model_copy(update={"epochs": 1}), tmp_path / "short")
    epochs = train(long, data, stage, tmp_path / "long")
    assert len(epochs) == 1 + stage.patience
    assert all(map(torch.equal, short.state_dict().values(), long.state_dict().values()))
    assert not long.training
    with (tmp_path / "long" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_ua"]) for row in rows] == [pytest.approx(epoch.ua) for epoch in epochs]
    assert [float(row["train_ua"]) for row in rows] == [pytest.approx(epoch.train_ua) for epoch in epochs]
    assert float(rows[-1]["train_ua"]) > float(rows[-1]["val_ua"])  # it learns what validation contradicts
    assert (tmp_path / "long" / "done").read_text() == "4 1\n"


def test_a_stage_without_validation_ends_after_the_given_number_of_epochs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = StageData(separable_examples([0, 1] * 4), (), labels=2)
    stage = Stage(epochs=9, batch_size=8, learning_rate=0.1)
    epochs: list[Epoch] = []
    run_stage(
        Linear(), data, CROSS_ENTROPY, stage,
        seed=1, folder=tmp_path / "whole", progress=epochs.append, epochs=3,
    )  # fmt: skip
    assert [(epoch.number, epoch.of, epoch.ua) for epoch in epochs] == [
        (1, 3, None),
        (2, 3, None),
        (3, 3, None),
    ]
    assert (tmp_path / "whole" / "done").read_text() == "3 3\n"


def test_a_loss_that_is_not_finite_is_an_error_with_advice(tmp_path: Path) -> None:
    examples = separable_examples([0, 1] * 4)
    examples[0].windows[0][3, 0] = torch.nan
    stage = Stage(epochs=3, batch_size=8, learning_rate=0.1)
    with pytest.raises(RunError, match=r"not a number after epoch 1; .*learning_rate"):
        train(Linear(), StageData(examples, examples, 2), stage, tmp_path / "whole")


def test_a_stage_whose_weights_were_deleted_is_trained_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = StageData(separable_examples([0, 1] * 4), separable_examples([0, 1] * 4, seed=1), labels=2)
    stage = Stage(epochs=2, batch_size=8, learning_rate=0.1)
    model = Linear()
    initial = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, data, stage, tmp_path / "whole")
    trained = {name: value.clone() for name, value in model.state_dict().items()}
    (tmp_path / "whole" / "best.safetensors").unlink()
    model.load_state_dict(initial)
    assert len(train(model, data, stage, tmp_path / "whole")) == 2
    assert all(torch.equal(model.state_dict()[name], value) for name, value in trained.items())


@pytest.mark.parametrize("prefix", ["model.", "averaged."])
def test_a_stage_that_an_earlier_version_finished_is_read(tmp_path: Path, prefix: str) -> None:
    """Earlier versions kept both the current and the averaged weights, by prefixed names."""
    current = {"model.output.bias": torch.ones(2)}
    save_checkpoint(
        {"state_dict": {**current, f"{prefix}output.bias": torch.zeros(2)}, "epoch": 3}, tmp_path / "a"
    )
    weights = load_best_weights(tmp_path / "a")
    assert list(weights) == ["output.bias"]
    assert torch.equal(weights["output.bias"], torch.zeros(2))


def test_a_stage_that_an_earlier_version_left_unfinished_names_the_file_to_delete(tmp_path: Path) -> None:
    save_checkpoint({"state_dict": {}, "epoch": 3}, tmp_path / "last.safetensors")
    data = StageData(separable_examples([0, 1]), separable_examples([0, 1]), labels=2)
    with pytest.raises(RunError, match=r"last\.safetensors was written by an earlier version.*delete it"):
        train(Linear(), data, Stage(epochs=1, learning_rate=0.1), tmp_path)


def test_training_in_bfloat16_learns_as_well(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = StageData(separable_examples([0, 1] * 16), separable_examples([0, 1] * 8, seed=1), labels=2)
    stage = Stage(epochs=15, batch_size=8, learning_rate=0.1)
    assert train(Linear(), data, stage, tmp_path / "whole", precision="bfloat16")[-1].best == 1.0


def test_training_writes_nothing_to_the_terminal_and_warns_of_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    data = StageData(separable_examples([0, 1] * 4), separable_examples([0, 1] * 4, seed=1), labels=2)
    run_stage(
        Linear(), data, CROSS_ENTROPY, Stage(epochs=2, batch_size=8, learning_rate=0.1),
        seed=1, folder=tmp_path / "whole", progress=no_progress,
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)
