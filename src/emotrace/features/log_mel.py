"""Log-Mel spectrogram: Zhao et al. (2021), section 3.2."""

from __future__ import annotations

from emotrace.features.dft import DFT_SAMPLES, SAMPLE_RATE_HZ, windowed_dft
from emotrace.features.log_power import LogPower
from emotrace.features.mel import mel_filters


class LogMel(LogPower):
    """Static log-Mel spectrogram: frames of 25 ms every 10 ms, HTK triangles.

    >>> import torch
    >>> static, frames = LogMel(bands=40)(torch.randn(1, 80_240), torch.tensor([80_240]))
    >>> static.shape, frames.tolist()
    (torch.Size([1, 40, 500]), [500])
    """

    def __init__(self, bands: int):
        super().__init__(windowed_dft(), SAMPLE_RATE_HZ / DFT_SAMPLES, mel_filters(bands))
