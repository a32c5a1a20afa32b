"""A system of Table 5 as one module, from the waveform to the outputs of the head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.errors import RecipeError
from emotrace.features.autocorrelation import periodicity
from emotrace.features.deltas import stack_deltas
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.features.linear_spectrogram import LinearSpectrogram
from emotrace.features.log_mel import LogMel
from emotrace.features.log_power import LogPower
from emotrace.models.architectures import System, find_system
from emotrace.models.back import Back
from emotrace.models.encoder_features import EncoderFeatures, build_encoder_features
from emotrace.models.encoder_front import EncoderFront
from emotrace.models.front import Front
from emotrace.models.functionals.classifier import FunctionalsClassifier
from emotrace.models.functionals.pooled import PooledClassifier, segment_frames
from emotrace.models.functionals.segments import cut_segments, segments_to_steps
from emotrace.models.heads.head import Objective
from emotrace.models.layers.initialisation import glorot
from emotrace.recipe import Recipe

# Static bands, autocorrelation and true lengths in frames: the output of `LogPower.with_autocorrelation`.
# Encoder systems have features and true lengths alone: the output of `EncoderFeatures`.
Spectra = tuple[Tensor, ...]
InputFeatures = LogPower | EncoderFeatures


class EmotionModel(nn.Module):
    """A whole system, and beside the network an optional classifier of functionals.

    >>> network = build(Recipe(), "pcnse-sadrn-ctc", labels=4).eval()
    >>> log_posteriors, steps = network(torch.randn(1, 80_240), torch.tensor([80_240]))
    >>> log_posteriors.shape, steps.tolist()
    (torch.Size([1, 243, 5]), [243])
    """

    def __init__(
        self,
        spectrum: InputFeatures,
        front: Front | EncoderFront,
        back: Back,
        functionals: FunctionalsClassifier | PooledClassifier | None = None,
    ):
        super().__init__()
        self.spectrum, self.front, self.back, self.functionals = spectrum, front, back, functionals

    @property
    def objective(self) -> Objective:
        """Loss and scores of the outputs."""
        return self.back.head.objective

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Waveform (batch, sample), (batch,) lengths → outputs of the head, and true lengths in steps."""
        return self.from_static(*self.spectrum(waveform, lengths))

    def from_static(self, static: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The same from static bands (batch, band, frame)."""
        return self.from_local(*self.front(static, frames))

    def from_local(self, local: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """The same from local features (batch, step, feature)."""
        return self.back(local, steps), steps

    def representations(self, static: Tensor, autocorrelation: Tensor, frames: Tensor) -> Tensor:
        """The inputs of functionals: the 3-D spectrogram, and periodicity with its deltas.

        Shape: (batch, band, frame), (batch, 1 + lag, frame), (batch,) → (2, batch, channel, frame, band).
        """
        assert isinstance(self.front, Front)
        both = torch.cat([self.front.adjust_level(static, frames), periodicity(autocorrelation, frames)])
        stacked = stack_deltas(both, frames.repeat(2), self.front.reach, self.front.channels)
        return stacked.unflatten(0, (2, -1))

    def forward_with_functionals(
        self, waveform: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Spectra]:
        """`from_spectra` of a waveform (batch, sample), and the spectra, which `step_scores` needs."""
        spectra = self.spectra(waveform, lengths)
        return *self.from_spectra(spectra), spectra

    def spectra(self, waveform: Tensor, lengths: Tensor) -> Spectra:
        """What `from_spectra` and `step_scores` need of a waveform (batch, sample)."""
        if isinstance(self.spectrum, EncoderFeatures):
            return self.spectrum(waveform, lengths)
        return self.spectrum.with_autocorrelation(waveform, lengths)

    def from_spectra(self, spectra: Spectra) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs of the head, true lengths in steps, and `FunctionalsClassifier.utterance_scores`."""
        assert self.functionals is not None
        if isinstance(self.functionals, PooledClassifier):
            return *self.from_static(*spectra), self.functionals.utterance_scores(*spectra)
        assert isinstance(self.front, Front)
        frames = spectra[2]
        representations = self.representations(*spectra)
        local, steps = self.front.extract(self.front.normalise(representations[0], frames), frames)
        return self.back(local, steps), steps, self.functionals.utterance_scores(representations, frames)

    def step_scores(self, spectra: Spectra, steps: int) -> Tensor:
        """Functionals' scores of the 1.5 s around each of `steps` steps, (batch, step, K + 1).

        Each segment has its own level and means, so that soft segments are not compared with loud ones.
        """
        assert self.functionals is not None
        if isinstance(self.functionals, PooledClassifier):
            return self.functionals.segment_scores(spectra[0])
        assert isinstance(self.front, Front)
        static, autocorrelation, frames = spectra
        segments, real_frames = cut_segments(torch.cat([static, autocorrelation], 1), frames)
        bands, lags = segments.split([static.shape[1], autocorrelation.shape[1]], 1)
        representations = self.representations(bands, lags, real_frames)
        scores = self.functionals.segment_scores(representations, real_frames)
        scores = scores.unflatten(0, (static.shape[0], -1))
        return segments_to_steps(scores, steps, self.front.first_frame, self.front.frames_per_step)

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
    """The system `name` with new weights.

    Raises:
        RecipeError: there is no such system, or the recipe does not fit it.
    """
    system = find_system(name)
    width = recipe.back.width
    if width % recipe.back.heads:
        raise RecipeError(f"back.heads {recipe.back.heads} does not divide back.width {width}")
    if system.context == "blstm" and system.literature is None and width % 2:
        raise RecipeError(f"back.width {width} is odd; {name} needs as many units in either direction")
    spectrum = build_spectrum(recipe, system)
    front: Front | EncoderFront
    if system.pretrained_encoder:
        front = EncoderFront(spectrum.bands, spectrum.hop_samples)
    else:
        front = Front(recipe, system, spectrum.bands)
    if recipe.weights == "glorot":
        glorot(front)  # before the back end draws random numbers: systems with the same front start alike
    back = Back(recipe, system, front.features_out, labels, front.frames_per_step)
    if recipe.weights == "glorot":
        glorot(back)
    functionals: FunctionalsClassifier | PooledClassifier | None = None
    if recipe.functionals_l2 and system.pretrained_encoder:
        functionals = PooledClassifier(spectrum.bands, labels, segment_frames(spectrum.hop_samples))
    elif recipe.functionals_l2:
        functionals = FunctionalsClassifier(front.channels, spectrum.bands, labels)
    return EmotionModel(spectrum, front, back, functionals)


def build_spectrum(recipe: Recipe, system: System) -> InputFeatures:
    """The features of a system: waveform → static bands, or hidden layers of an encoder."""
    if system.pretrained_encoder:
        features = build_encoder_features(recipe.front.encoder, recipe.front.layers)
        found, longest = system.max_frames(recipe), features.encoder.max_frames
        if longest is not None and found > longest:
            raise RecipeError(
                f"max_frames {recipe.max_frames} makes windows of {found} frames of {recipe.front.encoder}; "
                f"expected at most {longest}"
            )
        return features
    return LinearSpectrogram() if system.linear_spectrogram else LogMel(recipe.features.n_mels)
