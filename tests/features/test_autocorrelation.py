"""How like itself a frame is a lag later, against NumPy's FFT, and voices of known pitch."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emotrace.export.optimise import CentredLogMel
from emotrace.features.spectrogram import LogMel, LogPower, LogSpectrogram, lags, periodicity

Floats = npt.NDArray[np.float64]


def voice(pitch_hz: float, seconds: float = 0.5) -> Floats:
    """Twenty harmonics, each softer than the one below, with a little noise."""
    t = np.arange(round(16_000 * seconds)) / 16_000
    noise = 1e-3 * np.random.default_rng(0).normal(size=len(t))
    return noise + sum(0.1 / n * np.sin(2 * np.pi * n * pitch_hz * t + n) for n in range(1, 20))


def heard(spectrum: LogPower, samples: Floats) -> tuple[torch.Tensor, torch.Tensor]:
    """Periods (1 + lag, frame) and periodicity (lag, frame)."""
    waveform = torch.as_tensor(samples, dtype=torch.float32)[None]
    _, periods, frames = spectrum.with_autocorrelation(waveform, torch.tensor([len(samples)]))
    return periods[0], periodicity(periods, frames)[0]


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
    [(LogMel(40), 400, 512, 0.97), (CentredLogMel(40), 400, 512, 0.97), (LogSpectrogram(), 640, 800, 0.0)],
)
def test_periods_are_the_inverse_transform_of_the_power(
    spectrum: LogPower, frame: int, size: int, pre_emphasis: float
) -> None:
    samples = voice(170)
    found, _ = heard(spectrum, samples)
    wanted = oracle(samples, frame, size, pre_emphasis, spectrum.bands)
    assert found.shape == wanted.shape == (1 + spectrum.bands, len(range(0, 8001 - frame, 160)))
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-3)
    assert np.ptp(wanted[1:]) > 0.5


@pytest.mark.parametrize("pitch_hz", [95, 130, 180, 250, 350, 450])
def test_a_voice_is_most_like_itself_a_period_later(pitch_hz: float) -> None:
    """Of the lags up to a period and a half, so that two periods do not count."""
    _, alike = heard(LogMel(40), voice(pitch_hz))
    short = lags(40) < 1.5 / pitch_hz
    best = 1 / lags(40)[short][alike[short].mean(1).argmax()]
    assert math.log2(best / pitch_hz) == pytest.approx(0, abs=0.12)  # a tenth of an octave


def test_noise_is_less_like_itself_than_a_voice() -> None:
    _, noise = heard(LogMel(40), 0.1 * np.random.default_rng(1).normal(size=8000))
    _, sung = heard(LogMel(40), voice(200))
    assert sung.amax(0).mean() > noise.amax(0).mean() + 0.2


def test_a_gain_leaves_periodicity_as_it_was() -> None:
    _, once = heard(LogMel(40), voice(200))
    _, louder = heard(LogMel(40), 7 * voice(200))
    torch.testing.assert_close(louder, once, atol=1e-4, rtol=0)


def test_what_is_far_below_the_level_has_no_periodicity() -> None:
    """A hum in a pause is the room's; 40 dB down it counts half."""
    whole = np.concatenate([voice(200), 1e-4 * voice(200)])
    _, alike = heard(LogMel(40), whole)
    assert alike[:, :40].abs().amax() > 0.4
    assert alike[:, 60:].abs().amax() < 0.01
    _, half = heard(LogMel(40), np.concatenate([voice(200), 1e-2 * voice(200)]))
    ratio = half[:, 60:].amax() / half[:, :40].amax()
    assert ratio.item() == pytest.approx(0.5, abs=0.15)


def test_digital_silence_has_no_periodicity() -> None:
    _, alike = heard(LogMel(40), np.zeros(4000))
    assert alike.isfinite().all()
    assert alike.abs().max() < 1e-3
