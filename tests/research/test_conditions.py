"""`research/conditions.py`: each condition changes audio as its name states."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from emotrace.audio.reading import read_audio

pytest.importorskip("scipy")

RATE_HZ = 16_000


@pytest.fixture
def conditions(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "research")
    return importlib.import_module("conditions")


@pytest.fixture
def tones() -> np.ndarray:
    """Three seconds of tones of 100, 1000 and 6000 Hz."""
    times = np.arange(3 * RATE_HZ) / RATE_HZ
    return 0.1 * sum(np.sin(2 * np.pi * f * times) for f in (100, 1000, 6000))


def level_db(samples: np.ndarray, frequency_hz: float) -> float:
    """Level of a tone in three seconds."""
    spectrum = np.abs(np.fft.rfft(samples[: 3 * RATE_HZ] * np.hanning(len(samples[: 3 * RATE_HZ]))))
    return float(20 * np.log10(spectrum[round(3 * frequency_hz)] + 1e-12))


def test_every_condition_gives_a_readable_file_of_about_the_same_length(
    conditions: ModuleType, tones: np.ndarray
) -> None:
    for name, condition in conditions.CONDITIONS.items():
        audio = read_audio(condition(tones, np.random.default_rng(1)))
        assert 2.99 < audio.duration_s < 4.1, name
        assert audio.samples.any(), name


@pytest.mark.parametrize("noise", ["white", "pink", "babble"])
@pytest.mark.parametrize("snr_db", [20, 0])
def test_noise_has_the_stated_signal_to_noise_ratio(
    conditions: ModuleType, tones: np.ndarray, noise: str, snr_db: float
) -> None:
    condition = conditions.with_noise(getattr(conditions, noise), snr_db)
    added = read_audio(condition(tones, np.random.default_rng(1))).samples - tones
    ratio_db = 20 * np.log10(conditions.rms(tones) / conditions.rms(added))
    assert ratio_db == pytest.approx(snr_db, abs=0.01)


def test_pink_noise_has_equal_power_in_each_octave(conditions: ModuleType) -> None:
    power = np.abs(np.fft.rfft(conditions.pink(20 * RATE_HZ, np.random.default_rng(1)))) ** 2
    octaves = [power[20 * f : 40 * f].sum() for f in (125, 250, 500, 1000, 2000)]
    assert max(octaves) / min(octaves) < 1.15


def test_the_telephone_band_keeps_1_khz_and_attenuates_100_hz_and_6_khz(
    conditions: ModuleType, tones: np.ndarray
) -> None:
    samples = read_audio(conditions.telephone(tones, np.random.default_rng(1))).samples
    assert level_db(samples, 1000) == pytest.approx(level_db(tones, 1000), abs=0.2)
    assert level_db(samples, 100) < level_db(tones, 100) - 40
    assert level_db(samples, 6000) < level_db(tones, 6000) - 30


def test_a_rate_of_8_khz_keeps_1_khz_and_attenuates_6_khz(conditions: ModuleType, tones: np.ndarray) -> None:
    samples = read_audio(conditions.narrow_rate(tones, np.random.default_rng(1))).samples
    assert level_db(samples, 1000) == pytest.approx(level_db(tones, 1000), abs=0.2)
    assert level_db(samples, 6000) < level_db(tones, 6000) - 60


def test_a_codec_that_cannot_be_written_is_reported(
    conditions: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert conditions.unavailable() == {}
    impossible = {"AMR": lambda samples, _: conditions.encoded(samples, RATE_HZ, format="AMR")}
    monkeypatch.setattr(conditions, "CONDITIONS", impossible)
    assert list(conditions.unavailable()) == ["AMR"]


@pytest.mark.parametrize(("codec", "kbps"), [("mp3", 32), ("mp3", 16), ("opus", 16), ("opus", 8)])
def test_codecs_have_the_stated_bit_rate(conditions: ModuleType, codec: str, kbps: float) -> None:
    speech_like = conditions.babble(8 * RATE_HZ, np.random.default_rng(1))
    speech_like *= 0.1 / conditions.rms(speech_like)
    size = len(getattr(conditions, codec)(kbps)(speech_like, np.random.default_rng(1)))
    assert size / 1000 == pytest.approx(kbps, rel=0.15)


@pytest.mark.parametrize("rt60_s", [0.3, 0.8])
def test_reverberation_decays_by_60_db_in_its_time(conditions: ModuleType, rt60_s: float) -> None:
    click = np.zeros(RATE_HZ)
    click[0] = 1.0
    samples = read_audio(conditions.reverberant(rt60_s)(click, np.random.default_rng(1))).samples
    tail = np.square(samples[1 : round(1.2 * rt60_s * RATE_HZ)].astype(np.float64))
    third = len(tail) // 3  # each third of 1.2 RT60 is 24 dB below the one before
    early, late = tail[:third].sum(), tail[2 * third : 3 * third].sum()
    assert 10 * np.log10(early / late) == pytest.approx(48, abs=2)


def test_gain_is_in_db_and_clips_on_request(conditions: ModuleType, tones: np.ndarray) -> None:
    random = np.random.default_rng(1)
    np.testing.assert_allclose(
        read_audio(conditions.gained(20)(tones, random)).samples, 10 * tones, atol=1e-5
    )
    assert np.abs(read_audio(conditions.gained(20, clipped=True)(tones, random)).samples).max() == 1.0
    np.testing.assert_allclose(read_audio(conditions.gained(0)(tones, random)).samples, tones, atol=1e-6)
