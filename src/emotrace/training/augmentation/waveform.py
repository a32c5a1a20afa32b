"""Acoustic data augmentation of waveforms, for encoders: speed, reverberation, band limits, tilt, noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import soxr
from scipy import signal

from emotrace.audio.quality import Samples
from emotrace.features.dft import SAMPLE_RATE_HZ

SPEED = (0.88, 1.14)  # factor of the duration; pitch and formants change with it
SPEED_PROBABILITY = 0.8
REVERBERATION_PROBABILITY, REVERBERATION_S = 0.3, (0.15, 0.8)  # time in which it falls by 60 dB
REVERBERATION_DB = (-36.0, -24.0)  # of its first samples, below the direct sound
BAND_PROBABILITY, LOW_HZ, HIGH_HZ = 0.35, (60.0, 400.0), (3000.0, 7500.0)
TILT_PROBABILITY, TILT = 0.25, 0.6  # largest coefficient of a filter of first order
NOISE_PROBABILITY, SNR_DB, NOISE_SLOPE = 0.5, (5.0, 35.0), 1.0  # largest power of 1 / frequency


def augment_waveform(samples: Samples, random: np.random.Generator) -> Samples:
    """The utterance at another speed, in another room, through another channel, with noise, at random.

    Shape: (sample,) at 16 kHz → (sample,), longer or shorter.

    >>> changed = augment_waveform(np.ones(16_000, np.float32), np.random.default_rng(1))
    >>> changed.dtype, 14_000 <= len(changed) <= 18_300
    (dtype('float32'), True)
    """
    changed: npt.NDArray[Any] = samples
    speed = random.uniform(*SPEED)
    if random.random() < SPEED_PROBABILITY:
        changed = soxr.resample(changed, SAMPLE_RATE_HZ, round(SAMPLE_RATE_HZ * speed))
    if random.random() < REVERBERATION_PROBABILITY:
        changed = signal.fftconvolve(changed, room(random))[: len(changed)]
    if random.random() < BAND_PROBABILITY:
        edges = [random.uniform(*LOW_HZ), random.uniform(*HIGH_HZ)]
        band = signal.butter(3, edges, "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        changed = signal.sosfilt(band, changed)
    elif random.random() < TILT_PROBABILITY:
        changed = signal.lfilter([1, random.uniform(-TILT, TILT)], [1], changed)
    if random.random() < NOISE_PROBABILITY:
        level = speech_rms(changed) / 10 ** (random.uniform(*SNR_DB) / 20)
        changed = changed + level * noise(random, len(changed))
    return np.asarray(changed, dtype=np.float32)


def room(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """The impulse response of a room: the direct sound, then noise that decays."""
    decay_s = random.uniform(*REVERBERATION_S)
    times_s = np.arange(int(decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    level = 10 ** (random.uniform(*REVERBERATION_DB) / 20)
    response = level * random.standard_normal(len(times_s)) * 10 ** (-3 * times_s / decay_s)
    response[0] = 1
    return response


def noise(random: np.random.Generator, length: int) -> npt.NDArray[np.float64]:
    """Noise with root mean square 1 whose spectrum falls towards high frequencies, at random."""
    spectrum = np.fft.rfft(random.standard_normal(length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** random.uniform(0, NOISE_SLOPE)
    samples = np.fft.irfft(spectrum, length)
    return samples / max(1e-12, float(np.sqrt((samples**2).mean())))


def speech_rms(samples: npt.NDArray[Any]) -> float:
    """Root mean square of the louder half of the samples."""
    louder = np.sort(np.square(samples))[len(samples) // 2 :]
    return float(np.sqrt(louder.mean()))
