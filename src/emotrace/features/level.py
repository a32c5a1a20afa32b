"""Signal level in logarithmic units: the floor of band power, loudness of frames, level of utterances."""

from __future__ import annotations

import math

import torch
from torch import Tensor

POWER_FLOOR = 1e-10  # lower limit of a band's power, applied before the logarithm
NEPERS_PER_DB = math.log(10) / 10  # of power: natural logarithm per decibel


def loudness(static: Tensor) -> Tensor:
    """Log-power of each frame, summed over its bands.

    Shape: (batch, band, frame) → (batch, frame).
    """
    return static.exp().sum(1).log()


def level(loudness: Tensor, frames: Tensor) -> Tensor:
    """Level of each utterance: the mean power of its real frames, weighted by that power, as a log-power.

    Because of the weighting, pauses hardly count. A gain moves the level as much as it moves the frames.

    Shape: (batch, frame) log-powers; frames: (batch,) true lengths → (batch, 1, 1).

    >>> power, frames = torch.randn(1, 50), torch.tensor([50])
    >>> level(power + 4.6, frames).allclose(level(power, frames) + 4.6)
    True
    """
    padding = torch.arange(loudness.shape[1], device=loudness.device) >= frames[:, None]
    power = loudness.masked_fill(padding, -torch.inf)
    return ((2 * power).logsumexp(1) - power.logsumexp(1))[:, None, None]
