"""Autocorrelation of each frame at the periods of voices: a measure of pitch and of voicing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from emotrace.features.dft import PRE_EMPHASIS, SAMPLE_RATE_HZ
from emotrace.features.level import NEPERS_PER_DB, POWER_FLOOR, level

PITCH_HZ = (70, 500)  # lowest and highest pitch of a voice
PERIODIC_HZ = (60, 4000)  # room hum lies below, unvoiced noise above
PERIODIC_DB = 40  # frames further below the utterance's level count as room noise, whatever their period


def lags(count: int) -> Tensor:
    """`count` lags in seconds, from long to short: periods of voices in equal steps of log-pitch.

    >>> [round(1 / lag) for lag in lags(40)[[0, 20, -1]].tolist()]
    [70, 187, 476]
    """
    lowest, highest = PITCH_HZ
    return (lowest * (highest / lowest) ** (torch.arange(count, dtype=torch.float64) / count)).reciprocal()


def autocorrelation_matrix(hz: Tensor, count: int, pre_emphasis: float = PRE_EMPHASIS) -> Tensor:
    """Matrix from a power spectrum to the power from 60 Hz to 4 kHz and its autocorrelation at `count` lags.

    The autocorrelation is the inverse Fourier transform of the power (Wiener-Khinchin theorem). The power is
    taken as it was before pre-emphasis, because the lowest harmonics carry most of the pitch. The
    autocorrelation of a DFT repeats after the DFT's length, which slightly affects the longest lags.

    Shape: (bin,) frequencies in Hz → (1 + lag, bin), float64.

    >>> autocorrelation_matrix(torch.tensor([100.0, 400.0]), count=40).shape
    torch.Size([41, 2])
    """
    hz = hz.double()
    rows = torch.cos(2 * math.pi * lags(count)[:, None] * hz)
    emphasised = 1 + pre_emphasis**2 - 2 * pre_emphasis * torch.cos(2 * math.pi * hz / SAMPLE_RATE_HZ)
    in_range = (hz >= PERIODIC_HZ[0]) & (hz <= PERIODIC_HZ[1])
    return torch.cat([torch.ones_like(rows[:1]), rows]) * (in_range / emphasised)


def normalised_autocorrelation(power: Tensor, matrix: Tensor) -> Tensor:
    """Log-power of each frame from 60 Hz to 4 kHz, then its autocorrelation divided by that power.

    Args:
        power: power spectrum
        matrix: transposed `autocorrelation_matrix`

    Shape: (batch, frame, bin), (bin, 1 + lag) → (batch, 1 + lag, frame).
    """
    products = (power @ matrix).transpose(1, 2)
    power = products[:, :1].clamp(min=POWER_FLOOR)
    return torch.cat([power.log(), products[:, 1:] / power], 1)


def periodicity(autocorrelation: Tensor, frames: Tensor) -> Tensor:
    """Autocorrelation of each frame, -1 to 1, faded to 0 in frames far below the utterance's level.

    Args:
        autocorrelation: output of `normalised_autocorrelation`
        frames: true lengths

    Shape: (batch, 1 + lag, frame), (batch,) → (batch, lag, frame).

    >>> autocorrelation = torch.stack([torch.tensor([0.0, -20.0]), torch.ones(2)])[None]
    >>> periodicity(autocorrelation, torch.tensor([2])).round(decimals=2).tolist()
    [[[1.0, 0.0]]]
    """
    power = autocorrelation[:, :1]
    above = power - level(power[:, 0], frames) + PERIODIC_DB * NEPERS_PER_DB
    return autocorrelation[:, 1:] * above.sigmoid()
