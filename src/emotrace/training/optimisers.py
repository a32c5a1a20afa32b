"""Optimisers and learning-rate schedules with the constants of Keras, which the paper used."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from emotrace.recipe import Stage

EPSILON = 1e-7
ADADELTA_RHO = 0.95


def optimiser(parameters: Iterable[nn.Parameter], stage: Stage) -> torch.optim.Optimizer:
    """Adam or Adadelta with Keras's epsilon 1e-7 and rho 0.95, which differ from PyTorch's.

    One difference remains: Keras's Adam adds epsilon before it corrects the bias of the squares, PyTorch's
    after. It matters where gradients are as small as 1e-6.
    """
    if stage.optimiser == "adadelta":
        return torch.optim.Adadelta(
            parameters, stage.learning_rate, ADADELTA_RHO, EPSILON, weight_decay=stage.weight_decay
        )
    return torch.optim.AdamW(parameters, stage.learning_rate, eps=EPSILON, weight_decay=stage.weight_decay)


def rate_factor(step: int, steps: int, stage: Stage) -> float:
    """Factor of the learning rate at optimiser step `step`, counted from 0, of `steps`.

    Keras's `decay` d gives 1 / (1 + d x step); it is not weight decay. The cosine schedule multiplies this by
    a factor that falls to zero over all steps.

    >>> from emotrace.recipe import Recipe
    >>> rate_factor(1_000_000, 2_000_000, Recipe().stage1)
    0.5
    """
    factor = 1 / (1 + stage.lr_decay * step)
    if stage.schedule == "cosine":
        factor *= 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return factor
