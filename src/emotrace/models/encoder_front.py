"""The front of an encoder system: features of the encoder → normalised features of each step."""

from __future__ import annotations

from torch import Tensor, nn

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.models.layers.normalisation import Normalisation


class EncoderFront(nn.Module):
    """Features with mean 0 and deviation 1 over the training speech; frames without speech stay zero.

    It has the interface of `Front`, with one channel.

    Args:
        features: number of features of a frame
        hop_samples: samples from one frame to the next

    Shape: (batch, feature, frame), (batch,) true lengths → (batch, frame, feature), (batch,).
    """

    channels, first_frame = 1, 0.0

    def __init__(self, features: int, hop_samples: int):
        super().__init__()
        self.features_out = features
        self.frames_per_step = hop_samples / FRAME_HOP_SAMPLES  # in frames of 10 ms
        self.convolutions = None
        self.normalise = Normalisation(1, features, "corpus")

    def forward(self, static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised features and their true lengths."""
        return self.extract(self.image(static, frames), frames)

    def spectrogram(self, static: Tensor, frames: Tensor) -> Tensor:
        """The features as they are, (batch, 1, frame, feature)."""
        return static.transpose(1, 2)[:, None]

    def image(self, static: Tensor, frames: Tensor) -> Tensor:
        """The normalised features (batch, 1, frame, feature)."""
        image = self.spectrogram(static, frames)
        return self.normalise(image, frames) * speech_frames(image)

    def extract(self, image: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The features as a sequence."""
        return image[:, 0], frames

    def steps_out(self, frames: int) -> int:
        """Number of steps for a number of frames."""
        return frames


def speech_frames(features: Tensor) -> Tensor:
    """1 for frames that are not zero in all features, (…, frame, feature) → (…, frame, 1).

    >>> import torch
    >>> speech_frames(torch.tensor([[0.0, 0.0], [0.5, 0.0]])).tolist()
    [[0.0], [1.0]]
    """
    return (features != 0).any(-1, keepdim=True).to(features.dtype)
