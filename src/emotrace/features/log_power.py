"""Waveform → log-power of bands: the common part of all spectrograms."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.features.autocorrelation import autocorrelation_matrix, normalised_autocorrelation
from emotrace.features.dft import PRE_EMPHASIS, whole_frames
from emotrace.features.level import POWER_FLOOR


class LogPower(nn.Module):
    """Natural logarithm of the power in each band, for frames that start every 10 ms.

    The waveform is cut into blocks of one hop, and `dft` into parts of the same length. A frame of 401
    samples covers two and a half blocks, so three matrix products give all frames without copying them out.

    Shape: (batch, sample) at 16 kHz and (batch,) true lengths in samples → (batch, band, frame) and
    (batch,) true lengths in frames. Frames beyond a true length have no meaning.

    Args:
        dft: output of `windowed_dft`
        bin_hz: distance between two bins of `dft`
        pre_emphasis: coefficient that `dft` contains
        filters: (band, bin), or None to use each bin as a band
    """

    dft: Tensor
    filters: Tensor | None
    hz: Tensor
    autocorrelation: Tensor

    hop_samples = FRAME_HOP_SAMPLES

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
        matrix = autocorrelation_matrix(self.hz, self.bands, pre_emphasis).T.float()
        self.register_buffer("autocorrelation", matrix, persistent=False)

    def forward(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Log-power of each band and frame, and the true lengths in frames."""
        return self.band_log_power(self.power(waveform)), whole_frames(lengths, self.frame_samples)

    def with_autocorrelation(self, waveform: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-power of bands, `normalised_autocorrelation`, and the true lengths in frames.

        There are as many lags as bands, so that both representations have the same size.
        """
        return *self.bands_and_autocorrelation(self.power(waveform)), whole_frames(
            lengths, self.frame_samples
        )

    def bands_and_autocorrelation(self, power: Tensor) -> tuple[Tensor, Tensor]:
        """Log-power of bands and `normalised_autocorrelation` of a power spectrum (batch, frame, bin)."""
        return self.band_log_power(power), normalised_autocorrelation(power, self.autocorrelation)

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

    def band_log_power(self, power: Tensor) -> Tensor:
        """Log-power of each band of a power spectrum, (batch, frame, bin) → (batch, band, frame)."""
        if self.filters is not None:
            power = power @ self.filters
        return power.clamp(min=POWER_FLOOR).log().transpose(1, 2)
