"""Linear log-spectrogram: the input of two systems of Table 5, `cnn-blstm` and `cnn-gru`."""

from __future__ import annotations

from emotrace.features.dft import SAMPLE_RATE_HZ, windowed_dft
from emotrace.features.log_power import LogPower

LINEAR_FRAME_SAMPLES = 640
LINEAR_DFT_SAMPLES = 800
LINEAR_BINS = 200


class LinearSpectrogram(LogPower):
    """Linear log-spectrogram from 0 to 4 kHz, one bin every 20 Hz: Satt et al. (2017).

    Frames of 40 ms (640 samples) every 10 ms, Hamming window, no pre-emphasis. The first 200 bins of a DFT of
    800 points are 0 … 3980 Hz.

    >>> import torch
    >>> static, frames = LinearSpectrogram()(torch.randn(1, 48_000), torch.tensor([48_000]))
    >>> static.shape, frames.tolist()
    (torch.Size([1, 200, 297]), [297])
    """

    def __init__(self) -> None:
        dft = windowed_dft(LINEAR_FRAME_SAMPLES, LINEAR_DFT_SAMPLES, LINEAR_BINS, 0.0)
        super().__init__(dft, SAMPLE_RATE_HZ / LINEAR_DFT_SAMPLES, pre_emphasis=0.0)
