"""What a stage minimises, which epoch it keeps, and that it learns."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotrace.errors import RunError
from emotrace.models.heads.ctc import CTCObjective
from emotrace.models.heads.head import Objective
from emotrace.models.heads.pooling import CrossEntropyObjective
from emotrace.recipe import Stage
from emotrace.training.data.examples import Batch, Example, batched
from emotrace.training.loop import StageData, class_weights, run_stage
from emotrace.training.progress import Epoch, no_progress

CROSS_ENTROPY = CrossEntropyObjective()


class Linear(nn.Module):
    """Mean of the features → log-scores: the least that a stage can train."""

    def __init__(self, features: int = 4, labels: int = 2, blank: bool = False):
        super().__init__()
        self.output = nn.Linear(features, labels + blank)
        self.blank = blank

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.output(x if self.blank else x.mean(1))
        return logits.log_softmax(-1), lengths


def clips_of(labels: Sequence[int], seed: int = 0) -> list[Example]:
    """Clips that their first feature tells apart."""
    random = torch.Generator().manual_seed(seed)
    examples = []
    for number, label in enumerate(labels):
        window = torch.randn(20, 4, generator=random)
        window[:, 0] += 2.0 * label - 1
        examples.append(Example(f"{number}", "a", label, ((window,),), (2800,)))
    return examples


def batch_of(labels: Sequence[int], steps: int = 1) -> Batch:
    return batched(
        [torch.zeros(steps, 1) for _ in labels], [Example("", "a", label, (), ()) for label in labels]
    )


def train(model: nn.Module, data: StageData, stage: Stage, folder: Path, **more: object) -> list[Epoch]:
    told: list[Epoch] = []
    objective = more.pop("objective", CROSS_ENTROPY)
    run_stage(model, data, objective, stage, seed=1, folder=folder, progress=told.append, **more)  # type: ignore[arg-type]
    return told


def test_balanced_weights_are_n_over_k_times_the_class_count() -> None:
    weights = class_weights(clips_of([0, 0, 0, 0, 0, 1, 1, 2]), 3, "balanced")
    assert weights.tolist() == pytest.approx([8 / (3 * 5), 8 / (3 * 2), 8 / (3 * 1)])
    assert class_weights(clips_of([0, 1, 1]), 2, "none").tolist() == [1, 1]
    assert class_weights(clips_of([0, 0]), 2, "balanced").isfinite().all()  # a class that never occurs


def test_the_loss_is_the_mean_of_weighted_losses_as_keras_counts_it() -> None:
    logs = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    labels, weights = torch.tensor([0, 2, 1, 2, 2]), torch.tensor([0.5, 2.0, 0.1])
    wanted = sum(-weights[label] * row[label] for row, label in zip(logs, labels, strict=True)) / 5
    batch = batch_of(labels.tolist())
    found = CROSS_ENTROPY.loss(logs, torch.ones(5), batch.labels, batch.parts, weights, 0.0)
    assert torch.isclose(found, wanted, rtol=1e-6)


def test_smoothing_gives_each_class_a_share_of_the_truth() -> None:
    logs = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)).log_softmax(1)
    wanted = -(0.9 * logs[[0, 1], [3, 1]] + 0.1 * logs.mean(1)).mean()
    batch = batch_of([3, 1])
    found = CROSS_ENTROPY.loss(logs, torch.ones(2), batch.labels, batch.parts, torch.ones(4), 0.1)
    assert torch.isclose(found, wanted, rtol=1e-6)


def ctc_by_enumeration(posteriors: np.ndarray, target: list[int]) -> float:
    """P(target) as the sum over every path that collapses to it."""
    steps, classes = posteriors.shape
    total = 0.0
    for path in np.ndindex(*[classes] * steps):
        merged = [label for i, label in enumerate(path) if i == 0 or label != path[i - 1]]
        if [label for label in merged if label != classes - 1] == target:
            total += float(np.prod(posteriors[np.arange(steps), list(path)]))
    return total


@pytest.mark.parametrize(
    ("objective", "times"),
    [
        (CTCObjective(), 1),
        (CTCObjective("repeated", frames_per_step=2), 1),
        (CTCObjective("repeated", frames_per_step=14), 2),  # 5 steps: 70 frames, 3 of 100 each
    ],
)
def test_ctc_targets_count_frames_of_10_ms(objective: Objective, times: int) -> None:
    logs = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).log_softmax(2)
    weights = torch.tensor([0.5, 2.0])
    batch = batch_of([1, 0], steps=5)
    found = objective.loss(logs, batch.lengths, batch.labels, batch.parts, weights, 0.0)
    likelihoods = [
        ctc_by_enumeration(row.exp().numpy(), [label] * times)
        for row, label in zip(logs, (1, 0), strict=True)
    ]
    assert found.item() == pytest.approx((-2.0 * np.log(likelihoods[0]) - 0.5 * np.log(likelihoods[1])) / 2)


def test_a_clip_whose_emotion_changes_has_its_emotions_for_a_target_each_by_its_share() -> None:
    parts = ((1, 0.5), (0, 0.125), (1, 0.375))
    assert CTCObjective().label_sequence(parts, 400) == [1, 0, 1]
    assert CTCObjective("repeated").label_sequence(parts, 400) == [1] * 6 + [0] + [1] * 4
    logs = torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(0)).log_softmax(2)
    batch = batched([torch.zeros(6, 1)], [Example("a", "a", 1, (), (), parts)])
    found = CTCObjective().loss(
        logs, batch.lengths, batch.labels, batch.parts, torch.tensor([0.5, 2.0]), 0.0
    )
    assert found.item() == pytest.approx(-2.0 * np.log(ctc_by_enumeration(logs[0].exp().numpy(), [1, 0, 1])))


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("objective", [CROSS_ENTROPY, CTCObjective()], ids=["cross-entropy", "ctc"])
def test_a_stage_learns_what_is_there_to_learn(tmp_path: Path, objective: Objective, average: float) -> None:
    torch.manual_seed(0)
    data = StageData(clips_of([0, 1] * 16), clips_of([0, 1] * 8, seed=1), labels=2)
    stage = Stage(epochs=15, batch_size=8, learning_rate=0.1, ema_decay=average)
    told = train(Linear(blank=objective.is_per_frame), data, stage, tmp_path / "back", objective=objective)
    assert told[-1].best == 1.0
    assert told[-1].loss < 0.5 * told[0].loss
    assert {epoch.stage for epoch in told} == {"back"}


def test_a_stage_ends_with_its_best_epoch(tmp_path: Path) -> None:
    """Labels of the validation are swapped, so that every step of learning makes it worse."""
    torch.manual_seed(0)
    swapped = [replace(example, label=1 - example.label) for example in clips_of([0, 1] * 8, seed=1)]
    data = StageData(clips_of([0, 1] * 16), swapped, labels=2)
    stage = Stage(epochs=30, batch_size=8, learning_rate=0.05, patience=3)
    short, long = Linear(), Linear()
    long.load_state_dict(short.state_dict())
    train(short, data, stage.model_copy(update={"epochs": 1}), tmp_path / "short")
    told = train(long, data, stage, tmp_path / "long")
    assert len(told) == 1 + 3  # patience
    assert all(map(torch.equal, short.state_dict().values(), long.state_dict().values()))
    assert not long.training
    with (tmp_path / "long" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_ua"]) for row in rows] == [pytest.approx(epoch.ua) for epoch in told]
    assert (tmp_path / "long" / "done").read_text() == "4 1\n"


def test_a_loss_that_is_no_number_is_an_error_that_says_so(tmp_path: Path) -> None:
    examples = clips_of([0, 1] * 4)
    examples[0].windows[0][3, 0] = torch.nan
    stage = Stage(epochs=3, batch_size=8, learning_rate=0.1)
    with pytest.raises(RunError, match=r"not a number after epoch 1; .*learning_rate"):
        train(Linear(), StageData(examples, examples, 2), stage, tmp_path / "whole")


def test_a_stage_whose_weights_were_deleted_is_trained_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = StageData(clips_of([0, 1] * 4), clips_of([0, 1] * 4, seed=1), labels=2)
    stage = Stage(epochs=2, batch_size=8, learning_rate=0.1)
    model = Linear()
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    train(model, data, stage, tmp_path / "whole")
    trained = {name: value.clone() for name, value in model.state_dict().items()}
    (tmp_path / "whole" / "best.safetensors").unlink()
    model.load_state_dict(fresh)
    assert len(train(model, data, stage, tmp_path / "whole")) == 2
    assert all(torch.equal(model.state_dict()[name], value) for name, value in trained.items())


def test_training_in_bfloat16_learns_as_well(tmp_path: Path) -> None:
    torch.manual_seed(0)
    data = StageData(clips_of([0, 1] * 16), clips_of([0, 1] * 8, seed=1), labels=2)
    stage = Stage(epochs=15, batch_size=8, learning_rate=0.1)
    assert train(Linear(), data, stage, tmp_path / "whole", precision="bfloat16")[-1].best == 1.0


def test_nothing_is_said_or_warned_of_by_the_trainer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    data = StageData(clips_of([0, 1] * 4), clips_of([0, 1] * 4, seed=1), labels=2)
    run_stage(
        Linear(), data, CROSS_ENTROPY, Stage(epochs=2, batch_size=8, learning_rate=0.1),
        seed=1, folder=tmp_path / "whole", progress=no_progress,
    )  # fmt: skip
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)
