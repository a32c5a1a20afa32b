"""L2-regularised logistic regression in which every class has the same weight."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

MAX_ITERATIONS = 1000
TOLERANCE = 1e-6  # of the gradient; probabilities then agree with those of the exact minimum to 1e-4
ABSENT_BIAS = -20.0  # of a class without examples


def fit_logistic_regression(
    features: Tensor, labels: Tensor, classes: int, l2: float, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Weights (class, feature) and biases (class,), in double precision.

    They minimise the log-loss, averaged within each class by `weights` and then over classes, plus `l2` / 2
    times the sum of squared weights.

    Args:
        features: (example, feature)
        labels: (example,) classes, from 0
        classes: number of classes; a class without examples gets probabilities near 0
        l2: strength of the regularisation
        weights: (example,) relative to others of their class; None: all alike

    >>> weight, bias = fit_logistic_regression(torch.tensor([[-1.0], [1.0]]), torch.tensor([0, 1]), 2, 0.1)
    >>> torch.tensor([[3.0]]).double() @ weight.T + bias > 0
    tensor([[False,  True]])
    """
    present, truth = np.unique(labels.numpy(), return_inverse=True)
    weight = torch.zeros(classes, features.shape[1], dtype=torch.float64)
    bias = torch.full((classes,), ABSENT_BIAS, dtype=torch.float64)
    if len(present) == 1:
        bias[present] = 0.0
        return weight, bias
    shares = np.ones(len(truth)) if weights is None else weights.double().numpy()
    shares /= len(present) * np.bincount(truth, shares)[truth]
    # scikit-learn has one row of weights for two classes, where ours are two that differ in sign.
    strength = (2 if len(present) == 2 else 1) / l2
    regression = LogisticRegression(C=strength, tol=TOLERANCE, max_iter=MAX_ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(features.double().numpy(), truth, sample_weight=shares)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(present) == 2:
        coefficients = np.concatenate([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weight[present] = torch.from_numpy(coefficients)
    bias[present] = torch.from_numpy(intercepts)
    return weight, bias
