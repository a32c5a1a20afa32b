"""The encoders wav2vec 2.0, HuBERT and WavLM, with masks for silence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize


class Wav2Vec2Encoder(nn.Module):
    """Waveform → hidden states of the first transformer layers.

    The three models share this structure: convolutions, a projection, a convolution that carries the
    position, and transformer layers. The parts are those of `transformers`. Group normalisation over time and
    the attention cover the frames of the mask alone, and the frames outside are zero before the positions, so
    that padding and silence do not change the other frames.

    Args:
        model: a `Wav2Vec2Model`, `HubertModel` or `WavLMModel` of `transformers`
        depth: number of layers that are kept

    Shape: (batch, sample) at 16 kHz, a mask of blocks, which is not used, and a mask (batch, frame) → one
    (batch, frame, width) for each layer. The states are those before the normalisation behind the last layer.
    """

    max_frames = None  # any number

    def __init__(self, model: Any, depth: int):
        super().__init__()
        config = model.config
        self.width = config.hidden_size
        self.frame_samples, self.hop_samples = convolution_layout(config.conv_kernel, config.conv_stride)
        kernel, stride = config.conv_kernel[0], config.conv_stride[0]
        self.steps_per_hop = self.hop_samples // stride  # of the first convolution
        self.further_steps = (self.frame_samples - kernel) // stride + 1 - self.steps_per_hop
        self.convolutions = model.feature_extractor.conv_layers
        self.projection = model.feature_projection
        self.positions = model.encoder.pos_conv_embed
        self.norm = nn.Identity() if config.do_stable_layer_norm else model.encoder.layer_norm
        self.layers = nn.ModuleList(list(model.encoder.layers)[:depth])
        self.relative_positions = config.model_type == "wavlm"

    def fold_weight_norm(self) -> None:
        """Replace the two factors of a normalised weight by their product."""
        if parametrize.is_parametrized(self.positions.conv, "weight"):
            parametrize.remove_parametrizations(self.positions.conv, "weight")

    def forward(self, waveform: Tensor, blocks: Tensor, frames: Tensor) -> list[Tensor]:
        """Hidden states after each layer."""
        x = self.convolve(waveform, frames)
        x = first_of(self.projection(x.transpose(1, 2))) * frames[:, :, None]
        x = self.norm(x + self.positions(x))
        states, bias = [], None
        for layer in self.layers:
            if self.relative_positions:
                with warnings.catch_warnings():  # PyTorch warns that the two masks differ in type
                    warnings.simplefilter("ignore", UserWarning)
                    x, bias = layer(x, attention_mask=frames, position_bias=bias)
            else:
                x = first_of(layer(x, attention_mask=frames[:, None, None]))
            states.append(x)
        return states

    def convolve(self, waveform: Tensor, frames: Tensor) -> Tensor:
        """The output of the convolutions, (batch, sample), (batch, frame) → (batch, channel, frame)."""
        samples = (frames.shape[1] - 1) * self.hop_samples + self.frame_samples
        x = waveform[:, None, :samples]
        for layer in self.convolutions:
            norm = getattr(layer, "layer_norm", None)
            if isinstance(norm, nn.GroupNorm):  # of the first convolution
                x = layer.activation(group_norm(layer.conv(x), self.steps(frames), norm))
            else:
                x = layer(x)
        return x

    def steps(self, frames: Tensor) -> Tensor:
        """The steps of the first convolution that some frame of the mask reads, (batch, step), 0 or 1."""
        steps = frames.float().repeat_interleave(self.steps_per_hop, 1)
        further = self.further_steps
        return F.max_pool1d(F.pad(steps, (further, further)), further + 1, 1)


def convolution_layout(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """Samples that a frame depends on, and samples from one frame to the next.

    >>> convolution_layout((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2))
    (400, 320)
    """
    samples, hop = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        samples += (kernel - 1) * hop
        hop *= stride
    return samples, hop


def group_norm(x: Tensor, steps: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Group normalisation of each channel, whose mean and variance cover the steps of the mask.

    Shape: (batch, channel, step), (batch, step) → (batch, channel, step).

    >>> import torch
    >>> x, norm = torch.randn(2, 3, 50), nn.GroupNorm(3, 3)
    >>> (group_norm(x, torch.ones(2, 50), norm) - norm(x)).abs().max().item() < 1e-5
    True
    """
    mask = steps[:, None].to(x.dtype)
    count = mask.sum(2, keepdim=True)
    x = x - (x * mask).sum(2, keepdim=True) / count
    variance = (x * mask).square().sum(2, keepdim=True) / count
    return x * (variance + norm.eps).rsqrt() * norm.weight[:, None] + norm.bias[:, None]


def first_of(output: Any) -> Tensor:
    """A tensor, or the first of several."""
    found = output[0] if isinstance(output, tuple) else output
    assert isinstance(found, Tensor)
    return found
