"""The systems of Table 5, put together from shared parts; a row of `SYSTEMS` shows how one differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.errors import RecipeError
from emotrace.features import SAMPLE_RATE_HZ, LogMel, spectrogram
from emotrace.model.attention import SelfAttention
from emotrace.model.ctc import CTCHead
from emotrace.model.drn import DilatedResidual
from emotrace.model.lengths import masked_max, masked_mean, real
from emotrace.model.pcnse import ParallelConv
from emotrace.recipe import Recipe
from emotrace.windows import FRAME_HOP_SAMPLES, FRAME_SAMPLES


@dataclass(frozen=True)
class System:
    """What distinguishes a system: its front, its back end, what follows it, and its loss."""

    front: Literal["pcn", "pcnse", None]
    back: Literal["drn", None]
    gather: Literal["attention", "max", "mean"]
    loss: Literal["cross-entropy", "ctc"]

    @property
    def stages(self) -> int:
        """2 where a back end is trained on the features of a front trained before it."""
        return 2 if self.front and self.back else 1


SYSTEMS = {
    "pcn": System("pcn", None, "mean", "cross-entropy"),
    "pcnse": System("pcnse", None, "mean", "cross-entropy"),
    "pcn-sadrn": System("pcn", "drn", "attention", "cross-entropy"),
    "pcnse-drn-gmp": System("pcnse", "drn", "max", "cross-entropy"),
    "pcnse-drn-gap": System("pcnse", "drn", "mean", "cross-entropy"),
    "pcnse-sadrn": System("pcnse", "drn", "attention", "cross-entropy"),
    "pcnse-sadrn-ctc": System("pcnse", "drn", "attention", "ctc"),
    "sadrn-ctc": System(None, "drn", "attention", "ctc"),
}


def find_system(name: str) -> System:
    """The system of that name.

    Raises:
        RecipeError: there is none.
    """
    if name not in SYSTEMS:
        raise RecipeError(f"unknown system {name}; known: {', '.join(SYSTEMS)}")
    return SYSTEMS[name]


class Normalisation(nn.Module):
    """Mean 0 and standard deviation 1 per channel and band; then zero beyond the true lengths.

    With `scope` "corpus" the statistics are buffers, set from the training fold's real frames; with
    "utterance" each utterance's own are used.

    Shape: (batch, channel, frame, band) in and out; lengths: (batch,).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int, bands: int, scope: str):
        super().__init__()
        self.scope = scope
        self.register_buffer("mean", torch.zeros(channels, 1, bands))
        self.register_buffer("scale", torch.ones(channels, 1, bands))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Normalised spectrogram."""
        within = real(lengths, x.shape[2])[:, None, :, None].to(x.dtype)
        if self.scope == "utterance":
            count = lengths[:, None, None, None]
            centred = x - (x * within).sum(2, keepdim=True) / count
            variance = (centred.square() * within).sum(2, keepdim=True) / count
            return centred * (variance + 1e-5).rsqrt() * within
        return (x - self.mean) * self.scale * within


class Front(nn.Module):
    """Static log-Mel → the features of each step: the 3-D spectrogram itself, or what PCN(SE) makes of it.

    Shape: (batch, band, frame), (batch,) true lengths → (batch, step, feature), (batch,).
    """

    def __init__(self, recipe: Recipe, kind: str | None):
        super().__init__()
        features, front = recipe.features, recipe.front
        self.reach, self.channels = features.delta_reach, features.channels
        self.pad_to = None if recipe.masked else recipe.longest_frames
        self.normalise = Normalisation(self.channels, features.bands, features.normalisation)
        self.pcnse = None
        self.features_out = features.bands * self.channels
        self.frames_per_step, self.first_frame = 1, 0.0
        if kind is not None:
            self.pcnse = ParallelConv(
                layout=front.layout,
                bands=features.bands,
                width=front.width,
                reduction=front.reduction if kind == "pcnse" else None,
                channels=self.channels,
                batch_norm=front.batch_norm,
                momentum=front.batch_norm_momentum,
                eps=front.batch_norm_eps,
            )
            self.features_out = self.pcnse.features_out
            self.frames_per_step, self.first_frame = 2, self.pcnse.centre_of_first_step()

    def forward(self, static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Local features and their true lengths."""
        return self.extract(self.image(static, frames), frames)

    def image(self, static: Tensor, frames: Tensor) -> Tensor:
        """The normalised 3-D spectrogram (batch, channel, frame, band), zero beyond the true lengths."""
        return self.normalise(spectrogram(static, frames, self.reach, self.channels), frames)

    def extract(self, image: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Local features of a normalised spectrogram."""
        if self.pad_to is not None:  # the Keras reading: 5 s for all, silence taken for speech
            image = F.pad(image, (0, 0, 0, self.pad_to - image.shape[2]))
            frames = torch.full_like(frames, self.pad_to)
        if self.pcnse is None:
            return image.transpose(1, 2).flatten(2), frames
        return self.pcnse(image.contiguous(memory_format=torch.channels_last), frames)

    def steps_out(self, frames: int) -> int:
        """Steps that come of so many frames; in the Keras reading, of however many."""
        frames = frames if self.pad_to is None else self.pad_to
        return frames if self.pcnse is None else self.pcnse.positions_out(frames)


class PooledHead(nn.Module):
    """Features of each step → log-scores of the utterance: pool over time, (dense,) dropout, output.

    Shape: (batch, step, feature), (batch,) → (batch, K).
    """

    def __init__(self, features: int, labels: int, dropout: float, pool: str, dense: int | None = None):
        super().__init__()
        self.pool = masked_max if pool == "max" else masked_mean
        self.dense = nn.Linear(features, dense) if dense else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(dense or features, labels)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logarithms of the softmax."""
        x = self.pool(x, lengths)
        if self.dense is not None:
            x = self.dense(x).relu()
        return self.output(self.dropout(x)).float().log_softmax(1)


class Back(nn.Module):
    """Features of each step → log-scores of the utterance, or with CTC log-posteriors of each step.

    Shape: (batch, step, feature), (batch,) → (batch, K), or (batch, step, K + 1).
    """

    def __init__(self, recipe: Recipe, system: System, features: int, labels: int):
        super().__init__()
        back, head = recipe.back, recipe.head
        self.drn = self.attention = self.pooled = self.ctc = None
        width = features
        if system.back == "drn":
            self.drn = DilatedResidual(
                features, back.width, back.stacks, back.dilations, back.dropout, back.causal
            )
            width = back.width
        if system.gather == "attention":
            self.attention = SelfAttention(width, back.heads, back.residual)
        if system.loss == "ctc":
            self.ctc = CTCHead(width, labels)
        else:
            dense = None if system.back else head.dense
            self.pooled = PooledHead(width, labels, head.dropout, system.gather, dense)

    def forward(self, local: Tensor, steps: Tensor) -> Tensor:
        """Log-posteriors or log-scores."""
        context = local if self.drn is None else self.drn(local, steps)
        if self.attention is not None:
            context = self.attention(context, steps)
        if self.ctc is not None:
            return self.ctc(context)
        assert self.pooled is not None
        return self.pooled(context, steps)


class Network(nn.Module):
    """A whole system, from the waveform on.

    >>> network = build(Recipe(), "pcnse-sadrn-ctc", labels=4).eval()
    >>> log_posteriors, steps = network(torch.randn(1, 80_240), torch.tensor([80_240]))
    >>> log_posteriors.shape, steps.tolist()
    (torch.Size([1, 243, 5]), [243])
    """

    def __init__(self, logmel: LogMel, front: Front, back: Back):
        super().__init__()
        self.logmel, self.front, self.back = logmel, front, back

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, sample), (batch,) → what the back end gives, and the true lengths in steps."""
        return self.from_static(*self.logmel(waveform, lengths))

    def from_static(self, static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The same from a static log-Mel spectrogram (batch, band, frame)."""
        return self.from_local(*self.front(static, frames))

    def from_local(self, local: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """The same from local features (batch, step, feature)."""
        return self.back(local, steps), steps

    @property
    def first_step_s(self) -> float:
        """Centre of output step 0 in seconds.

        >>> build(Recipe(), "pcnse-sadrn-ctc", labels=4).first_step_s
        0.0875
        """
        return (self.front.first_frame * FRAME_HOP_SAMPLES + FRAME_SAMPLES / 2) / SAMPLE_RATE_HZ

    @property
    def step_s(self) -> float:
        """Seconds from one output step to the next."""
        return self.front.frames_per_step * FRAME_HOP_SAMPLES / SAMPLE_RATE_HZ


def build(recipe: Recipe, name: str, labels: int) -> Network:
    """A system with fresh weights.

    Raises:
        RecipeError: there is no such system, or the recipe does not fit it.
    """
    system = find_system(name)
    if recipe.back.width % recipe.back.heads:
        raise RecipeError(f"back.heads {recipe.back.heads} does not divide back.width {recipe.back.width}")
    front = Front(recipe, system.front)
    back = Back(recipe, system, front.features_out, labels)
    network = Network(LogMel(recipe.features.bands), front, back)
    if recipe.weights == "glorot":
        glorot(network)
    return network


def glorot(network: nn.Module) -> None:
    """Initialise as Keras does: uniform after Glorot, biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
