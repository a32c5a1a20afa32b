"""Autocorrelation of frames against NumPy's FFT, and on voices of known pitch."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emotrace.export.optimise import CentredLogMel
from emotrace.features.autocorrelation import lags, periodicity
from emotrace.features.linear_spectrogram import LinearSpectrogram
from emotrace.features.log_mel import LogMel
from emotrace.features.log_power import LogPower

Floats = npt.NDArray[np.float64]


def voice(pitch_hz: float, seconds: float = 0.5) -> Floats:
    """Twenty harmonics, each softer than the one below, with a little noise."""
    t = np.arange(round(16_000 * seconds)) / 16_000
    noise = 1e-3 * np.random.default_rng(0).normal(size=len(t))
    return noise + sum(0.1 / n * np.sin(2 * np.pi * n * pitch_hz * t + n) for n in range(1, 20))


def analyse(spectrum: LogPower, samples: Floats) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised autocorrelation (1 + lag, frame) and periodicity (lag, frame) of one utterance."""
    waveform = torch.as_tensor(samples, dtype=torch.float32)[None]
    _, autocorrelation, frames = spectrum.with_autocorrelation(waveform, torch.tensor([len(samples)]))
    return autocorrelation[0], periodicity(autocorrelation, frames)[0]


def oracle(samples: Floats, frame: int, size: int, pre_emphasis: float, count: int) -> Floats:
    """Log-power and autocorrelation from 60 Hz to 4 kHz of each frame, in double precision."""
    emphasised = np.concatenate([samples[:1], samples[1:] - pre_emphasis * samples[:-1]])
    hz = np.fft.rfftfreq(size, 1 / 16_000)
    response = np.abs(1 - pre_emphasis * np.exp(-2j * np.pi * hz / 16_000)) ** 2
    columns = []
    for start in range(0, len(samples) - frame + 1, 160):
        power = np.abs(np.fft.rfft(emphasised[start : start + frame] * np.hamming(frame), size)) ** 2
        power = power[(hz >= 60) & (hz <= 4000)] / response[(hz >= 60) & (hz <= 4000)]
        whole = np.zeros(len(hz))
        whole[(hz >= 60) & (hz <= 4000)] = power
        at_lags = [np.sum(whole * np.cos(2 * np.pi * hz * lag)) for lag in lags(count).numpy()]
        columns.append([np.log(whole.sum()), *np.array(at_lags) / whole.sum()])
    return np.array(columns).T


@pytest.mark.parametrize(
    ("spectrum", "frame", "size", "pre_emphasis"),
    [(LogMel(40), 400, 512, 0.97), (CentredLogMel(40), 400, 512, 0.97), (LinearSpectrogram(), 640, 800, 0.0)],
)
def test_autocorrelation_is_the_inverse_transform_of_the_power(
    spectrum: LogPower, frame: int, size: int, pre_emphasis: float
) -> None:
    samples = voice(170)
    found, _ = analyse(spectrum, samples)
    expected = oracle(samples, frame, size, pre_emphasis, spectrum.bands)
    assert found.shape == expected.shape == (1 + spectrum.bands, len(range(0, 8001 - frame, 160)))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)
    assert np.ptp(expected[1:]) > 0.5


@pytest.mark.parametrize("pitch_hz", [95, 130, 180, 250, 350, 450])
def test_the_autocorrelation_of_a_voice_peaks_at_its_period(pitch_hz: float) -> None:
    """Only lags up to one and a half periods count, which excludes the peak at two periods."""
    _, periodic = analyse(LogMel(40), voice(pitch_hz))
    short = lags(40) < 1.5 / pitch_hz
    best = 1 / lags(40)[short][periodic[short].mean(1).argmax()]
    assert math.log2(best / pitch_hz) == pytest.approx(0, abs=0.12)  # a tenth of an octave


def test_noise_is_less_periodic_than_a_voice() -> None:
    _, noise = analyse(LogMel(40), 0.1 * np.random.default_rng(1).normal(size=8000))
    _, sung = analyse(LogMel(40), voice(200))
    assert sung.amax(0).mean() > noise.amax(0).mean() + 0.2


def test_a_gain_never_changes_periodicity() -> None:
    _, once = analyse(LogMel(40), voice(200))
    _, louder = analyse(LogMel(40), 7 * voice(200))
    torch.testing.assert_close(louder, once, atol=1e-4, rtol=0)


def test_frames_far_below_the_level_have_no_periodicity() -> None:
    """A hum in a pause is room noise; at 40 dB below the level it counts half."""
    samples = np.concatenate([voice(200), 1e-4 * voice(200)])
    _, periodic = analyse(LogMel(40), samples)
    assert periodic[:, :40].abs().amax() > 0.4
    assert periodic[:, 60:].abs().amax() < 0.01
    _, half = analyse(LogMel(40), np.concatenate([voice(200), 1e-2 * voice(200)]))
    ratio = half[:, 60:].amax() / half[:, :40].amax()
    assert ratio.item() == pytest.approx(0.5, abs=0.15)


def test_digital_silence_has_no_periodicity() -> None:
    _, periodic = analyse(LogMel(40), np.zeros(4000))
    assert periodic.isfinite().all()
    assert periodic.abs().max() < 1e-3
