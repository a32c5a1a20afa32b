"""Pre-emphasis, window and DFT of a frame as one matrix."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from emotrace.audio.windowing import FRAME_HOP_SAMPLES, FRAME_SAMPLES

SAMPLE_RATE_HZ = 16_000
DFT_SAMPLES = 512
PRE_EMPHASIS = 0.97


def windowed_dft(
    frame: int = FRAME_SAMPLES,
    size: int = DFT_SAMPLES,
    bins: int = DFT_SAMPLES // 2 + 1,
    pre_emphasis: float = PRE_EMPHASIS,
) -> Tensor:
    """Pre-emphasis, Hamming window and the first bins of the DFT of one frame as one matrix.

    A frame of 400 samples takes samples -1 … 399: pre-emphasis subtracts 0.97 times the previous sample, so
    the first one needs its predecessor. The frame is padded with zeros to the size of the DFT.

    Args:
        frame: samples in a frame
        size: samples of the DFT
        bins: how many of the first bins to keep
        pre_emphasis: coefficient of the previous sample

    Shape: (2 x bins, frame + 1), float64; cosine rows, then sine rows.

    >>> windowed_dft().shape
    torch.Size([514, 401])
    """
    n = torch.arange(frame, dtype=torch.float64)
    window = 0.54 - 0.46 * torch.cos(2 * math.pi * n / (frame - 1))
    phase = 2 * math.pi * torch.arange(bins, dtype=torch.float64)[:, None] * n / size
    rows = window * torch.cat([torch.cos(phase), torch.sin(phase)])
    return F.pad(rows, (1, 0)) - pre_emphasis * F.pad(rows, (0, 1))


def whole_frames(samples: Tensor, frame: int = FRAME_SAMPLES) -> Tensor:
    """Number of whole frames in a number of samples.

    >>> whole_frames(torch.tensor([400, 559, 560, 80_240])).tolist()
    [1, 1, 2, 500]
    """
    return (samples - frame) // FRAME_HOP_SAMPLES + 1
