"""Losses agree with their formulas and with an enumeration of all CTC paths."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from emotrace.models.heads.ctc import CTCObjective
from emotrace.models.heads.pooling import CrossEntropyObjective

CROSS_ENTROPY = CrossEntropyObjective()
Parts = tuple[tuple[int | None, float], ...]


def whole(labels: Sequence[int]) -> list[Parts]:
    """The parts of utterances with one emotion each."""
    return [((label, 1.0),) for label in labels]


def random_log_posteriors(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).log_softmax(-1)


def test_the_loss_is_the_mean_of_weighted_losses_as_in_keras() -> None:
    logs = random_log_posteriors(5, 3)
    labels, weights = [0, 2, 1, 2, 2], torch.tensor([0.5, 2.0, 0.1])
    expected = sum(-weights[label] * row[label] for row, label in zip(logs, labels, strict=True)) / 5
    found = CROSS_ENTROPY.loss(logs, torch.ones(5), torch.tensor(labels), whole(labels), weights, 0.0)
    assert torch.isclose(found, expected, rtol=1e-6)


def test_smoothing_gives_each_class_a_share_of_the_target() -> None:
    logs = random_log_posteriors(2, 4)
    expected = -(0.9 * logs[[0, 1], [3, 1]] + 0.1 * logs.mean(1)).mean()
    found = CROSS_ENTROPY.loss(logs, torch.ones(2), torch.tensor([3, 1]), whole([3, 1]), torch.ones(4), 0.1)
    assert torch.isclose(found, expected, rtol=1e-6)


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
def test_ctc_targets_count_frames_of_10_ms(objective: CTCObjective, times: int) -> None:
    logs = random_log_posteriors(2, 5, 3)
    weights, labels = torch.tensor([0.5, 2.0]), [1, 0]
    found = objective.loss(logs, torch.tensor([5, 5]), torch.tensor(labels), whole(labels), weights, 0.0)
    likelihoods = [
        ctc_by_enumeration(row.exp().numpy(), [label] * times)
        for row, label in zip(logs, labels, strict=True)
    ]
    assert found.item() == pytest.approx((-2.0 * np.log(likelihoods[0]) - 0.5 * np.log(likelihoods[1])) / 2)


def test_the_target_of_concatenated_utterances_has_each_emotion_by_its_share() -> None:
    parts = ((1, 0.5), (0, 0.125), (1, 0.375))
    assert CTCObjective().label_sequence(parts, 400) == [1, 0, 1]
    assert CTCObjective("repeated").label_sequence(parts, 400) == [1] * 6 + [0] + [1] * 4
    logs, weights = random_log_posteriors(1, 6, 3), torch.tensor([0.5, 2.0])
    found = CTCObjective().loss(logs, torch.tensor([6]), torch.tensor([1]), [parts], weights, 0.0)
    assert found.item() == pytest.approx(-2.0 * np.log(ctc_by_enumeration(logs[0].exp().numpy(), [1, 0, 1])))


def test_a_part_without_emotion_adds_no_label() -> None:
    assert CTCObjective().label_sequence(((None, 0.5), (1, 0.5)), 400) == [1]
    assert CTCObjective().label_sequence(((None, 1.0),), 400) == []
