"""The encoder of the speech recogniser Whisper (Radford et al. 2022), with masks for silence."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DFT_SAMPLES, MEL_HOP_SAMPLES = 400, 160
MEL_PER_FRAME = 2  # the stride of the second convolution
LEAST_POWER = 1e-10
RANGE = 8.0  # of log-Mel, below its maximum, as powers of ten


class WhisperEncoder(nn.Module):
    """Waveform → hidden states of the first transformer layers.

    Whisper was trained on windows that are padded to 30 s. This reads the window alone, at the first
    positions, which is a sixth of the frames for 5 s. The maximum of log-Mel and the attention cover the
    frames of the mask alone, and log-Mel is zero outside, so that padding and silence do not change the other
    frames.

    Args:
        model: a `WhisperModel` of `transformers`
        depth: number of layers that are kept
        filters: the Mel filters, (band, bin)

    Shape: (batch, sample) at 16 kHz, a mask of blocks, which is not used, and a mask (batch, frame) → one
    (batch, frame, width) for each layer. The states are those before the normalisation behind the last layer.
    """

    frame_samples = hop_samples = MEL_PER_FRAME * MEL_HOP_SAMPLES

    def __init__(self, model: Any, depth: int, filters: Tensor):
        super().__init__()
        config, encoder = model.config, model.encoder
        self.width, self.max_frames = config.d_model, config.max_source_positions
        self.log_mel = WhisperLogMel(filters)
        self.conv1, self.conv2, self.positions = encoder.conv1, encoder.conv2, encoder.embed_positions
        self.layers = nn.ModuleList(list(encoder.layers)[:depth])

    def forward(self, waveform: Tensor, blocks: Tensor, frames: Tensor) -> list[Tensor]:
        """Hidden states after each layer."""
        mel = self.log_mel(waveform, frames.repeat_interleave(MEL_PER_FRAME, 1))
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions.weight[: frames.shape[1]]
        states = []
        for layer in self.layers:
            x = layer(x, frames[:, None, None])
            states.append(x)
        return states


class WhisperLogMel(nn.Module):
    """Waveform → log-Mel, equal to that of `WhisperFeatureExtractor` of `transformers` from its frame 1 on.

    So a frame of 10 ms is centred on sample 160, and two of them belong to the 320 samples of a frame of the
    encoder. Samples before the first one mirror those after it, and samples after the last one are zero. The
    values cover the eight powers of ten below the maximum of the frames of the mask; other frames are zero.

    Args:
        filters: the Mel filters, (band, bin)

    Shape: (batch, sample) at 16 kHz, mask (batch, frame) of 10 ms → (batch, band, frame).

    >>> log_mel = WhisperLogMel(torch.rand(80, 201))
    >>> log_mel(torch.randn(1, 16_000), torch.ones(1, 100) > 0).shape
    torch.Size([1, 80, 100])
    """

    dft: Tensor
    filters: Tensor

    def __init__(self, filters: Tensor):
        super().__init__()
        n = torch.arange(DFT_SAMPLES, dtype=torch.float64)
        window = torch.hann_window(DFT_SAMPLES, dtype=torch.float64)
        phase = 2 * math.pi / DFT_SAMPLES * n * torch.arange(DFT_SAMPLES // 2 + 1)[:, None]
        dft = torch.cat([window * phase.cos(), window * phase.sin()])
        self.register_buffer("dft", dft[:, None].float(), persistent=False)
        self.register_buffer("filters", filters.float(), persistent=False)

    def forward(self, waveform: Tensor, mask: Tensor) -> Tensor:
        """Log-Mel of each frame."""
        before = DFT_SAMPLES // 2 - MEL_HOP_SAMPLES
        samples = (mask.shape[1] - 1) * MEL_HOP_SAMPLES + DFT_SAMPLES
        mirrored = torch.cat([waveform[:, 1 : before + 1].flip(1), F.pad(waveform, (0, DFT_SAMPLES))], 1)
        real, imaginary = F.conv1d(mirrored[:, None, :samples], self.dft, stride=MEL_HOP_SAMPLES).chunk(2, 1)
        power = self.filters @ (real.square() + imaginary.square())
        log_mel = power.clamp(min=LEAST_POWER).log10()
        keep = mask[:, None]
        maximum = torch.where(keep, log_mel, math.log10(LEAST_POWER)).amax((1, 2), keepdim=True)
        return (torch.maximum(log_mel, maximum - RANGE) + 4) / 4 * keep
