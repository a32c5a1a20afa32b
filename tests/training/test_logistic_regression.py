"""The logistic regression finds the minimum of its loss, also where classes are missing."""

import pytest
import torch
from torch import Tensor

from emotrace.training.logistic_regression import fit_logistic_regression

L2 = 0.1


def data(classes: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % (classes + 1) % classes  # the first class occurs twice as often
    return torch.randn(60, 5, generator=random).double() + labels[:, None], labels


def loss(features: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    losses = torch.nn.functional.cross_entropy(features @ weight.T + bias, labels, reduction="none")
    per_class = torch.stack([losses[labels == label].mean() for label in labels.unique()])
    return per_class.mean() + L2 / 2 * weight.square().sum()


@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_of_the_loss_is_zero(classes: int) -> None:
    features, labels = data(classes)
    weight, bias = fit_logistic_regression(features, labels, classes, L2)
    weight.requires_grad_()
    bias.requires_grad_()
    for gradient in torch.autograd.grad(loss(features, labels, weight, bias), [weight, bias]):
        assert gradient.abs().max() < 1e-5


@pytest.mark.parametrize("present", [[1], [0, 2], [0, 1, 3]])
def test_a_class_without_examples_gets_a_probability_near_zero(present: list[int]) -> None:
    features, labels = data(len(present))
    labels = torch.tensor(present)[labels]
    weight, bias = fit_logistic_regression(features, labels, 4, L2)
    probabilities = (features @ weight.T + bias).softmax(1)
    absent = [label for label in range(4) if label not in present]
    assert probabilities[:, absent].max() < 1e-3
    assert (probabilities.argmax(1) == labels).double().mean() > 0.8
