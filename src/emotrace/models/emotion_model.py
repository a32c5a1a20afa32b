"""A system of Table 5 as one module, put together from the parts that systems share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.errors import RecipeError
from emotrace.features.autocorrelation import periodicity
from emotrace.features.deltas import stack_deltas
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.features.level import NEPERS_PER_DB, level, loudness
from emotrace.features.linear_spectrogram import LinearSpectrogram
from emotrace.features.log_mel import LogMel
from emotrace.features.log_power import LogPower
from emotrace.models.architectures import System, find_system
from emotrace.models.functionals.classifier import FunctionalsClassifier
from emotrace.models.functionals.segments import at_steps, cut
from emotrace.models.heads.ctc import CTCHead, StepDense
from emotrace.models.heads.pooling import PooledHead
from emotrace.models.layers.attention import SelfAttention
from emotrace.models.layers.dilated_residual import DilatedResidual
from emotrace.models.layers.initialisation import glorot
from emotrace.models.layers.normalisation import Normalisation
from emotrace.models.layers.pcnse import ParallelConv
from emotrace.models.layers.recurrent import Bidirectional
from emotrace.models.layers.spectrogram_cnn import WIDTHS, SpectrogramConv
from emotrace.recipe import Recipe

# Static bands, periods, and true lengths in frames: what `LogPower.with_autocorrelation` gives.
Spectra = tuple[Tensor, Tensor, Tensor]


class Front(nn.Module):
    """Static bands → the features of each step: the 3-D spectrogram itself, or what convolutions make of it.

    Shape: (batch, band, frame), (batch,) true lengths → (batch, step, feature), (batch,).
    """

    def __init__(self, recipe: Recipe, system: System, bands: int):
        super().__init__()
        features = recipe.features
        self.reach, self.channels = features.delta_reach, 1 if system.front == "cnn" else features.channels
        self.levels, self.dynamic_range_db = features.normalisation == "level", features.dynamic_range_db
        self.pad_to = None if recipe.masked else system.max_frames(recipe)
        self.normalise = Normalisation(self.channels, bands, features.normalisation)
        self.pcnse = convolutions(recipe, system, self.channels, bands)
        self.features_out = bands * self.channels
        self.frames_per_step, self.first_frame = 1, 0.0
        if self.pcnse is not None:
            self.features_out = self.pcnse.features_out
            self.frames_per_step = 8 if system.front == "cnn" else 2
            self.first_frame = self.pcnse.centre_of_first_step()

    def forward(self, static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Local features and their true lengths."""
        return self.extract(self.image(static, frames), frames)

    def image(self, static: Tensor, frames: Tensor) -> Tensor:
        """The normalised 3-D spectrogram (batch, channel, frame, band), zero beyond the true lengths."""
        return self.normalise(self.spectrogram(static, frames), frames)

    def spectrogram(self, static: Tensor, frames: Tensor) -> Tensor:
        """The 3-D spectrogram (batch, channel, frame, band) before it is normalised by channel and band."""
        return stack_deltas(self.levelled(static, frames), frames, self.reach, self.channels)

    def levelled(self, static: Tensor, frames: Tensor) -> Tensor:
        """Static bands as the recipe wants them: of one level, and none far below it."""
        if not self.levels and not self.dynamic_range_db:
            return static
        own = level(loudness(static), frames)
        if self.dynamic_range_db:  # below lie the room and the recorder, which say who speaks rather than how
            static = static.maximum(own - self.dynamic_range_db * NEPERS_PER_DB)
        return static - own if self.levels else static

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


def convolutions(
    recipe: Recipe, system: System, channels: int, bands: int
) -> ParallelConv | SpectrogramConv | None:
    """The convolutions of a front."""
    front = recipe.front
    if system.front is None:
        return None
    if system.front == "cnn":
        widths = tuple(recipe.baseline(width) for width in WIDTHS)
        return SpectrogramConv(channels, bands, widths, front.batch_norm_momentum, front.batch_norm_eps)
    return ParallelConv(
        layout=front.layout,
        bands=bands,
        width=front.width,
        reduction=front.reduction if system.front == "pcnse" else None,
        channels=channels,
        batch_norm=front.batch_norm,
        momentum=front.batch_norm_momentum,
        eps=front.batch_norm_eps,
    )


