"""Statistics over time of what is heard, and the linear classifiers that read them beside the network."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.features.level import NEPERS_PER_DB
from emotrace.models.functionals.fisher_vector import FisherVector
from emotrace.models.functionals.random_kernels import FLAT, RandomKernels
from emotrace.models.layers.masking import real

COEFFICIENTS = 20
SCALES = (3, 7, 15, 31, 63)  # frames of 10 ms
MIXED_COEFFICIENTS = 13
REPRESENTATIONS = 2
SOFTEST_DB = 30  # below the loudest
MARGIN = 10  # frames
COMPONENTS = 64
FEATURE_SET_WEIGHTS = (
    1.0,
    1.0,
    1.0,
    0.5,
)  # how much each kind of statistics does; by validation speakers: results/README.md
UTTERANCE_WEIGHT = (
    4.0  # how many times functionals of a whole count; by validation speakers: results/README.md
)


class FunctionalsClassifier(nn.Module):
    """How two pictures of an utterance vary over time → log-scores of the emotions.

    The pictures are the 3-D spectrogram, and how like itself each frame is after as many lags as it has
    bands (`features.periodicity`), with its deltas: how high the voice is and how clear. There are four kinds
    of statistics, each read by a logistic regression of its own:

    - of each value of the spectrogram and each coefficient of its discrete cosine transform (of bands:
      cepstra) the standard deviation and the mean of what lies above the mean, in deviations, and of the
      static ones the deviation of what moving averages of growing length take away;
    - how random patterns respond to its static values (`RandomKernels`);
    - how its first coefficients depart from a mixture of Gaussians (`FisherVector`);
    - how those of the periodicity do.

    All are of the frames from where the utterance begins to where it ends (`trim_silence`): how much silence lies
    around it says who cut it. And of values less their mean over these: means tell the microphone and the
    room. The statistics have mean 0 and deviation 1 over the training clips. The scores of the four are
    averaged (`FEATURE_SET_WEIGHTS`), which is one linear classifier of all. Times `fusion_weight` its log-scores count as much as
    the network's posteriors do.

    A classifier more, of two classes, hears whether anybody speaks: the last row of `weight` and `bias`.

    openSMILE's feature sets (Eyben et al. 2010) are such statistics, there called functionals.

    Shape: (2, batch, channel, frame, value), (batch,) true lengths → (batch, K).

    >>> scores = FunctionalsClassifier(channels=3, size=40, labels=4)
    >>> scores.statistics(torch.randn(2, 5, 3, 50, 40), torch.tensor([50, 30, 40, 20, 16])).shape
    torch.Size([5, 11272])
    """

    cosines: Tensor
    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    fusion_weight: Tensor

    def __init__(self, channels: int, size: int, labels: int):
        super().__init__()
        self.size = size
        self.register_buffer("cosines", cosines(size), persistent=False)
        self.kernels = RandomKernels(size)
        self.fisher = FisherVector(
            REPRESENTATIONS, COMPONENTS, channels * len(self.cosines[:MIXED_COEFFICIENTS])
        )
        varying = (size + len(self.cosines)) * (2 * channels + len(SCALES))
        self.feature_set_sizes = (varying, self.kernels.size, *[self.fisher.size] * REPRESENTATIONS)
        size = sum(self.feature_set_sizes)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("weight", torch.zeros(labels + 1, size))
        self.register_buffer("bias", torch.zeros(labels + 1))
        self.register_buffer("fusion_weight", torch.ones(()))

    def forward(self, representations: Tensor, frames: Tensor) -> Tensor:
        """Log-scores, times `fusion_weight`."""
        return self.emotion_scores(self.class_scores(self.statistics(representations, frames)))

    def utterance_scores(self, representations: Tensor, frames: Tensor) -> Tensor:
        """What is added to the log-scores of a whole utterance, and to the log-odds of there being no speech.

        Shape: → (batch, K + 1), the latter last.
        """
        return UTTERANCE_WEIGHT * self.with_speech_presence(
            self.class_scores(self.statistics(representations, frames))
        )

    def segment_scores(self, representations: Tensor, frames: Tensor) -> Tensor:
        """The same of parts, which begin and end anywhere: of every frame, and by Fisher vectors alone.

        By all kinds timelines are no better, for more work (results/README.md, timeline).
        """
        # A mean of two scores in place of one of all.
        more = sum(FEATURE_SET_WEIGHTS) / sum(FEATURE_SET_WEIGHTS[-REPRESENTATIONS:])
        return self.with_speech_presence(
            self.class_scores(
                self.fisher_vectors(representations, real(frames, representations.shape[3])), more
            )
        )

    def class_scores(self, size: Tensor, more: float = 1.0) -> Tensor:
        """What the classifiers make of the statistics, or of the last kinds of them, which count for more.

        Shape: (batch, statistic) → (batch, K + 1), not normalised; last the log-odds of no speech.
        """
        own = slice(-size.shape[1], None)
        standardised = (size - self.mean[own]) * self.scale[own]
        return F.linear(standardised, more * self.weight[:, own], self.bias)

    def emotion_scores(self, scores: Tensor) -> Tensor:
        """The log-scores of the emotions alone, times `fusion_weight`, (batch, K + 1) → (batch, K)."""
        return self.fusion_weight * scores[:, :-1].log_softmax(1)

    def with_speech_presence(self, scores: Tensor) -> Tensor:
        """The log-scores of the emotions, and last the log-odds of no speech as they are, (batch, K + 1)."""
        return torch.cat([self.emotion_scores(scores), scores[:, -1:]], 1)

    def statistics(self, representations: Tensor, frames: Tensor) -> Tensor:
        """The statistics as they are, (batch, statistic), one kind after the other."""
        image, speech_mask = representations[0], trim_silence(representations[0, :, 0], frames)
        weight, within = frame_weights(speech_mask)[:, None], speech_mask[:, :, None].to(image.dtype)
        values = torch.cat([image, image @ self.cosines.T], 3)
        values = values - weight @ values
        varying = variations(values, weight, within[:, None])
        responses = self.kernels(values[:, 0, :, : self.size] * within, within)
        return torch.cat([varying, responses, self.fisher_vectors(representations, speech_mask)], 1)

    def fisher_vectors(self, representations: Tensor, speech_mask: Tensor) -> Tensor:
        """Fisher vectors of either picture, one after the other, (batch, statistic)."""
        return self.fisher(*self.coefficients(representations, speech_mask)).transpose(0, 1).flatten(1)

    def coefficients(self, representations: Tensor, speech_mask: Tensor) -> tuple[Tensor, Tensor]:
        """What mixtures describe of each frame: first coefficients of all channels, less their means.

        Shape: (2, batch, channel, frame, value), (batch, frame) true where a frame counts → (2, batch,
        frame, coefficient), and the weight of each frame (batch, 1, frame).
        """
        values = (representations @ self.cosines[:MIXED_COEFFICIENTS].T).transpose(2, 3).flatten(3)
        weight = frame_weights(speech_mask)
        return values - weight @ values, weight


def frame_weights(speech_mask: Tensor) -> Tensor:
    """By which a product is the mean over the frames that count.

    Shape: (batch, frame) → (batch, 1, frame).

    >>> frame_weights(torch.tensor([[True, True, False]])) @ torch.tensor([[[2.0], [4.0], [9.0]]])
    tensor([[[3.]]])
    """
    within = speech_mask[:, None].float()
    return within / within.sum(2, keepdim=True)


def trim_silence(bands: Tensor, frames: Tensor) -> Tensor:
    """Which frames lie between the first and the last loud one, and a margin.

    A frame is loud where its loudest band is at most `SOFTEST_DB` softer than any is.

    Shape: (batch, frame, band), (batch,) true lengths → (batch, frame), bool.

    >>> bands = torch.full((1, 60, 2), -10.0)
    >>> bands[0, 20:22] = bands[0, 30:32] = 0.0
    >>> trim_silence(bands, torch.tensor([60]))[0].nonzero().flatten().tolist() == list(range(10, 42))
    True
    """
    within = real(frames, bands.shape[1])
    loudness = bands.amax(2).masked_fill(~within, -torch.inf)
    loud = loudness >= loudness.amax(1, keepdim=True) - SOFTEST_DB * NEPERS_PER_DB
    place = torch.arange(bands.shape[1], device=bands.device)
    first = torch.where(loud, place, bands.shape[1]).amin(1, keepdim=True)
    last = torch.where(loud, place, 0).amax(1, keepdim=True)
    return within & (place >= first - MARGIN) & (place <= last + MARGIN)


def variations(x: Tensor, weight: Tensor, within: Tensor) -> Tensor:
    """Deviations, means above the mean, and modulations, (batch, statistic).

    Shape: (batch, channel, frame, value) less their means, the weight of each frame (batch, 1, 1, frame), 1
    where it counts (batch, 1, frame, 1).
    """
    deviation = (weight @ (x * x)).sqrt()
    above = weight @ (x / (deviation + FLAT)).relu()
    return torch.cat([deviation, above, *modulations(x[:, :1], weight, within)], 1).flatten(1)


def modulations(x: Tensor, weight: Tensor, within: Tensor) -> list[Tensor]:
    """Deviation of what each moving average takes away from the one before: (batch, 1, 1, value) each."""
    found = []
    for size in SCALES:
        # Averages of the real frames alone, of fewer where the utterance begins and ends.
        sums = moving_sum(torch.cat([x, within], 3) * within, size)
        smooth = sums[..., :-1] / sums[..., -1:].clamp(min=1)
        detail = x - smooth
        detail = detail - weight @ detail
        found.append((weight @ (detail * detail)).sqrt())
        x = smooth
    return found


def moving_sum(x: Tensor, size: int) -> Tensor:
    """Sums of an odd number of frames around each, by running totals: the same time for any number.

    >>> moving_sum(torch.arange(5.0)[None, None, :, None], 3).flatten().tolist()
    [1.0, 3.0, 6.0, 9.0, 7.0]
    """
    totals = F.pad(x.cumsum(2), (0, 0, 1, 0))
    frame = torch.arange(x.shape[2], device=x.device)
    last, first = frame + size // 2 + 1, frame - size // 2
    return totals[:, :, last.clamp(max=x.shape[2])] - totals[:, :, first.clamp(min=0)]


def cosines(size: int) -> Tensor:
    """The first rows of the orthonormal discrete cosine transform, (coefficient, value).

    >>> (cosines(40) @ cosines(40).T).allclose(torch.eye(20), atol=1e-6)
    True
    """
    order = torch.arange(min(COEFFICIENTS, size), dtype=torch.float64)[:, None]
    rows = (math.pi / size * (torch.arange(size) + 0.5) * order).cos() * math.sqrt(2 / size)
    rows[0] /= math.sqrt(2)
    return rows.float()
