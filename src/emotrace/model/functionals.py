"""Statistics of a spectrogram over time, and the linear classifiers that read them beside the network."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.features import NEPERS_PER_DB
from emotrace.model.fisher import FisherVector
from emotrace.model.lengths import real
from emotrace.model.random_kernels import FLAT, RandomKernels

CEPSTRA = 20
SCALES = (3, 7, 15, 31, 63)  # frames of 10 ms
MIXED_CEPSTRA = 13
SOFTEST_DB = 30  # below the loudest
MARGIN = 10  # frames
COMPONENTS = 64
OF_THE_WHOLE = 4.0  # how many times functionals of a whole count; by validation speakers: results/README.md


class Functionals(nn.Module):
    """How the spectrogram varies over an utterance → log-scores of the emotions.

    Three kinds of statistics, each read by a logistic regression of its own:

    - of each band and each cepstral coefficient (discrete cosine transform over bands) of the 3-D spectrogram
      the standard deviation and the mean of what lies above the mean, in deviations, and of the static ones
      the deviation of what moving averages of growing length take away;
    - how random patterns respond to the static bands (`RandomKernels`);
    - how the low cepstra depart from a mixture of Gaussians (`FisherVector`).

    All are of the frames from where the utterance begins to where it ends (`spoken`): how much silence lies
    around it says who cut it. And of values less their mean over these: means tell the microphone and the
    room. The statistics have mean 0 and deviation 1 over the training clips. The scores of the three are
    averaged, which is one linear classifier of all. Times `share` its log-scores count as much as the
    network's posteriors do.

    openSMILE's feature sets (Eyben et al. 2010) are such statistics, there called functionals.

    Shape: (batch, channel, frame, band), (batch,) true lengths → (batch, K).

    >>> scores = Functionals(channels=3, bands=40, labels=4)
    >>> scores.statistics(torch.randn(2, 3, 50, 40), torch.tensor([50, 30])).shape
    torch.Size([2, 6216])
    """

    cosines: Tensor
    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    share: Tensor

    def __init__(self, channels: int, bands: int, labels: int):
        super().__init__()
        self.bands = bands
        self.register_buffer("cosines", cosines(bands), persistent=False)
        self.kernels = RandomKernels(bands)
        self.fisher = FisherVector(COMPONENTS, channels * len(self.cosines[:MIXED_CEPSTRA]))
        varying = (bands + len(self.cosines)) * (2 * channels + len(SCALES))
        self.kinds = (varying, self.kernels.size, self.fisher.size)
        size = sum(self.kinds)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("weight", torch.zeros(labels, size))
        self.register_buffer("bias", torch.zeros(labels))
        self.register_buffer("share", torch.ones(()))

    def forward(self, spectrogram: Tensor, frames: Tensor, *, part: bool = False) -> Tensor:
        """Log-scores, times `share`; of a `part`, which begins and ends anywhere, every frame counts."""
        standardised = (self.statistics(spectrogram, frames, part=part) - self.mean) * self.scale
        return self.share * F.linear(standardised, self.weight, self.bias).log_softmax(1)

    def of_the_whole(self, spectrogram: Tensor, frames: Tensor) -> Tensor:
        """What is added to the log-scores of a whole utterance, (batch, K)."""
        return OF_THE_WHOLE * self(spectrogram, frames)

    def statistics(self, spectrogram: Tensor, frames: Tensor, *, part: bool = False) -> Tensor:
        """The statistics as they are, (batch, statistic), one kind after the other."""
        centred, within = self.centred(spectrogram, frames, part=part)
        bands, real_frames = centred[:, 0, :, : self.bands], within[:, 0]
        return torch.cat(
            [
                variations(centred, within),
                self.kernels(bands, real_frames),
                self.fisher(self.mixed(centred), real_frames),
            ],
            1,
        )

    def centred(self, spectrogram: Tensor, frames: Tensor, *, part: bool = False) -> tuple[Tensor, Tensor]:
        """Bands and cepstra less their means, zero around the speech; and 1 where a frame counts."""
        x = torch.cat([spectrogram, spectrogram @ self.cosines.T], 3)
        within = real(frames, x.shape[2]) if part else spoken(spectrogram[:, 0], frames)
        within = within[:, None, :, None].to(x.dtype)
        mean = (x * within).sum(2, keepdim=True) / within.sum(2, keepdim=True)
        return (x - mean) * within, within

    def mixed(self, centred: Tensor) -> Tensor:
        """What the mixture describes of each frame: low cepstra of all channels, (batch, frame, value)."""
        low = centred[:, :, :, self.bands : self.bands + MIXED_CEPSTRA]
        return low.transpose(1, 2).flatten(2)


def spoken(bands: Tensor, frames: Tensor) -> Tensor:
    """Which frames lie between the first and the last loud one, and a margin.

    A frame is loud where its loudest band is at most `SOFTEST_DB` softer than any is.

    Shape: (batch, frame, band), (batch,) true lengths → (batch, frame), bool.

    >>> bands = torch.full((1, 60, 2), -10.0)
    >>> bands[0, 20:22] = bands[0, 30:32] = 0.0
    >>> spoken(bands, torch.tensor([60]))[0].nonzero().flatten().tolist() == list(range(10, 42))
    True
    """
    within = real(frames, bands.shape[1])
    loudness = bands.amax(2).masked_fill(~within, -torch.inf)
    loud = loudness >= loudness.amax(1, keepdim=True) - SOFTEST_DB * NEPERS_PER_DB
    place = torch.arange(bands.shape[1], device=bands.device)
    first = torch.where(loud, place, bands.shape[1]).amin(1, keepdim=True)
    last = torch.where(loud, place, 0).amax(1, keepdim=True)
    return within & (place >= first - MARGIN) & (place <= last + MARGIN)


def variations(centred: Tensor, within: Tensor) -> Tensor:
    """Deviations, means above the mean, and modulations, (batch, statistic)."""
    count = within.sum(2, keepdim=True)
    deviation = (centred.square().sum(2, keepdim=True) / count).sqrt()
    above = (centred / (deviation + FLAT)).relu().sum(2, keepdim=True) / count
    return torch.cat([deviation, above, *modulations(centred[:, :1], within, count)], 1).flatten(1)


def modulations(x: Tensor, within: Tensor, count: Tensor) -> list[Tensor]:
    """Deviation of what each moving average takes away from the one before: (batch, 1, 1, value) each."""
    found = []
    for size in SCALES:
        # Averages of the real frames alone, of fewer where the utterance begins and ends.
        smooth = moving_sum(x * within, size) / moving_sum(within, size).clamp(min=1)
        taken = (x - smooth) * within
        taken = (taken - taken.sum(2, keepdim=True) / count) * within
        found.append((taken.square().sum(2, keepdim=True) / count).sqrt())
        x = smooth
    return found


def moving_sum(x: Tensor, size: int) -> Tensor:
    """Sums of an odd number of frames around each, by running totals: the same time for any number.

    >>> moving_sum(torch.arange(5.0)[None, None, :, None], 3).flatten().tolist()
    [1.0, 3.0, 6.0, 9.0, 7.0]
    """
    totals = F.pad(x, (0, 0, size // 2 + 1, size // 2)).cumsum(2)
    return totals[:, :, size:] - totals[:, :, :-size]


def cosines(bands: int) -> Tensor:
    """The first rows of the orthonormal discrete cosine transform, (coefficient, band).

    >>> (cosines(40) @ cosines(40).T).allclose(torch.eye(20), atol=1e-6)
    True
    """
    order = torch.arange(min(CEPSTRA, bands), dtype=torch.float64)[:, None]
    rows = (math.pi / bands * (torch.arange(bands) + 0.5) * order).cos() * math.sqrt(2 / bands)
    rows[0] /= math.sqrt(2)
    return rows.float()
