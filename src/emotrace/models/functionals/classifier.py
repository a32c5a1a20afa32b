"""Linear classifiers of functionals, which are statistics of an utterance over time, beside the network."""

from __future__ import annotations

import torch
from torch import Tensor

from emotrace.models.functionals.fisher_vector import FisherVector
from emotrace.models.functionals.linear import StatisticsClassifier
from emotrace.models.functionals.random_kernels import RandomKernels
from emotrace.models.functionals.statistics import (
    MODULATION_FRAMES,
    cosine_transform,
    frame_weights,
    trim_silence,
    variations,
)
from emotrace.models.layers.masking import length_mask

COEFFICIENTS = 20  # of the discrete cosine transform over bands
FISHER_COEFFICIENTS = 13  # the first of these, of which Fisher vectors are computed
FISHER_COMPONENTS = 64
REPRESENTATIONS = 2
# Both settings were chosen on validation speakers; docs/explanation/measurements.md has the figures.
FEATURE_SET_WEIGHTS = (1.0, 1.0, 1.0, 0.5)
UTTERANCE_WEIGHT = 4.0  # factor of the log-scores of a whole utterance


class FunctionalsClassifier(StatisticsClassifier):
    """Two representations of an utterance → log-scores of the emotions, from statistics over time.

    The representations are the 3-D spectrogram, and the periodicity with its deltas, which describes pitch
    and voicing (`features.autocorrelation.periodicity`, with as many lags as bands). There are four sets of
    features, and each has its own logistic regression:

    - for each value of the spectrogram and each coefficient of its discrete cosine transform over bands, the
      standard deviation and the mean above the mean; for those of the static channel, the deviation of the
      differences between moving averages of growing length;
    - responses of the static channel to random kernels (`RandomKernels`);
    - Fisher vectors of the first coefficients of the spectrogram (`FisherVector`);
    - Fisher vectors of the first coefficients of the periodicity.

    Silence at both ends is left out (`trim_silence`), because its length depends on how the recording was
    cut. Means over time are subtracted first, because they depend on the microphone and the room. The scores
    of the four sets are averaged with `FEATURE_SET_WEIGHTS`, so that together they are one linear classifier.

    Such statistics are the feature sets of openSMILE (Eyben et al. 2010), which calls them functionals.

    Shape: (2, batch, channel, frame, value), (batch,) true lengths → (batch, K).

    >>> classifier = FunctionalsClassifier(channels=3, size=40, labels=4)
    >>> classifier.statistics(torch.randn(2, 5, 3, 50, 40), torch.tensor([50, 30, 40, 20, 16])).shape
    torch.Size([5, 11272])
    """

    cosines: Tensor

    def __init__(self, channels: int, size: int, labels: int):
        kernels, cosines = RandomKernels(size), cosine_transform(size, COEFFICIENTS)
        fisher = FisherVector(
            REPRESENTATIONS, FISHER_COMPONENTS, channels * len(cosines[:FISHER_COEFFICIENTS])
        )
        varying = (size + len(cosines)) * (2 * channels + len(MODULATION_FRAMES))
        sizes = (varying, kernels.size, *[fisher.size] * REPRESENTATIONS)
        super().__init__(sum(sizes), labels)
        self.size, self.feature_set_sizes = size, sizes
        self.register_buffer("cosines", cosines, persistent=False)
        self.kernels, self.fisher = kernels, fisher

    def forward(self, representations: Tensor, frames: Tensor) -> Tensor:
        """Log-scores of the emotions, times `fusion_weight`."""
        return self.emotion_scores(self.class_scores(self.statistics(representations, frames)))

    def utterance_scores(self, representations: Tensor, frames: Tensor) -> Tensor:
        """Scores of a whole utterance: added to the network's log-scores, and to the log-odds of no speech.

        Shape: → (batch, K + 1), the log-odds of no speech last.
        """
        scores = self.class_scores(self.statistics(representations, frames))
        return UTTERANCE_WEIGHT * self.with_speech_presence(scores)

    def segment_scores(self, representations: Tensor, frames: Tensor) -> Tensor:
        """Scores of segments, which start and end anywhere: from all their frames, by Fisher vectors alone.

        Measured timelines are no better with all feature sets, which cost more.
        """
        mask = length_mask(frames, representations.shape[3])
        gain = sum(FEATURE_SET_WEIGHTS) / sum(FEATURE_SET_WEIGHTS[-REPRESENTATIONS:])
        return self.with_speech_presence(self.class_scores(self.fisher_vectors(representations, mask), gain))

    def statistics(self, representations: Tensor, frames: Tensor) -> Tensor:
        """All statistics, (batch, statistic), one feature set after the other, not standardised."""
        image, speech_mask = representations[0], trim_silence(representations[0, :, 0], frames)
        weights, mask = frame_weights(speech_mask)[:, None], speech_mask[:, :, None].to(image.dtype)
        values = torch.cat([image, image @ self.cosines.T], 3)
        values = values - weights @ values
        varying = variations(values, weights, mask[:, None])
        responses = self.kernels(values[:, 0, :, : self.size] * mask, mask)
        return torch.cat([varying, responses, self.fisher_vectors(representations, speech_mask)], 1)

    def fisher_vectors(self, representations: Tensor, speech_mask: Tensor) -> Tensor:
        """Fisher vectors of both representations, one after the other, (batch, statistic)."""
        return self.fisher(*self.coefficients(representations, speech_mask)).transpose(0, 1).flatten(1)

    def coefficients(self, representations: Tensor, speech_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Input of the Fisher vectors: first coefficients of all channels, less their means.

        Shape: (2, batch, channel, frame, value), (batch, frame) mask → (2, batch, frame, coefficient), and
        the weight of each frame (batch, 1, frame).
        """
        values = (representations @ self.cosines[:FISHER_COEFFICIENTS].T).transpose(2, 3).flatten(3)
        weights = frame_weights(speech_mask)
        return values - weights @ values, weights
