"""Acoustic conditions: noise, narrow bands, codecs, rooms and gains.

A condition maps mono samples at 16 kHz and a random generator to the bytes of an audio file. `CONDITIONS`
lists them by name.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from scipy.signal import butter, fftconvolve, sosfiltfilt

from emotrace.audio.reading import SAMPLE_RATE_HZ, read_audio
from emotrace.corpora import Utterance
from emotrace.corpora.utterance_audio import read_utterance

Samples = npt.NDArray[np.float64]
Noise = Callable[[int, np.random.Generator], Samples]
Condition = Callable[[Samples, np.random.Generator], bytes]

CLEAN = "clean"
TALKERS = 6
SYLLABLES_HZ = 4.0  # approximate syllable rate of running speech
SNRS_DB = (20, 10, 5, 0)
TELEPHONE_HZ = (300, 3400)
NARROW_RATE_HZ = 8000
MP3_KBPS = (8, 160)  # libsndfile's compression levels 1 and 0 at 16 kHz
OPUS_KBPS = (6, 256)
DIRECT_TO_REVERBERANT_DB = 0.0


def wav(samples: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """A WAV file of floating-point samples, which cannot clip."""
    return encoded(samples, rate_hz, format="WAV", subtype="FLOAT")


def encoded(samples: Samples, rate_hz: int, **options: str | float) -> bytes:
    """The bytes of a file that soundfile writes."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, **options)
    return file.getvalue()


def white(count: int, random: np.random.Generator) -> Samples:
    """Noise with equal power at all frequencies."""
    return random.standard_normal(count)


def pink(count: int, random: np.random.Generator) -> Samples:
    """Noise with equal power in each octave."""
    return shaped(white(count, random), lambda f: 1 / np.sqrt(np.maximum(f, 20.0)))


def babble(count: int, random: np.random.Generator) -> Samples:
    """Six noises with the spectrum of speech, each modulated at the syllable rate."""
    talkers = []
    for _ in range(TALKERS):
        voice = shaped(white(count, random), lambda f: 1 / (1 + (f / 500) ** 1.5))
        slow = shaped(white(count, random), lambda f: f < SYLLABLES_HZ)
        talkers.append(voice * np.maximum(slow / max(rms(slow), 1e-9), 0))
    return np.sum(talkers, axis=0)


def shaped(noise: Samples, gain: Callable[[Samples], Samples]) -> Samples:
    """Noise filtered by a gain for each frequency in Hz."""
    frequencies = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE_HZ)
    return np.fft.irfft(np.fft.rfft(noise) * gain(frequencies), len(noise))


def rms(samples: Samples) -> float:
    """Root mean square.

    >>> rms(np.array([3.0, -3.0]))
    3.0
    """
    return float(np.sqrt(np.mean(np.square(samples))))


def with_noise(noise: Noise, snr_db: float) -> Condition:
    """Speech in noise; the power of speech includes the pauses of the utterance."""

    def condition(samples: Samples, random: np.random.Generator) -> bytes:
        added = noise(len(samples), random)
        return wav(samples + added * rms(samples) / rms(added) / 10 ** (snr_db / 20))

    return condition


def telephone(samples: Samples, _: np.random.Generator) -> bytes:
    """Band-pass to the telephone band, at the full sampling rate."""
    return wav(sosfiltfilt(butter(4, TELEPHONE_HZ, "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), samples))


def narrow_rate(samples: Samples, _: np.random.Generator) -> bytes:
    """A file sampled at 8 kHz."""
    return wav(soxr.resample(samples, SAMPLE_RATE_HZ, NARROW_RATE_HZ), NARROW_RATE_HZ)


def mp3(kbps: float) -> Condition:
    """MP3 at a constant bit rate."""
    least, most = MP3_KBPS
    level = (most - kbps) / (most - least)
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
    return lambda samples, _: encoded(samples, SAMPLE_RATE_HZ, **options, compression_level=level)


def opus(kbps: float) -> Condition:
    """Opus in Ogg at about this bit rate, without the overhead of the container."""
    least, most = OPUS_KBPS
    level = (most - kbps) / (most - least)
    return lambda samples, _: encoded(
        samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS", compression_level=level
    )


def reverberant(rt60_s: float) -> Condition:
    """A synthetic room: the direct sound, then noise of equal energy that decays by 60 dB in `rt60_s`."""

    def condition(samples: Samples, random: np.random.Generator) -> bytes:
        times = np.arange(round(1.2 * rt60_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        tail = white(len(times), random) * 10 ** (-3 * times / rt60_s)
        tail *= 10 ** (-DIRECT_TO_REVERBERANT_DB / 20) / np.sqrt(np.sum(np.square(tail)))
        tail[0] += 1.0
        wet = fftconvolve(samples, tail)
        return wav(wet * rms(samples) / rms(wet[: len(samples)]))

    return condition


def gained(gain_db: float, clipped: bool = False) -> Condition:
    """A gain in dB, optionally clipped at full scale."""

    def condition(samples: Samples, _: np.random.Generator) -> bytes:
        louder = samples * 10 ** (gain_db / 20)
        return wav(np.clip(louder, -1, 1) if clipped else louder)

    return condition


CONDITIONS: dict[str, Condition] = {
    CLEAN: gained(0),
    **{
        f"{name} noise, {snr_db} dB": with_noise(noise, snr_db)
        for name, noise in (("white", white), ("pink", pink), ("babble-like", babble))
        for snr_db in SNRS_DB
    },
    "telephone band": telephone,
    "8 kHz": narrow_rate,
    "MP3, 32 kbit/s": mp3(32),
    "MP3, 16 kbit/s": mp3(16),
    "Opus, 16 kbit/s": opus(16),
    "Opus, 8 kbit/s": opus(8),
    "reverberation, 0.3 s": reverberant(0.3),
    "reverberation, 0.8 s": reverberant(0.8),
    "gain +20 dB": gained(20),
    "gain +20 dB, clipped": gained(20, clipped=True),
    "gain -20 dB": gained(-20),
}


def degraded(condition: str, name: str, samples: npt.NDArray[np.float32]) -> bytes:
    """A file of the samples in a condition; the random generator is seeded by the utterance's name."""
    random = np.random.default_rng(zlib.crc32(f"{name} {condition}".encode()))
    return CONDITIONS[condition](samples.astype(np.float64), random)


def unavailable() -> dict[str, str]:
    """The conditions that the installed libsndfile cannot write, with its error messages."""
    second, found = white(SAMPLE_RATE_HZ, np.random.default_rng(0)), {}
    for name, condition in CONDITIONS.items():
        try:
            condition(second, np.random.default_rng(0))
        except (soundfile.LibsndfileError, ValueError) as error:
            found[name] = str(error)
    return found


def degraded_utterance(utterance: Utterance, condition: str) -> Utterance:
    """An utterance in a condition, cut to its original length."""
    original = read_utterance(utterance)
    audio = read_audio(io.BytesIO(degraded(condition, utterance.name, original.samples)))
    samples = audio.samples[: len(original.samples)]
    return replace(utterance, audio=(samples, audio.sample_rate_hz), start_s=0.0, end_s=None)
