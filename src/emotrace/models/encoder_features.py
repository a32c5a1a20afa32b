"""Waveform → hidden layers of a frozen speech encoder: the input of the encoder systems."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.errors import RecipeError
from emotrace.models.encoders.files import find_encoder, read_encoder
from emotrace.models.encoders.moonshine import FRAME_SAMPLES, HOP_SAMPLES, MoonshineEncoder, frame_mask
from emotrace.models.layers.masking import length_mask

SILENCE_DB = 35.0  # a block this far below the loudest stretch is silent
LOUDEST_BLOCKS = 4  # of 24 ms: length of that stretch, so that a click does not count
LEVEL = 0.15  # root mean square of the speech that the encoder is given


class EncoderFeatures(nn.Module):
    """Hidden layers of an encoder, one after the other, as features of frames every 24 ms.

    The speech from the first loud block to the last one has the same level in every window. Frames before
    and after it are zero in all features, and do not change the others.

    Args:
        encoder: the encoder, with the layers that are used and those below them
        layers: the layers that are used, counted from 0

    Shape: (batch, sample) at 16 kHz and (batch,) true lengths in samples → (batch, feature, frame) and
    (batch,) true lengths in frames.
    """

    frame_samples, hop_samples = FRAME_SAMPLES, HOP_SAMPLES

    def __init__(self, encoder: MoonshineEncoder, layers: Sequence[int]):
        super().__init__()
        self.encoder, self.layers = encoder, tuple(layers)
        self.bands = len(self.layers) * len(encoder.norm_weight)
        self.requires_grad_(False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of each frame, and the true lengths in frames."""
        waveform = waveform * length_mask(lengths, waveform.shape[1])
        frames = (lengths - FRAME_SAMPLES) // HOP_SAMPLES + 1
        power = block_power(waveform)
        power = power * length_mask(frames + 2, power.shape[1])  # a last part of a block counts in no batch
        blocks = speech_blocks(power)
        waveform = waveform * (LEVEL / speech_level(power, blocks))
        mask = frame_mask(blocks) & length_mask(frames, blocks.shape[1] - 2)
        states = self.encoder(waveform, blocks, mask)
        features = torch.cat([states[layer] for layer in self.layers], 2)
        features = features * mask[:, :, None]
        return features.transpose(1, 2), frames


def build_encoder_features(name: str, layers: Sequence[int]) -> EncoderFeatures:
    """The features of the encoder `name`, with its weights.

    Raises:
        RecipeError: the encoder is unknown, not installed, or has no such layer.
    """
    size = find_encoder(name).size
    depth = max(layers) + 1
    if depth > size.layers:
        raise RecipeError(f"front.layers is {list(layers)}; {name} has layers 0 to {size.layers - 1}")
    weights = read_encoder(name)
    encoder = MoonshineEncoder(size, depth)
    encoder.load_state_dict({key: weights[key] for key in encoder.state_dict()})
    return EncoderFeatures(encoder, layers)


def block_power(waveform: Tensor) -> Tensor:
    """Mean power of each block of 24 ms, two more than there are frames, (batch, sample) → (batch, block)."""
    blocks = (waveform.shape[1] - FRAME_SAMPLES) // HOP_SAMPLES + 3
    padded = F.pad(waveform, (0, HOP_SAMPLES))
    return padded[:, : blocks * HOP_SAMPLES].unflatten(1, (-1, HOP_SAMPLES)).square().mean(2)


def speech_blocks(power: Tensor) -> Tensor:
    """Mask of the blocks from the first loud one to the last one; all of them in digital silence.

    Shape: (batch, block) → (batch, block), bool.

    >>> power = torch.tensor([[0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]])
    >>> speech_blocks(power).int().tolist()
    [[0, 0, 1, 1, 1, 0, 0]]
    """
    stretches = F.avg_pool1d(F.pad(power, (0, LOUDEST_BLOCKS - 1))[:, None], LOUDEST_BLOCKS, 1)[:, 0]
    loudest = stretches.amax(1, keepdim=True)
    loud = (power > loudest * 10 ** (-SILENCE_DB / 10)).to(power.dtype)
    begun, unfinished = loud.cumsum(1) > 0, loud.flip(1).cumsum(1).flip(1) > 0
    inside = begun & unfinished
    # Where no frame has its centre in loud blocks, as in digital silence, all blocks count.
    return inside | ~frame_mask(inside).any(1, keepdim=True)


def speech_level(power: Tensor, blocks: Tensor) -> Tensor:
    """Root mean square of the blocks of the mask, (batch, block) → (batch, 1); never 0."""
    mask = blocks.to(power.dtype)
    mean = (power * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    return mean.sqrt().clamp(min=1e-6)
