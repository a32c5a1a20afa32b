"""Waveform → 3-D log-Mel spectrogram: static, delta and delta-delta (Zhao et al. 2021, section 3.2).

Beside it, the linear log-spectrogram that two systems of Table 5 start from, and the periodicity of each
frame, which functionals hear too.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.audio.windowing import FRAME_HOP_SAMPLES, FRAME_SAMPLES

SAMPLE_RATE_HZ = 16_000
DFT_SAMPLES = 512
PRE_EMPHASIS = 0.97
LINEAR_FRAME_SAMPLES = 640
LINEAR_DFT_SAMPLES = 800
LINEAR_BINS = 200
FLOOR = 1e-10  # of a band's power, before the logarithm
NEPERS_PER_DB = math.log(10) / 10  # of power, as logarithms of it count here
PITCH_HZ = (70, 500)  # of a voice, the lowest and the highest
PERIODIC_HZ = (60, 4000)  # below, rooms hum; above, voices are noise
PERIODIC_DB = 40  # below an utterance's level: what is softer than that is the room's, whatever its period


def hz_to_mel(hz: Tensor) -> Tensor:
    """Frequency in Hz on the HTK mel scale.

    >>> round(hz_to_mel(torch.tensor(1000.0)).item())
    1000
    """
    return 2595 * torch.log10(1 + hz / 700)


def mel_to_hz(mel: Tensor) -> Tensor:
    """Frequency in Hz of a place on the HTK mel scale; the inverse of `hz_to_mel`."""
    return 700 * (10 ** (mel / 2595) - 1)


def mel_filters(bands: int) -> Tensor:
    """Triangles of height 1, equally spaced in mel from 0 Hz to half the sampling rate.

    Shape: (band, bin), float64.

    >>> mel_filters(40).shape
    torch.Size([40, 257])
    """
    top = hz_to_mel(torch.tensor(SAMPLE_RATE_HZ / 2, dtype=torch.float64))
    corners = mel_to_hz(torch.linspace(0, 1, bands + 2, dtype=torch.float64) * top)
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    hz = torch.arange(DFT_SAMPLES // 2 + 1, dtype=torch.float64) * SAMPLE_RATE_HZ / DFT_SAMPLES
    return torch.minimum((hz - left) / (centre - left), (right - hz) / (right - centre)).clamp(min=0)


def windowed_dft(
    frame: int = FRAME_SAMPLES,
    size: int = DFT_SAMPLES,
    bins: int = DFT_SAMPLES // 2 + 1,
    pre_emphasis: float = PRE_EMPHASIS,
) -> Tensor:
    """Pre-emphasis, Hamming window and the first bins of the DFT of one frame as one matrix.

    A frame of 400 is samples -1 … 399, the first one because pre-emphasis subtracts 0.97 times the sample
    before; it is padded with zeros to the DFT's size.

    Shape: (2 x bins, frame + 1), float64; cosine rows, then sine rows.

    >>> windowed_dft().shape
    torch.Size([514, 401])
    """
    n = torch.arange(frame, dtype=torch.float64)
    window = 0.54 - 0.46 * torch.cos(2 * math.pi * n / (frame - 1))
    phase = 2 * math.pi * torch.arange(bins, dtype=torch.float64)[:, None] * n / size
    rows = window * torch.cat([torch.cos(phase), torch.sin(phase)])
    return F.pad(rows, (1, 0)) - pre_emphasis * F.pad(rows, (0, 1))


def lags(count: int) -> Tensor:
    """So many lags in seconds: periods of voices, from long to short in equal steps of pitch.

    >>> [round(1 / lag) for lag in lags(40)[[0, 20, -1]].tolist()]
    [70, 187, 476]
    """
    lowest, highest = PITCH_HZ
    return (lowest * (highest / lowest) ** (torch.arange(count, dtype=torch.float64) / count)).reciprocal()


def autocorrelation(hz: Tensor, count: int, pre_emphasis: float = PRE_EMPHASIS) -> Tensor:
    """Power spectrum → power from 60 Hz to 4 kHz, and the autocorrelation there at so many `lags`.

    The autocorrelation is the inverse Fourier transform of the power (Wiener and Khinchin), here of the power
    as it was before pre-emphasis, since the lowest harmonics tell the pitch best. That of a DFT repeats after
    its length, which the longest lags hear a little of.

    Shape: (bin,) frequencies → (1 + lag, bin), float64.

    >>> autocorrelation(torch.tensor([100.0, 400.0]), count=40).shape
    torch.Size([41, 2])
    """
    hz = hz.double()
    rows = torch.cos(2 * math.pi * lags(count)[:, None] * hz)
    emphasised = 1 + pre_emphasis**2 - 2 * pre_emphasis * torch.cos(2 * math.pi * hz / SAMPLE_RATE_HZ)
    in_range = (hz >= PERIODIC_HZ[0]) & (hz <= PERIODIC_HZ[1])
    return torch.cat([torch.ones_like(rows[:1]), rows]) * (in_range / emphasised)


class LogPower(nn.Module):
    """Natural logarithm of the power in each band of frames that start every 10 ms.

    A frame of 401 samples is two blocks of one hop and the half of a third, so that cutting the waveform into
    blocks and three products with the parts of `dft` give all frames without copying them out.

    Shape: (batch, sample) at 16 kHz and (batch,) true lengths in samples → (batch, band, frame) and
    (batch,) true lengths in frames. What stands beyond a true length has no meaning.

    Args:
        dft: as `windowed_dft` gives it
        bin_hz: from one bin of it to the next
        pre_emphasis: that of `dft`
        filters: (band, bin), or None: each bin is a band
    """

    dft: Tensor
    filters: Tensor | None
    hz: Tensor
    autocorrelation: Tensor

    def __init__(
        self, dft: Tensor, bin_hz: float, filters: Tensor | None = None, pre_emphasis: float = PRE_EMPHASIS
    ):
        super().__init__()
        self.frame_samples = dft.shape[1] - 1
        self.bands = len(dft) // 2 if filters is None else len(filters)
        hops = F.pad(dft, (0, -(self.frame_samples + 1) % FRAME_HOP_SAMPLES)).T
        self.register_buffer("dft", hops.unflatten(0, (-1, FRAME_HOP_SAMPLES)).float(), persistent=False)
        self.register_buffer("filters", None if filters is None else filters.T.float(), persistent=False)
        self.register_buffer("hz", torch.arange(len(dft) // 2) * bin_hz, persistent=False)
        products = autocorrelation(self.hz, self.bands, pre_emphasis).T.float()
        self.register_buffer("autocorrelation", products, persistent=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-power of each band and frame, and the true lengths in frames."""
        return self.bands_of(self.power(waveform)), whole_frames(lengths, self.frame_samples)

    def with_autocorrelation(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same, and between the two the periods of each frame, as `periods_of` gives them.

        There are as many lags as bands, so that functionals hear two pictures of one size.
        """
        return *self.bands_and_autocorrelation(self.power(waveform)), whole_frames(
            lengths, self.frame_samples
        )

    def bands_and_autocorrelation(self, power: Tensor) -> tuple[Tensor, Tensor]:
        """Log-power of each band, and periods, of a power spectrum (batch, frame, bin)."""
        return self.bands_of(power), periods_of(power, self.autocorrelation)

    def power(self, waveform: Tensor) -> Tensor:
        """Power spectrum of each frame, (batch, frame, bin)."""
        frames = (waveform.shape[1] - self.frame_samples) // FRAME_HOP_SAMPLES + 1
        parts = len(self.dft)
        padded = F.pad(waveform, (1, parts * FRAME_HOP_SAMPLES - self.frame_samples))
        samples = (frames + parts - 1) * FRAME_HOP_SAMPLES
        blocks = padded[:, :samples].unflatten(1, (-1, FRAME_HOP_SAMPLES))
        spectrum = sum(blocks[:, part : part + frames] @ self.dft[part] for part in range(parts))
        real, imaginary = spectrum.chunk(2, dim=2)
        return real.square() + imaginary.square()

    def bands_of(self, power: Tensor) -> Tensor:
        """Log-power of each band, (batch, band, frame)."""
        if self.filters is not None:
            power = power @ self.filters
        return power.clamp(min=FLOOR).log().transpose(1, 2)


class LogMel(LogPower):
    """Static log-Mel spectrogram: frames of 25 ms every 10 ms, HTK triangles.

    >>> static, frames = LogMel(bands=40)(torch.randn(1, 80_240), torch.tensor([80_240]))
    >>> static.shape, frames.tolist()
    (torch.Size([1, 40, 500]), [500])
    """

    def __init__(self, bands: int):
        super().__init__(windowed_dft(), SAMPLE_RATE_HZ / DFT_SAMPLES, mel_filters(bands))


class LogSpectrogram(LogPower):
    """Linear log-spectrogram from 0 to 4 kHz, one bin every 20 Hz: Satt et al. (2017).

    Frames of 40 ms (640 samples) every 10 ms, Hamming, no pre-emphasis; a DFT of 800 points, whose first 200
    bins are 0 … 3980 Hz.

    >>> static, frames = LogSpectrogram()(torch.randn(1, 48_000), torch.tensor([48_000]))
    >>> static.shape, frames.tolist()
    (torch.Size([1, 200, 297]), [297])
    """

    def __init__(self) -> None:
        dft = windowed_dft(LINEAR_FRAME_SAMPLES, LINEAR_DFT_SAMPLES, LINEAR_BINS, 0.0)
        super().__init__(dft, SAMPLE_RATE_HZ / LINEAR_DFT_SAMPLES, pre_emphasis=0.0)


def periods_of(power: Tensor, products: Tensor) -> Tensor:
    """How loud each frame is where voices are, as a log-power, and how like itself a lag later.

    Shape: (batch, frame, bin), (bin, 1 + lag) → (batch, 1 + lag, frame).
    """
    found = (power @ products).transpose(1, 2)
    power = found[:, :1].clamp(min=FLOOR)
    return torch.cat([power.log(), found[:, 1:] / power], 1)


def periodicity(periods: Tensor, frames: Tensor) -> Tensor:
    """How like itself each frame is a lag later, between -1 and 1, and 0 of what is far below the level.

    Shape: (batch, 1 + lag, frame), (batch,) true lengths → (batch, lag, frame).

    >>> periods = torch.stack([torch.tensor([0.0, -20.0]), torch.ones(2)])[None]
    >>> periodicity(periods, torch.tensor([2])).round(decimals=2).tolist()
    [[[1.0, 0.0]]]
    """
    power = periods[:, :1]
    above = power - level(power[:, 0], frames) + PERIODIC_DB * NEPERS_PER_DB
    return periods[:, 1:] * above.sigmoid()


def whole_frames(samples: Tensor, frame: int = FRAME_SAMPLES) -> Tensor:
    """Number of whole frames in a number of samples.

    >>> whole_frames(torch.tensor([400, 559, 560, 80_240])).tolist()
    [1, 1, 2, 500]
    """
    return (samples - frame) // FRAME_HOP_SAMPLES + 1


def deltas(x: Tensor, reach: int = 3, frames: Tensor | None = None) -> Tensor:
    """Slope of each band over time: Zhao et al. (2021), eq. 1; applied twice, eq. 2.

    Edge frames are repeated, each utterance's own where `frames` gives true lengths.

    Shape: (band, frame) or (batch, band, frame) in and out; frames: (batch,), with x then of three axes.

    >>> deltas(torch.arange(9.0)[None, None])[0, 0, 4].item()
    1.0
    """
    size = x.shape[-1]
    places = torch.arange(-reach, size + reach, device=x.device).clamp(0, size - 1)
    if frames is not None:
        places = places.minimum((frames - 1)[:, None, None])
    held = x.gather(-1, places.expand(*x.shape[:-1], -1))
    steps = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernels = (steps / steps.square().sum()).expand(x.shape[-2], 1, 1, -1)
    # Each band by itself, as a channel of a picture one row high: what the runtime is quick at.
    return F.conv2d(held[..., None, :], kernels, groups=x.shape[-2])[..., 0, :]


def loudness(static: Tensor) -> Tensor:
    """Log-power of each frame, of that of its bands: (batch, band, frame) → (batch, frame)."""
    return static.exp().sum(1).log()


def level(loudness: Tensor, frames: Tensor) -> Tensor:
    """The level of each utterance: mean power of its real frames, weighted by that power, as a log-power.

    Pauses hardly count. A gain moves it as it moves the frames.

    Shape: (batch, frame) log-powers; frames: (batch,) true lengths → (batch, 1, 1).

    >>> power, frames = torch.randn(1, 50), torch.tensor([50])
    >>> level(power + 4.6, frames).allclose(level(power, frames) + 4.6)
    True
    """
    beyond = torch.arange(loudness.shape[1], device=loudness.device) >= frames[:, None]
    power = loudness.masked_fill(beyond, -torch.inf)
    return ((2 * power).logsumexp(1) - power.logsumexp(1))[:, None, None]


def spectrogram(static: Tensor, frames: Tensor, reach: int = 3, channels: int = 3) -> Tensor:
    """Static, delta and delta-delta as the three channels of an image; the paper's 500 x 40 x 3.

    Shape: (batch, band, frame) → (batch, channel, frame, band); frames: (batch,) true lengths.

    >>> spectrogram(torch.randn(2, 40, 500), torch.tensor([500, 300])).shape
    torch.Size([2, 3, 500, 40])
    """
    stack = [static]
    while len(stack) < channels:
        stack.append(deltas(stack[-1], reach, frames))
    return torch.stack(stack, dim=1).transpose(2, 3)
