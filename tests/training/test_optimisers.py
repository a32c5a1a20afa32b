"""Optimisers take the steps of Keras's formulas, written as plain loops."""

import math

import pytest
import torch

from emotrace.recipe import Stage
from emotrace.training.optimisers import optimiser, rate_factor

STEPS = 50


def gradients(scale: float) -> list[float]:
    draws = torch.randn(STEPS, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return [scale * draw for draw in draws.tolist()]


def stepped(stage: Stage, scale: float) -> list[float]:
    """The weight after each step, in double precision."""
    weight = torch.nn.Parameter(torch.ones((), dtype=torch.float64))
    found = optimiser([weight], stage)
    path = []
    for gradient in gradients(scale):
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        found.step()
        path.append(weight.item())
    return path


def keras_adadelta(rate: float, scale: float, rho: float = 0.95, epsilon: float = 1e-7) -> list[float]:
    weight, squares, moves, path = 1.0, 0.0, 0.0, []
    for gradient in gradients(scale):
        squares = rho * squares + (1 - rho) * gradient**2
        move = -math.sqrt(moves + epsilon) * gradient / math.sqrt(squares + epsilon)
        moves = rho * moves + (1 - rho) * move**2
        weight += rate * move
        path.append(weight)
    return path


def keras_adam(rate: float, scale: float, *, inside: bool, epsilon: float = 1e-7) -> list[float]:
    """Keras adds epsilon to sqrt(v); Kingma and Ba's paper, and torch, to sqrt(v / (1 - b2^t)) (`inside`)."""
    weight, mean, square, path = 1.0, 0.0, 0.0, []
    for step, gradient in enumerate(gradients(scale), start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        grow, shrink = 1 - 0.9**step, math.sqrt(1 - 0.999**step)
        below = math.sqrt(square) / shrink + epsilon if inside else (math.sqrt(square) + epsilon) / shrink
        weight -= rate * mean / grow / below
        path.append(weight)
    return path


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("rate", [1.0, 4e-3])
def test_adadelta_takes_the_steps_of_keras(rate: float, scale: float) -> None:
    stage = Stage(epochs=1, optimiser="adadelta", learning_rate=rate)
    assert stepped(stage, scale) == pytest.approx(keras_adadelta(rate, scale), rel=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e-6])
def test_adam_takes_the_steps_of_its_paper_with_the_epsilon_of_keras(scale: float) -> None:
    stage = Stage(epochs=1, learning_rate=3e-4)
    assert stepped(stage, scale) == pytest.approx(keras_adam(3e-4, scale, inside=True), rel=1e-12)


def test_the_position_of_epsilon_matters_for_tiny_gradients_only() -> None:
    stage = Stage(epochs=1, learning_rate=3e-4)
    apart = {}
    for scale in (1e-1, 1e-6):
        pairs = zip(stepped(stage, scale), keras_adam(3e-4, scale, inside=False), strict=True)
        apart[scale] = max(abs(ours - theirs) / 3e-4 for ours, theirs in pairs)
    assert apart[1e-1] < 1e-3  # of a full step, after fifty
    assert apart[1e-6] > 0.1


def test_decay_divides_the_learning_rate_and_is_not_weight_decay() -> None:
    stage = Stage(epochs=1, learning_rate=1.0, lr_decay=0.25)
    assert [rate_factor(step, 100, stage) for step in (0, 1, 4)] == [1, 1 / 1.25, 1 / 2]
    weight = torch.nn.Parameter(torch.ones(()))
    weight.grad = torch.zeros(())
    optimiser([weight], stage).step()
    assert weight.item() == 1.0


def test_the_cosine_falls_to_zero_over_all_steps_and_stays_there() -> None:
    stage = Stage(epochs=1, learning_rate=1.0, lr_decay=0.0, schedule="cosine")
    factors = [rate_factor(step, 10, stage) for step in range(11)]
    assert factors[0] == 1.0
    assert factors[5] == pytest.approx(0.5)
    assert factors[2] == pytest.approx((1 + math.cos(0.2 * math.pi)) / 2)
    assert factors[10] == rate_factor(25, 10, stage) == 0.0
    assert factors == sorted(factors, reverse=True)


def test_weight_decay_shrinks_weights_by_its_product_with_the_learning_rate() -> None:
    weight = torch.nn.Parameter(torch.ones((), dtype=torch.float64))
    weight.grad = torch.zeros((), dtype=torch.float64)
    optimiser([weight], Stage(epochs=1, learning_rate=0.1, weight_decay=0.01)).step()
    assert weight.item() == pytest.approx(1 - 0.1 * 0.01, rel=1e-12)
