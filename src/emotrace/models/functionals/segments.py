"""A clip cut into short overlapping segments, whose scores show where in time an emotion occurs."""

from __future__ import annotations

import torch
from torch import Tensor

SEGMENT_FRAMES = 150  # frames of 10 ms
SEGMENT_HOP_FRAMES = 100


def cut_segments(static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Segments of `SEGMENT_FRAMES`, centred on every `SEGMENT_HOP_FRAMES` frames, and their real frames.

    At its ends, segments are moved to lie within the clip. Each segment of a clip shorter than
    `SEGMENT_FRAMES` is the whole clip.

    Shape: (batch, band, frame), (batch,) true lengths → (batch * segment, band, SEGMENT_FRAMES),
    (batch * segment,); one segment for each started hop.

    >>> static = torch.arange(400.0).expand(1, 2, 400)
    >>> segments, real_frames = cut_segments(static, torch.tensor([400]))
    >>> segments[:, 0, 0].tolist(), real_frames.tolist()
    ([0.0, 75.0, 175.0, 250.0], [150, 150, 150, 150])
    """
    start = torch.arange(0, static.shape[2], SEGMENT_HOP_FRAMES, device=static.device)
    start = start + (SEGMENT_HOP_FRAMES - SEGMENT_FRAMES) // 2
    last_start = (frames - SEGMENT_FRAMES)[:, None].clamp(min=0)
    start = start.clamp(min=0)[None].minimum(last_start)
    offsets = torch.arange(SEGMENT_FRAMES, device=static.device)
    indices = (start[:, :, None] + offsets).clamp(max=static.shape[2] - 1)
    segments = static.gather(2, indices.flatten(1)[:, None].expand(-1, static.shape[1], -1))
    segments = segments.unflatten(2, (indices.shape[1], SEGMENT_FRAMES)).transpose(1, 2).flatten(0, 1)
    real_frames = frames.clamp(max=SEGMENT_FRAMES)[:, None].expand(-1, indices.shape[1])
    return segments, real_frames.flatten()


def segments_to_steps(scores: Tensor, steps: int, first_frame: float, frames_per_step: int) -> Tensor:
    """The score of the segment around each of `steps` steps.

    Shape: (batch, segment, value) → (batch, step, value).

    >>> scores = torch.tensor([[[1.0], [2.0]]])
    >>> segments_to_steps(scores, 5, first_frame=7.5, frames_per_step=40).flatten().tolist()
    [1.0, 1.0, 1.0, 2.0, 2.0]
    """
    centre = first_frame + frames_per_step * torch.arange(steps, device=scores.device)
    return scores[:, (centre / SEGMENT_HOP_FRAMES).long().clamp(max=scores.shape[1] - 1)]
