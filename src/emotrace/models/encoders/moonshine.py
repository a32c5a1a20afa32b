"""The encoder of the speech recogniser Moonshine (Jeffries et al. 2024), with masks for silence."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Kernel and stride of the three convolutions, in steps of their input.
CONVOLUTIONS = ((127, 64), (7, 3), (3, 2))
HOP_SAMPLES = 384  # from one frame to the next at 16 kHz: the product of the strides
FRAME_SAMPLES = 895  # samples that a frame depends on before attention: the receptive field
STEPS_PER_HOP = HOP_SAMPLES // CONVOLUTIONS[0][1]  # of the first convolution
ROTARY_VALUES = 32  # values of each head that carry the position
ROTARY_BASE = 10_000.0
GROUP_NORM_EPS = 1e-5


@dataclass(frozen=True)
class MoonshineSize:
    """Dimensions of an encoder.

    Attributes:
        width: values of a frame
        layers: transformer layers
        heads: attention heads of each
    """

    width: int
    layers: int
    heads: int = 8


class MoonshineEncoder(nn.Module):
    """Waveform → hidden states of the first transformer layers.

    Three convolutions turn the waveform into frames every 24 ms, and transformer layers with rotary positions
    follow. The mean and variance of the group normalisation and the attention cover the frames of the mask
    alone, so that padding and silence do not change the other frames.

    Args:
        size: dimensions
        depth: number of layers that are kept, at most `size.layers`

    Shape: (batch, sample) at 16 kHz, a mask (batch, block) of blocks of `HOP_SAMPLES`, with two blocks more
    than there are frames, and a mask (batch, frame) → one (batch, frame, width) for each layer.

    >>> encoder = MoonshineEncoder(MoonshineSize(width=288, layers=6), depth=2).eval()
    >>> states = encoder(torch.randn(1, 16_000), torch.ones(1, 42) > 0, torch.ones(1, 40) > 0)
    >>> len(states), states[0].shape
    (2, torch.Size([1, 40, 288]))
    """

    frame_samples, hop_samples = FRAME_SAMPLES, HOP_SAMPLES
    max_frames = None  # any number

    def __init__(self, size: MoonshineSize, depth: int):
        super().__init__()
        self.width = width = size.width
        first, second, third = CONVOLUTIONS
        self.conv1 = StridedConv(1, width, *first, bias=False)
        self.norm_weight = nn.Parameter(torch.ones(width))
        self.norm_bias = nn.Parameter(torch.zeros(width))
        self.conv2 = StridedConv(width, 2 * width, *second)
        self.conv3 = StridedConv(2 * width, width, *third)
        self.layers = nn.ModuleList(MoonshineLayer(width, size.heads) for _ in range(depth))

    def forward(self, waveform: Tensor, blocks: Tensor, frames: Tensor) -> list[Tensor]:
        """Hidden states after each layer."""
        maps = torch.tanh(self.conv1(waveform[:, :, None]))
        steps = blocks.repeat_interleave(STEPS_PER_HOP, 1)[:, : maps.shape[1]]
        x = F.gelu(self.conv3(F.gelu(self.conv2(self.normalise(maps, steps)))))
        keys = frames[:, None, None]
        cosine, sine = rotary_positions(x.shape[1], x)
        states = []
        for layer in self.layers:
            x = layer(x, keys, cosine, sine)
            states.append(x)
        return states

    def normalise(self, maps: Tensor, steps: Tensor) -> Tensor:
        """Group normalisation with one group, whose statistics cover the steps of the mask.

        Shape: (batch, step, channel), (batch, step) → (batch, step, channel).
        """
        mask = steps[:, :, None].to(maps.dtype)
        count = mask.sum((1, 2), keepdim=True) * maps.shape[2]
        mean = (maps * mask).sum((1, 2), keepdim=True) / count
        variance = ((maps - mean).square() * mask).sum((1, 2), keepdim=True) / count
        return (maps - mean) * (variance + GROUP_NORM_EPS).rsqrt() * self.norm_weight + self.norm_bias


class StridedConv(nn.Module):
    """A valid 1-D convolution with a stride, as one matrix product for each `stride` steps of its kernel.

    ONNX Runtime computes these products about twice as fast as its convolution.

    Shape: (batch, step, channel) → (batch, step, feature).

    >>> conv, x = StridedConv(4, 6, kernel=7, stride=3), torch.randn(2, 50, 4)
    >>> weight = torch.cat(list(conv.weights)).unflatten(0, (7, 4)).permute(2, 1, 0)
    >>> expected = F.conv1d(x.transpose(1, 2), weight, conv.bias, stride=3).transpose(1, 2)
    >>> (conv(x) - expected).abs().max().item() < 1e-5
    True
    """

    def __init__(self, channels: int, features: int, kernel: int, stride: int, *, bias: bool = True):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        weights = torch.randn(kernel * channels, features) / (kernel * channels) ** 0.5
        self.weights = nn.ParameterList(weights.split(stride * channels))
        self.bias = nn.Parameter(torch.zeros(features)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Features of each step."""
        steps, parts = (x.shape[1] - self.kernel) // self.stride + 1, len(self.weights)
        x = F.pad(x, (0, 0, 0, self.stride * parts - self.kernel))
        blocks = x[:, : (steps + parts - 1) * self.stride].unflatten(1, (-1, self.stride)).flatten(2)
        found = sum(
            blocks[:, part : part + steps, : len(weight)] @ weight for part, weight in enumerate(self.weights)
        )
        assert isinstance(found, Tensor)
        return found if self.bias is None else found + self.bias


class MoonshineLayer(nn.Module):
    """One transformer layer: self-attention over the keys of the mask, then two dense layers.

    Shape: (batch, frame, width), keys (batch, 1, 1, frame) → (batch, frame, width).
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width, bias=False)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.dense_norm = nn.LayerNorm(width, bias=False)
        self.dense1 = nn.Linear(width, 4 * width)
        self.dense2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor, keys: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        """Hidden states."""
        normed = self.attention_norm(x)
        query, key, value = (
            dense(normed).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for dense in (self.query, self.key, self.value)
        )
        query, key = rotate(query, cosine, sine), rotate(key, cosine, sine)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        return x + self.dense2(F.gelu(self.dense1(self.dense_norm(x))))


def rotary_positions(frames: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine of the angles of each position, (frame, `ROTARY_VALUES`): Su et al. (2021)."""
    pairs = torch.arange(0, ROTARY_VALUES, 2, device=like.device, dtype=like.dtype)
    speeds = ROTARY_BASE ** (-pairs / ROTARY_VALUES)
    angles = torch.arange(frames, device=like.device, dtype=like.dtype)[:, None] * speeds
    angles = angles.repeat_interleave(2, 1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn pairs of the first values of each head by the angles of their positions.

    Shape: (batch, head, frame, value) in and out.
    """
    turned, rest = x[..., :ROTARY_VALUES], x[..., ROTARY_VALUES:]
    across = torch.stack([-turned[..., 1::2], turned[..., ::2]], -1).flatten(-2)
    return torch.cat([turned * cosine + across * sine, rest], -1)
