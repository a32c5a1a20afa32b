"""Exponential moving average of a model's weights."""

from __future__ import annotations

import copy

from torch import nn


class WeightAverage:
    """A copy of a model whose weights follow those of the model.

    With two validation speakers the UA jumps from epoch to epoch; that of averaged weights jumps far less.

    >>> model = nn.Linear(1, 1)
    >>> average = WeightAverage(model, decay=0.9)
    >>> _ = nn.init.constant_(model.bias, 11.0), nn.init.constant_(average.model.bias, 0.0)
    >>> average.update(model, step=1)
    >>> round(average.model.bias.item(), 6)
    9.0
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False)

    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards `model` after optimiser step `step`, counted from 1.

        The first steps move it faster, so that it forgets the initial weights.
        """
        keep = min(self.decay, (1 + step) / (10 + step))
        current = model.state_dict()
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - keep)
            else:
                value.copy_(current[name])
