"""A clip cut into short stretches that overlap: what is said of each tells where in time."""

from __future__ import annotations

import torch
from torch import Tensor

LENGTH = 150  # frames of 10 ms
HOP = 100


def cut(static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Stretches around the middle of every `HOP` frames, and how many of their frames are real.

    Where a clip begins and ends they lie within it; of a clip shorter than `LENGTH` all are the whole.

    Shape: (batch, band, frame), (batch,) true lengths → (batch * stretch, band, LENGTH), (batch * stretch,);
    a stretch for each `HOP` frames, the last ones too.

    >>> static = torch.arange(400.0).expand(1, 2, 400)
    >>> found, real = cut(static, torch.tensor([400]))
    >>> found[:, 0, 0].tolist(), real.tolist()
    ([0.0, 75.0, 175.0, 250.0], [150, 150, 150, 150])
    """
    begin = torch.arange(0, static.shape[2], HOP, device=static.device) + (HOP - LENGTH) // 2
    last = (frames - LENGTH)[:, None].clamp(min=0)
    begin = begin.clamp(min=0)[None].minimum(last)
    positions = (begin[:, :, None] + torch.arange(LENGTH, device=static.device)).clamp(
        max=static.shape[2] - 1
    )
    segments = static.gather(2, positions.flatten(1)[:, None].expand(-1, static.shape[1], -1))
    segments = segments.unflatten(2, (positions.shape[1], LENGTH)).transpose(1, 2).flatten(0, 1)
    real = frames.clamp(max=LENGTH)[:, None].expand(-1, positions.shape[1])
    return segments, real.flatten()


def at_steps(scores: Tensor, steps: int, first_frame: float, frames_per_step: int) -> Tensor:
    """What is said of the stretch around each of so many steps.

    Shape: (batch, stretch, value) → (batch, step, value).

    >>> at_steps(torch.tensor([[[1.0], [2.0]]]), 5, first_frame=7.5, frames_per_step=40).flatten().tolist()
    [1.0, 1.0, 1.0, 2.0, 2.0]
    """
    middle = first_frame + frames_per_step * torch.arange(steps, device=scores.device)
    return scores[:, (middle / HOP).long().clamp(max=scores.shape[1] - 1)]
