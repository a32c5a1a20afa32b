"""The front of a system: static bands → 3-D spectrogram → local features."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.features.deltas import stack_deltas
from emotrace.features.level import NEPERS_PER_DB, level, loudness
from emotrace.models.architectures import System
from emotrace.models.layers.normalisation import Normalisation
from emotrace.models.layers.pcnse import ParallelConv
from emotrace.models.layers.spectrogram_cnn import WIDTHS, SpectrogramConv
from emotrace.recipe import Recipe

Convolutions = ParallelConv | SpectrogramConv


class Front(nn.Module):
    """Static bands → features of each step, through the convolutions of the system, if it has any.

    Shape: (batch, band, frame), (batch,) true lengths → (batch, step, feature), (batch,).
    """

    def __init__(self, recipe: Recipe, system: System, bands: int):
        super().__init__()
        features = recipe.features
        self.reach = features.delta_reach
        self.channels = 1 if system.linear_spectrogram else features.channels
        self.subtract_level = features.normalisation == "level"
        self.dynamic_range_db = features.dynamic_range_db
        self.pad_to = None if recipe.masked else system.max_frames(recipe)
        self.normalise = Normalisation(self.channels, bands, features.normalisation)
        self.convolutions: Convolutions | None = None
        self.features_out = bands * self.channels
        self.frames_per_step, self.first_frame = 1, 0.0
        if system.front is not None:
            self.convolutions = FRONTS[system.front](recipe, self.channels, bands)
            self.features_out = self.convolutions.features_out
            self.frames_per_step = self.convolutions.frames_per_step
            self.first_frame = self.convolutions.centre_of_first_step()

    def forward(self, static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Local features and their true lengths."""
        return self.extract(self.image(static, frames), frames)

    def image(self, static: Tensor, frames: Tensor) -> Tensor:
        """The normalised 3-D spectrogram (batch, channel, frame, band), zero beyond the true lengths."""
        return self.normalise(self.spectrogram(static, frames), frames)

    def spectrogram(self, static: Tensor, frames: Tensor) -> Tensor:
        """The 3-D spectrogram (batch, channel, frame, band) before it is normalised by channel and band."""
        return stack_deltas(self.adjust_level(static, frames), frames, self.reach, self.channels)

    def adjust_level(self, static: Tensor, frames: Tensor) -> Tensor:
        """Static bands with the recipe's dynamic range, relative to the level if it says so."""
        if not self.subtract_level and not self.dynamic_range_db:
            return static
        reference = level(loudness(static), frames)
        if self.dynamic_range_db:  # noise of the room and the recorder identifies speakers, not emotions
            static = static.maximum(reference - self.dynamic_range_db * NEPERS_PER_DB)
        return static - reference if self.subtract_level else static

    def extract(self, image: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Local features of a normalised spectrogram."""
        if self.pad_to is not None:  # the Keras reading: all inputs are padded to 5 s, and nothing is masked
            image = F.pad(image, (0, 0, 0, self.pad_to - image.shape[2]))
            frames = torch.full_like(frames, self.pad_to)
        if self.convolutions is None:
            return image.transpose(1, 2).flatten(2), frames
        return self.convolutions(image.contiguous(memory_format=torch.channels_last), frames)

    def steps_out(self, frames: int) -> int:
        """Number of steps for a number of frames; in the Keras reading it is always the same."""
        frames = frames if self.pad_to is None else self.pad_to
        return frames if self.convolutions is None else self.convolutions.positions_out(frames)


def build_parallel_conv(recipe: Recipe, channels: int, bands: int, *, squeeze: bool) -> ParallelConv:
    """PCNSE, or PCN without squeeze-and-excitation."""
    front = recipe.front
    return ParallelConv(
        layout=front.layout,
        bands=bands,
        width=front.width,
        reduction=front.reduction if squeeze else None,
        channels=channels,
        batch_norm=front.batch_norm,
        momentum=front.batch_norm_momentum,
        eps=front.batch_norm_eps,
    )


def build_spectrogram_conv(recipe: Recipe, channels: int, bands: int) -> SpectrogramConv:
    """The convolutions of the baselines on the linear log-spectrogram."""
    widths = tuple(recipe.baseline(width) for width in WIDTHS)
    front = recipe.front
    return SpectrogramConv(channels, bands, widths, front.batch_norm_momentum, front.batch_norm_eps)


# A builder takes the recipe, and the number of channels and bands of the spectrogram.
FRONTS: dict[str, Callable[[Recipe, int, int], Convolutions]] = {
    "pcn": partial(build_parallel_conv, squeeze=False),
    "pcnse": partial(build_parallel_conv, squeeze=True),
    "cnn": build_spectrogram_conv,
}
