"""Waveform → hidden layers of a frozen speech encoder: the input of the encoder systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.errors import RecipeError
from emotrace.models.encoders.files import find_encoder
from emotrace.models.encoders.moonshine import MoonshineEncoder
from emotrace.models.encoders.wav2vec2 import Wav2Vec2Encoder
from emotrace.models.encoders.whisper import WhisperEncoder
from emotrace.models.layers.masking import length_mask

SILENCE_DB = 35.0  # a block this far below the loudest stretch is silent
LOUDEST_BLOCKS = 4  # of one hop: length of that stretch, so that a click does not count
LEVEL = 0.15  # root mean square of the speech that the encoder is given, unless it expects 1

Encoder: TypeAlias = MoonshineEncoder | Wav2Vec2Encoder | WhisperEncoder


class EncoderFeatures(nn.Module):
    """Hidden layers of an encoder, one after the other, as features of its frames.

    The speech from the first loud block to the last one has the same level in every window. Frames before
    and after it are zero in all features, and do not change the others.

    Args:
        encoder: the encoder, with the layers that are used and those below them
        layers: the layers that are used, counted from 0
        level: root mean square of the speech that the encoder is given

    Shape: (batch, sample) at 16 kHz and (batch,) true lengths in samples → (batch, feature, frame) and
    (batch,) true lengths in frames.
    """

    def __init__(self, encoder: Encoder, layers: Sequence[int], level: float = LEVEL):
        super().__init__()
        self.encoder, self.layers, self.level = encoder, tuple(layers), level
        self.frame_samples, self.hop_samples = encoder.frame_samples, encoder.hop_samples
        self.further_blocks = (self.frame_samples - 1) // self.hop_samples  # that the last frame reads
        self.bands = len(self.layers) * encoder.width
        self.requires_grad_(False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features of each frame, and the true lengths in frames."""
        waveform = waveform * length_mask(lengths, waveform.shape[1])
        further = self.further_blocks
        frames = (lengths - self.frame_samples) // self.hop_samples + 1
        power = block_power(waveform, self.frame_samples, self.hop_samples)
        # a last part of a block counts in no batch
        power = power * length_mask(frames + further, power.shape[1])
        blocks = speech_blocks(power, further)
        waveform = waveform * (self.level / speech_level(power, blocks))
        mask = frame_mask(blocks, further) & length_mask(frames, blocks.shape[1] - further)
        states = self.encoder(waveform, blocks, mask)
        features = torch.cat([states[layer] for layer in self.layers], 2)
        features = features * mask[:, :, None]
        return features.transpose(1, 2), frames


def build_encoder_features(name: str, layers: Sequence[int]) -> EncoderFeatures:
    """The features of the encoder `name`, with its weights.

    Raises:
        RecipeError: the encoder is unknown, not installed, or has no such layer.
        MissingExtraError: it needs the extra `transformers`, which is not installed.
    """
    found = find_encoder(name)
    depth = max(layers) + 1
    if depth > found.layers:
        raise RecipeError(f"front.layers is {list(layers)}; {name} has layers 0 to {found.layers - 1}")
    return EncoderFeatures(found.load(depth), layers, 1.0 if found.unit_level else LEVEL)


def block_power(waveform: Tensor, frame_samples: int, hop_samples: int) -> Tensor:
    """Mean power of each block of one hop, up to the end of the last frame.

    Shape: (batch, sample) → (batch, block).
    """
    further = (frame_samples - 1) // hop_samples
    blocks = (waveform.shape[1] - frame_samples) // hop_samples + 1 + further
    padded = F.pad(waveform, (0, hop_samples))
    return padded[:, : blocks * hop_samples].unflatten(1, (-1, hop_samples)).square().mean(2)


def frame_mask(blocks: Tensor, further: int) -> Tensor:
    """The mask of frames for a mask of blocks: a frame counts if the block at its centre does.

    Args:
        further: how many more blocks than frames there are

    Shape: (batch, block) → (batch, block - further).

    >>> frame_mask(torch.tensor([[False, True, False, False]]), 2).tolist()
    [[True, False]]
    """
    first = further // 2
    return blocks[:, first : blocks.shape[1] - (further - first)]


def speech_blocks(power: Tensor, further: int) -> Tensor:
    """Mask of the blocks from the first loud one to the last one; all of them in digital silence.

    Args:
        further: how many more blocks than frames there are

    Shape: (batch, block) → (batch, block), bool.

    >>> power = torch.tensor([[0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]])
    >>> speech_blocks(power, 2).int().tolist()
    [[0, 0, 1, 1, 1, 0, 0]]
    """
    stretches = F.avg_pool1d(F.pad(power, (0, LOUDEST_BLOCKS - 1))[:, None], LOUDEST_BLOCKS, 1)[:, 0]
    loudest = stretches.amax(1, keepdim=True)
    loud = (power > loudest * 10 ** (-SILENCE_DB / 10)).to(power.dtype)
    begun, unfinished = loud.cumsum(1) > 0, loud.flip(1).cumsum(1).flip(1) > 0
    inside = begun & unfinished
    # Where no frame has its centre in loud blocks, as in digital silence, all blocks count.
    return inside | ~frame_mask(inside, further).any(1, keepdim=True)


def speech_level(power: Tensor, blocks: Tensor) -> Tensor:
    """Root mean square of the blocks of the mask, (batch, block) → (batch, 1); never 0."""
    mask = blocks.to(power.dtype)
    mean = (power * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
    return mean.sqrt().clamp(min=1e-6)
