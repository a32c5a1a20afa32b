"""Synthetic sounds without speech, that training never uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from emotrace.audio.reading import SAMPLE_RATE_HZ
from emotrace.training.data import non_speech

Samples = np.ndarray
Random = np.random.Generator
SoundGenerator = Callable[[Random, int], Samples]


def sample_times_s(length: int) -> Samples:
    """The time of each sample in seconds."""
    return np.arange(length) / SAMPLE_RATE_HZ


def band(random: Random, length: int, low_hz: float, high_hz: float) -> Samples:
    """White noise limited to a band."""
    spectrum = np.fft.rfft(random.normal(size=length))
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    return np.fft.irfft(np.where((hz >= low_hz) & (hz <= high_hz), spectrum, 0), length)


def rain(random: Random, length: int) -> Samples:
    """Thousands of impulses per second, and band-limited noise."""
    drops = (random.random(length) < random.uniform(0.02, 0.3)) * random.exponential(size=length)
    return drops - drops.mean() + 0.3 * band(random, length, 2000, 7000)


def applause(random: Random, length: int) -> Samples:
    """Noise bursts of 20 ms from many clappers, each at its own rate."""
    samples = np.zeros(length)
    clap = band(random, 320, 800, 3500) * np.exp(-sample_times_s(320) / 0.004)
    for _ in range(random.integers(4, 30)):
        period = random.uniform(0.2, 0.4)
        for start in np.arange(random.uniform(0, period), length / SAMPLE_RATE_HZ, period):
            first = int((start + random.normal(0, 0.015)) * SAMPLE_RATE_HZ)
            if 0 <= first < length - len(clap):
                samples[first : first + len(clap)] += random.uniform(0.3, 1) * clap
    return samples


def siren(random: Random, length: int) -> Samples:
    """A sawtooth whose frequency rises and falls."""
    wail = np.sin(2 * np.pi * random.uniform(0.2, 3) * sample_times_s(length))
    hz = random.uniform(500, 1000) * 2 ** (0.6 * wail)
    return 2 * (np.cumsum(hz) / SAMPLE_RATE_HZ % 1) - 1


def bells(random: Random, length: int) -> Samples:
    """Bells, by frequency modulation with an inharmonic ratio."""
    samples = np.zeros(length)
    for start in range(0, length, int(random.uniform(0.3, 1.5) * SAMPLE_RATE_HZ)):
        t = sample_times_s(length - start)
        hz = random.uniform(200, 1500)
        depth = random.uniform(1, 6) * np.exp(-2 * t)
        tone = np.sin(2 * np.pi * hz * t + depth * np.sin(2 * np.pi * 1.41 * hz * t))
        samples[start:] += tone * np.exp(-random.uniform(1, 4) * t)
    return samples


def chiptune(random: Random, length: int) -> Samples:
    """A melody of square waves, with bursts of noise as drums."""
    step = int(random.uniform(0.1, 0.25) * SAMPLE_RATE_HZ)
    samples = np.zeros(length)
    for number, start in enumerate(range(0, length, step)):
        t = sample_times_s(min(step, length - start))
        hz = 220 * 2 ** (random.integers(0, 25) / 12)
        drum = random.normal(size=len(t)) * np.exp(-30 * t) * (number % 2)
        samples[start : start + len(t)] = 0.5 * np.sign(np.sin(2 * np.pi * hz * t)) + drum
    return samples


def engine(random: Random, length: int) -> Samples:
    """Pulses with a rising, jittered low rate, through three resonances."""
    rising = random.uniform(20, 60) * (1 + 0.5 * sample_times_s(length))
    rate = rising * (1 + 0.05 * random.normal(size=length))
    pulses = np.diff(np.floor(np.cumsum(rate) / SAMPLE_RATE_HZ), prepend=0)
    t = sample_times_s(1600)
    ring = sum(np.sin(2 * np.pi * hz * t) * np.exp(-40 * t) for hz in random.uniform(80, 1200, 3))
    return np.convolve(pulses, ring)[:length] + 0.1 * random.normal(size=length)


def dial_tones(random: Random, length: int) -> Samples:
    """Telephone keys, two tones each."""
    t = sample_times_s(length)
    key = (t / 0.2).astype(int)
    rows, columns = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477])
    low, high = random.choice(rows, key.max() + 1)[key], random.choice(columns, key.max() + 1)[key]
    return (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)) * (t % 0.2 < 0.1)


def wind(random: Random, length: int) -> Samples:
    """Narrow-band noise with a slowly varying level."""
    swell = 1 + np.sin(2 * np.pi * random.uniform(0.1, 0.7) * sample_times_s(length) + random.uniform(0, 6))
    low = random.uniform(100, 800)
    return band(random, length, low, 2 * low) * swell + band(random, length, 2 * low, 4 * low) * swell**2 / 3


def speech_shaped_noise(random: Random, length: int) -> Samples:
    """Noise with the long-term spectrum of speech, modulated at three to five syllables per second."""
    spectrum = np.fft.rfft(random.normal(size=length))
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    shaped = np.fft.irfft(spectrum * (hz > 80) / (1 + (hz / 500) ** 2) ** 0.75, length)
    return shaped * np.maximum(0, 1 + 1.2 * np.sin(2 * np.pi * random.uniform(3, 5) * sample_times_s(length)))


SOUNDS: tuple[SoundGenerator, ...] = (
    rain, applause, siren, bells, chiptune, engine, dial_tones, wind, speech_shaped_noise,
)  # fmt: skip


def sound_generators(part: str) -> dict[str, SoundGenerator]:
    """The generators of sounds by name: `SOUNDS` for "test", those of training for "validation"."""
    if part == "test":
        return {generator.__name__.replace("_", " "): generator for generator in SOUNDS}
    return {name.replace("_", " "): partial(training_sound, name) for name in non_speech.SOUNDS}


def training_sound(name: str, random: Random, length: int) -> Samples:
    """A newly drawn sound of a kind that training uses."""
    return non_speech.sound(random, name, length)
