"""Deltas and delta-deltas of a spectrogram: Zhao et al. (2021), eqs. 1 and 2."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def deltas(x: Tensor, reach: int = 3, frames: Tensor | None = None) -> Tensor:
    """Slope of each band over time: Zhao et al. (2021), eq. 1; applied twice, eq. 2.

    Edge frames are repeated, for each utterance at its true length where `frames` is given.

    Args:
        reach: frames on either side (N of eq. 1)
        frames: (batch,) true lengths; `x` then has three axes

    Shape: (band, frame) or (batch, band, frame) in and out.

    >>> deltas(torch.arange(9.0)[None, None])[0, 0, 4].item()
    1.0
    """
    size = x.shape[-1]
    indices = torch.arange(-reach, size + reach, device=x.device).clamp(0, size - 1)
    if frames is not None:
        indices = indices.minimum((frames - 1)[:, None, None])
    padded = x.gather(-1, indices.expand(*x.shape[:-1], -1))
    steps = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernels = (steps / steps.square().sum()).expand(x.shape[-2], 1, 1, -1)
    # A grouped 2-D convolution over an image of height 1 is fast in ONNX Runtime.
    return F.conv2d(padded[..., None, :], kernels, groups=x.shape[-2])[..., 0, :]


def stack_deltas(static: Tensor, frames: Tensor, reach: int = 3, channels: int = 3) -> Tensor:
    """The 3-D spectrogram: static, delta and delta-delta as channels of an image (500 x 40 x 3 in the paper).

    Args:
        frames: (batch,) true lengths
        reach: frames on either side of a delta
        channels: 1 static only, 2 with delta, 3 with delta-delta

    Shape: (batch, band, frame) → (batch, channel, frame, band).

    >>> stack_deltas(torch.randn(2, 40, 500), torch.tensor([500, 300])).shape
    torch.Size([2, 3, 500, 40])
    """
    stack = [static]
    while len(stack) < channels:
        stack.append(deltas(stack[-1], reach, frames))
    return torch.stack(stack, dim=1).transpose(2, 3)
