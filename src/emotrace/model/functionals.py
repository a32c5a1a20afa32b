"""Statistics of a spectrogram over time, and the linear classifier that reads them beside the network."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.model.lengths import real

CEPSTRA = 20
SCALES = (3, 7, 15, 31, 63)  # frames of 10 ms
FLAT = 1e-3  # nepers: what deviates by less does not vary


class Functionals(nn.Module):
    """How each band and cepstral coefficient varies over an utterance → log-scores of the emotions.

    Of the 3-D spectrogram and of its cepstra (discrete cosine transform over bands): the standard deviation,
    the mean of what lies above the mean, in deviations, and of the static ones the deviation of what moving
    averages of growing length take away. Means are left out: they tell the microphone and the room. The
    statistics have mean 0 and deviation 1 over the training clips; logistic regression reads them. `share`
    is what its log-scores are multiplied by before they are added to the network's.

    openSMILE's feature sets (Eyben et al. 2010) are such statistics, there called functionals.

    Shape: (batch, channel, frame, band), (batch,) true lengths → (batch, K).

    >>> scores = Functionals(channels=3, bands=40, labels=4)
    >>> scores.statistics(torch.randn(2, 3, 50, 40), torch.tensor([50, 30])).shape
    torch.Size([2, 660])
    """

    cosines: Tensor
    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    share: Tensor

    def __init__(self, channels: int, bands: int, labels: int):
        super().__init__()
        self.register_buffer("cosines", cosines(bands), persistent=False)
        size = (bands + len(self.cosines)) * (2 * channels + len(SCALES))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("weight", torch.zeros(labels, size))
        self.register_buffer("bias", torch.zeros(labels))
        self.register_buffer("share", torch.ones(()))

    def forward(self, spectrogram: Tensor, frames: Tensor) -> Tensor:
        """Log-scores, times `share`."""
        standardised = (self.statistics(spectrogram, frames) - self.mean) * self.scale
        return self.share * F.linear(standardised, self.weight, self.bias).log_softmax(1)

    def statistics(self, spectrogram: Tensor, frames: Tensor) -> Tensor:
        """The statistics as they are, (batch, statistic)."""
        x = torch.cat([spectrogram, spectrogram @ self.cosines.T], 3)
        within = real(frames, x.shape[2])[:, None, :, None].to(x.dtype)
        count = frames[:, None, None, None].to(x.dtype)
        centred = (x - (x * within).sum(2, keepdim=True) / count) * within
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
