"""What happens to speech on its way to a recogniser: noise, narrow bands, codecs, rooms, levels.

Each condition takes mono samples at 16 kHz and a source of randomness, and gives the bytes of a file, as a
user would have it. `CONDITIONS` has them by name.
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

TALKERS = 6
SYLLABLES_HZ = 4.0  # syllables of running speech, about
SNRS_DB = (20, 10, 5, 0)
TELEPHONE_HZ = (300, 3400)
NARROW_RATE_HZ = 8000
MP3_KBPS = (8, 160)  # what libsndfile's compression levels of 1 and 0 mean at 16 kHz
OPUS_KBPS = (6, 256)
DIRECT_TO_REVERBERANT_DB = 0.0


def wav(samples: Samples, rate_hz: int = SAMPLE_RATE_HZ) -> bytes:
    """A WAV file of floats, in which nothing clips."""
    return encoded(samples, rate_hz, format="WAV", subtype="FLOAT")


def encoded(samples: Samples, rate_hz: int, **how: str | float) -> bytes:
    """A file as soundfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, **how)
    return file.getvalue()


def white(count: int, random: np.random.Generator) -> Samples:
    """Noise of the same power at all frequencies."""
    return random.standard_normal(count)


def pink(count: int, random: np.random.Generator) -> Samples:
    """Noise of the same power in each octave."""
    return shaped(white(count, random), lambda f: 1 / np.sqrt(np.maximum(f, 20.0)))


def babble(count: int, random: np.random.Generator) -> Samples:
    """Like six talkers at once: noise with the spectrum of speech, each rising and falling with syllables."""
    talkers = []
    for _ in range(TALKERS):
        voice = shaped(white(count, random), lambda f: 1 / (1 + (f / 500) ** 1.5))
        slow = shaped(white(count, random), lambda f: f < SYLLABLES_HZ)
        talkers.append(voice * np.maximum(slow / max(rms(slow), 1e-9), 0))
    return np.sum(talkers, axis=0)


def shaped(noise: Samples, gain: Callable[[Samples], Samples]) -> Samples:
    """Noise times a gain for each frequency in Hz."""
    frequencies = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE_HZ)
    return np.fft.irfft(np.fft.rfft(noise) * gain(frequencies), len(noise))


def rms(samples: Samples) -> float:
    """Root mean square.

    >>> rms(np.array([3.0, -3.0]))
    3.0
    """
    return float(np.sqrt(np.mean(np.square(samples))))


def with_noise(noise: Noise, snr_db: float) -> Condition:
    """Speech in noise; the ratio is of the powers of the whole utterance, pauses among it."""

    def condition(samples: Samples, random: np.random.Generator) -> bytes:
        made = noise(len(samples), random)
        return wav(samples + made * rms(samples) / rms(made) / 10 ** (snr_db / 20))

    return condition


def telephone(samples: Samples, _: np.random.Generator) -> bytes:
    """The band of a telephone, at the full rate."""
    return wav(sosfiltfilt(butter(4, TELEPHONE_HZ, "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), samples))


def narrow_rate(samples: Samples, _: np.random.Generator) -> bytes:
    """A file of 8 kHz."""
    return wav(soxr.resample(samples, SAMPLE_RATE_HZ, NARROW_RATE_HZ), NARROW_RATE_HZ)


def mp3(kbps: float) -> Condition:
    """MP3 at a constant rate."""
    least, most = MP3_KBPS
    level = (most - kbps) / (most - least)
    how = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT"}
    return lambda samples, _: encoded(samples, SAMPLE_RATE_HZ, **how, compression_level=level)


def opus(kbps: float) -> Condition:
    """Opus in Ogg at about that rate; what the container adds comes on top."""
    least, most = OPUS_KBPS
    level = (most - kbps) / (most - least)
    return lambda samples, _: encoded(
        samples, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS", compression_level=level
    )


def reverberant(rt60_s: float) -> Condition:
    """A room made in code: the direct sound, then noise that falls by 60 dB in `rt60_s`, as loud in all."""

    def condition(samples: Samples, random: np.random.Generator) -> bytes:
        times = np.arange(round(1.2 * rt60_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        tail = white(len(times), random) * 10 ** (-3 * times / rt60_s)
        tail *= 10 ** (-DIRECT_TO_REVERBERANT_DB / 20) / np.sqrt(np.sum(np.square(tail)))
        tail[0] += 1.0
        heard = fftconvolve(samples, tail)
        return wav(heard * rms(samples) / rms(heard[: len(samples)]))

    return condition


def gained(gain_db: float, clipped: bool = False) -> Condition:
    """Louder or softer; clipped at full scale, as a recorder does it, or not."""

    def condition(samples: Samples, _: np.random.Generator) -> bytes:
        louder = samples * 10 ** (gain_db / 20)
        return wav(np.clip(louder, -1, 1) if clipped else louder)

    return condition


CONDITIONS: dict[str, Condition] = {
    "clean": gained(0),
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


def heard_in(condition: str, name: str, samples: npt.NDArray[np.float32]) -> bytes:
    """A file of the samples in a condition, in which each name has chance of its own, the same each time."""
    random = np.random.default_rng(zlib.crc32(f"{name} {condition}".encode()))
    return CONDITIONS[condition](samples.astype(np.float64), random)


def left_out() -> dict[str, str]:
    """The conditions whose files the libsndfile at hand cannot write, and what it says."""
    second, found = white(SAMPLE_RATE_HZ, np.random.default_rng(0)), {}
    for name, condition in CONDITIONS.items():
        try:
            condition(second, np.random.default_rng(0))
        except (soundfile.LibsndfileError, ValueError) as error:
            found[name] = str(error)
    return found


def as_heard(utterance: Utterance, condition: str) -> Utterance:
    """An utterance as a condition of `research/conditions.py` leaves it, as long as it was."""
    sound = read_utterance(utterance)
    heard = read_audio(io.BytesIO(heard_in(condition, utterance.name, sound.samples)))
    samples = heard.samples[: len(sound.samples)]
    return replace(utterance, audio=(samples, heard.sample_rate_hz), start_s=0.0, end_s=None)
