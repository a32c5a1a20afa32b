"""Optimisers with the constants and the `decay` of Keras, which the paper used."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from emotrace.recipe import Stage

EPSILON = 1e-7
ADADELTA_RHO = 0.95


def optimiser(parameters: Iterable[nn.Parameter], stage: Stage) -> torch.optim.Optimizer:
    """Adam or Adadelta as Keras has them: epsilon 1e-7, rho .95 (PyTorch's differ).

    One difference stays: Keras's Adam adds epsilon before it corrects the bias of the squares, PyTorch's
    after, which tells where gradients are as small as 1e-6.
    """
    if stage.optimiser == "adadelta":
        return torch.optim.Adadelta(
            parameters, stage.learning_rate, ADADELTA_RHO, EPSILON, weight_decay=stage.weight_decay
        )
    return torch.optim.AdamW(parameters, stage.learning_rate, eps=EPSILON, weight_decay=stage.weight_decay)


def rate_factor(step: int, steps: int, stage: Stage) -> float:
    """What the learning rate is multiplied by at a step of `steps` in all.

    Keras's `decay` d means 1 / (1 + d x step), not a decay of weights; the cosine schedule, where a recipe
    asks for it, falls to zero over all steps beside it.

    >>> from emotrace.recipe import Recipe
    >>> rate_factor(1_000_000, 2_000_000, Recipe().stage1)
    0.5
    """
    factor = 1 / (1 + stage.lr_decay * step)
    if stage.schedule == "cosine":
        factor *= 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return factor
