"""The linear log-spectrogram against NumPy's FFT."""

import math

import numpy as np
import pytest
import torch

from emotrace.features.linear_spectrogram import LinearSpectrogram


def test_it_is_the_log_power_of_numpys_fft_up_to_4_khz() -> None:
    samples = np.random.default_rng(8).normal(size=4001)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 640)[::160] * np.hamming(640)
    power = np.abs(np.fft.rfft(frames, 800)[:, :200]) ** 2
    waveform = torch.as_tensor(samples, dtype=torch.float32)[None]
    static, count = LinearSpectrogram()(waveform, torch.tensor([4001]))
    assert count.item() == len(frames) == static.shape[2] == 22
    np.testing.assert_allclose(static[0].T.exp().numpy(), power, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("hz", [200, 1000, 3980])
def test_a_tone_is_loudest_in_the_bin_of_its_frequency(hz: int) -> None:
    tone = torch.sin(2 * math.pi * hz * torch.arange(4000) / 16_000)[None]
    static, _ = LinearSpectrogram()(tone, torch.tensor([4000]))
    assert (static[0].argmax(0) == hz // 20).all()