class Back(nn.Module):
    """Features of each step → log-scores of the utterance, or with CTC log-posteriors of each step.

    Shape: (batch, step, feature), (batch,) → (batch, K), or (batch, step, K + 1).
    """

    def __init__(self, recipe: Recipe, system: System, features: int, labels: int):
        super().__init__()
        back, own = recipe.back, system.literature
        self.drn = self.recurrent = self.attention = self.dense = self.pooled = self.ctc = None
        width = features
        if system.back == "drn":
            self.drn = DilatedResidual(
                features, back.width, back.stacks, back.dilations, back.dropout, back.causal
            )
            width = back.width
        elif system.back is not None:
            units, layers = (recipe.baseline(own.units), 1) if own else (back.width // 2, back.layers)
            self.recurrent = Bidirectional(system.back.removeprefix("b"), features, units, layers)
            width = self.recurrent.features_out
        if system.gather == "attention":
            self.attention = SelfAttention(width, back.heads, back.residual)
        dense = recipe.baseline(own.dense) if own and own.dense else None
        if system.loss == "ctc":
            if dense:
                front = recipe.front
                self.dense = StepDense(width, dense, front.batch_norm_momentum, front.batch_norm_eps)
            self.ctc = CTCHead(dense or width, labels)
        else:
            if system.back is None:
                dense = recipe.head.dense
            dropout = 0.0 if own else recipe.head.dropout  # theirs name none
            pool = "mean" if system.gather is None or system.gather == "attention" else system.gather
            self.pooled = PooledHead(width, labels, dropout, pool, dense)

    def forward(self, local: Tensor, steps: Tensor) -> Tensor:
        """Log-posteriors or log-scores."""
        context = local
        for layer in (self.drn, self.recurrent, self.attention, self.dense):
            if layer is not None:
                context = layer(context, steps)
        if self.ctc is not None:
            return self.ctc(context)
        assert self.pooled is not None
        return self.pooled(context, steps)


class EmotionModel(nn.Module):
    """A whole system, from the waveform on; beside it, if the recipe says so, a classifier of functionals.

    >>> network = build(Recipe(), "pcnse-sadrn-ctc", labels=4).eval()
    >>> log_posteriors, steps = network(torch.randn(1, 80_240), torch.tensor([80_240]))
    >>> log_posteriors.shape, steps.tolist()
    (torch.Size([1, 243, 5]), [243])
    """

    def __init__(
        self, spectrum: LogPower, front: Front, back: Back, functionals: FunctionalsClassifier | None = None
    ):
        super().__init__()
        self.spectrum, self.front, self.back, self.functionals = spectrum, front, back, functionals

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """(batch, sample), (batch,) → what the back end gives, and the true lengths in steps."""
        return self.from_static(*self.spectrum(waveform, lengths))

    def from_static(self, static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The same from a static spectrogram (batch, band, frame)."""
        return self.from_local(*self.front(static, frames))

    def from_local(self, local: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """The same from local features (batch, step, feature)."""
        return self.back(local, steps), steps

    def representations(self, static: Tensor, periods: Tensor, frames: Tensor) -> Tensor:
        """What functionals hear: two pictures, the 3-D spectrogram, and periodicity with its deltas.

        Shape: (batch, band, frame), (batch, 1 + lag, frame), (batch,) → (2, batch, channel, frame, band).
        """
        pictures = torch.cat([self.front.levelled(static, frames), periodicity(periods, frames)])
        both = stack_deltas(pictures, frames.repeat(2), self.front.reach, self.front.channels)
        return both.unflatten(0, (2, -1))

    def forward_with_functionals(
        self, waveform: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Spectra]:
        """`from_spectra` of a waveform (batch, sample), and last what `step_scores_of` starts from."""
        spectra = self.spectrum.with_autocorrelation(waveform, lengths)
        return *self.from_spectra(spectra), spectra

    def from_spectra(self, spectra: Spectra) -> tuple[Tensor, Tensor, Tensor]:
        """What the back end gives, true lengths in steps, what functionals add: `utterance_scores`."""
        assert self.functionals is not None
        frames = spectra[2]
        representations = self.representations(*spectra)
        local, steps = self.front.extract(self.front.normalise(representations[0], frames), frames)
        return self.back(local, steps), steps, self.functionals.utterance_scores(representations, frames)

    def step_scores_of(self, spectra: Spectra, steps: int) -> Tensor:
        """What functionals say of the second and a half around each of so many steps, (batch, step, K + 1).

        Each stretch has a level and means of its own: what is soft is heard beside what is loud.
        """
        assert self.functionals is not None
        static, periods, frames = spectra
        stretches, real = cut(torch.cat([static, periods], 1), frames)
        bands, lags = stretches.split([static.shape[1], periods.shape[1]], 1)
        segment_scores = self.functionals.segment_scores(self.representations(bands, lags, real), real)
        segment_scores = segment_scores.unflatten(0, (static.shape[0], -1))
        return at_steps(segment_scores, steps, self.front.first_frame, self.front.frames_per_step)

    @property
    def first_step_s(self) -> float:
        """Centre of output step 0 in seconds.

        >>> build(Recipe(), "pcnse-sadrn-ctc", labels=4).first_step_s
        0.0875
        """
        middle = self.spectrum.frame_samples / 2
        return (self.front.first_frame * FRAME_HOP_SAMPLES + middle) / SAMPLE_RATE_HZ

    @property
    def step_s(self) -> float:
        """Seconds from one output step to the next."""
        return self.front.frames_per_step * FRAME_HOP_SAMPLES / SAMPLE_RATE_HZ


def build(recipe: Recipe, name: str, labels: int) -> EmotionModel:
    """A system with fresh weights.

    Raises:
        RecipeError: there is no such system, or the recipe does not fit it.
    """
    system = find_system(name)
    width = recipe.back.width
    if width % recipe.back.heads:
        raise RecipeError(f"back.heads {recipe.back.heads} does not divide back.width {width}")
    if system.back == "blstm" and system.literature is None and width % 2:
        raise RecipeError(f"back.width {width} is odd; {name} needs as many units in either direction")
    spectrum = spectrum_of(recipe, system)
    front = Front(recipe, system, spectrum.bands)
    if recipe.weights == "glorot":
        glorot(front)  # before the back end draws: systems with the same front begin with the same one
    back = Back(recipe, system, front.features_out, labels)
    if recipe.weights == "glorot":
        glorot(back)
    functionals = (
        FunctionalsClassifier(front.channels, spectrum.bands, labels) if recipe.functionals_l2 else None
    )
    return EmotionModel(spectrum, front, back, functionals)


def spectrum_of(recipe: Recipe, system: System) -> LogPower:
    """What turns the waveform into the static bands that the system starts from."""
    return LinearSpectrogram() if system.front == "cnn" else LogMel(recipe.features.n_mels)
