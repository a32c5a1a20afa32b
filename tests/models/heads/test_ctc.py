import itertools
import math

import numpy as np
import pytest
import torch

from emotrace.models.heads.ctc import CTCHead, ctc_loss, repeated_target
from emotrace.models.layers.pcnse import LAYOUTS, ParallelConv


def collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """Repetitions merged, then blanks removed: the paper's Φ^-1."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def likelihood(log_posteriors: torch.Tensor, target: tuple[int, ...]) -> float:
    """Equations 10 and 11: the sum, over every path that collapses to the target, of its product."""
    y = log_posteriors.double().exp().numpy()
    steps, classes = y.shape
    return sum(
        math.prod(y[t, k] for t, k in enumerate(path))
        for path in itertools.product(range(classes), repeat=steps)
        if collapsed(path, blank=classes - 1) == target
    )


def posteriors(batch: int, steps: int, labels: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(batch, steps, labels + 1, generator=generator)).log_softmax(2)


@pytest.mark.parametrize("labels", [1, 2, 3])
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_the_loss_equals_the_sum_over_all_paths_to_the_target(steps: int, labels: int) -> None:
    x = posteriors(1, steps, labels)
    total = 0.0
    for target in itertools.chain.from_iterable(
        itertools.product(range(labels), repeat=size) for size in range(min(steps, 3) + 1)
    ):
        expected = likelihood(x[0], target)
        loss = ctc_loss(x, torch.tensor([steps]), [target]).item()
        if expected == 0:  # repeated labels need a blank between, and there is no step for it
            assert loss == math.inf
            continue
        assert loss == pytest.approx(-math.log(expected), abs=5e-6)  # of a float32
        total += expected
    if steps <= 3:
        assert total == pytest.approx(1, abs=1e-6)  # these are all possible targets


def test_utterances_have_equal_weight_whatever_their_length_and_target() -> None:
    x, lengths, targets = posteriors(4, 5, 3), [5, 1, 4, 3], [(0,), (2,), (1, 1), ()]
    losses = [
        -math.log(likelihood(row[:length], target))
        for row, length, target in zip(x, lengths, targets, strict=True)
    ]
    assert ctc_loss(x, torch.tensor(lengths), targets).item() == pytest.approx(np.mean(losses), abs=5e-6)


def test_the_loss_of_an_utterance_is_multiplied_by_its_class_weight() -> None:
    x, lengths, targets = posteriors(3, 4, 2, seed=1), torch.tensor([4, 2, 3]), [(0,), (1,), ()]
    alone = [ctc_loss(x[i : i + 1], lengths[i : i + 1], targets[i : i + 1]).item() for i in range(3)]
    weighted = ctc_loss(x, lengths, targets, torch.tensor([0.5, 3.0])).item()
    assert weighted == pytest.approx((0.5 * alone[0] + 3.0 * alone[1] + alone[2]) / 3, abs=5e-6)


def test_the_loss_of_empty_targets_is_that_of_blanks_alone() -> None:
    x = posteriors(2, 4, 2)
    expected = -x[:, :, 2].sum(1).mean().item()
    assert ctc_loss(x, torch.tensor([4, 4]), [(), ()]).item() == pytest.approx(expected, abs=5e-6)


def test_padding_has_no_loss_and_no_gradient() -> None:
    x = posteriors(2, 6, 2).requires_grad_()
    loss = ctc_loss(x, torch.tensor([6, 3]), [(0,), (1,)])
    loss.backward()
    assert not x.grad[1, 3:].any()
    assert x.grad[1, :3].any()
    other = x.detach().clone()
    other[1, 3:] = -7.0
    assert ctc_loss(other, torch.tensor([6, 3]), [(0,), (1,)]).item() == loss.item()


@pytest.mark.parametrize("sharpness", [0.0, 1.0, 50.0])
def test_long_utterances_have_a_finite_loss_and_gradient(sharpness: float) -> None:
    generator = torch.Generator().manual_seed(3)
    scores = (sharpness * torch.randn(2, 2000, 8, generator=generator)).requires_grad_()
    loss = ctc_loss(scores.log_softmax(2), torch.tensor([2000, 1500]), [[3], repeated_target(5, 1500)])
    loss.backward()
    assert loss.isfinite()
    assert scores.grad.isfinite().all()
    assert scores.grad.any()


def test_each_step_has_one_distribution_over_labels_and_blank() -> None:
    torch.manual_seed(4)
    head = CTCHead(16, labels=4)
    x = torch.randn(2, 9, 16)
    p = head(x, torch.tensor([9, 4])).exp()
    assert p.shape == (2, 9, 5)
    torch.testing.assert_close(p.sum(2), torch.ones(2, 9), rtol=0, atol=1e-6)
    torch.testing.assert_close(p, (x @ head.output.weight.T + head.output.bias).softmax(2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_repeated_target_fits_the_steps_of_its_utterance(layout: str) -> None:
    positions_out = ParallelConv(layout, 40, 8, None).positions_out
    for frames in range(16, 1001):
        target = repeated_target(1, frames)
        assert set(target) == {1}
        assert 2 * len(target) - 1 <= positions_out(frames)  # a blank between any two
        assert len(target) == max(1, 3 * frames // 100)
