"""Synthetic sounds without speech, whose CTC target is empty.

A classifier names an emotion for every input. CTC can reject an input, because the empty label sequence has a
likelihood too, but a network that is trained on speech alone never gives it one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from emotrace.audio.windowing import FRAME_HOP_SAMPLES
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.features.log_power import LogPower
from emotrace.training.data.examples import Example

Array = npt.NDArray[np.float64]
SoundGenerator = Callable[[np.random.Generator, int], Array]

MIN_DURATION_S = 0.4
LEVEL_DB = (-90.0, -6.0)  # root mean square relative to full scale; the lowest is that of an idle microphone
FLOOR_DB = (-110.0, -60.0)  # of the noise added to every sound
FILTER_PROBABILITY, ENVELOPE_PROBABILITY, MIXTURE_PROBABILITY = 0.5, 0.5, 0.3
MIXTURE_DB = (-20.0, 0.0)  # of the second sound of a mixture
FILTER_GAIN_DB = 20.0
ENVELOPE_DB = -30.0  # its lowest level
ENVELOPE_HZ = (0.5, 12.0)  # changes a second


def non_speech_examples(
    count: int, spectrum: LogPower, max_frames: int, generator: torch.Generator, *, spectra: bool = False
) -> list[Example]:
    """`count` examples without emotion, of at most `max_frames` frames; all `SOUNDS` occur equally often.

    With `spectra` they have power spectra too.

    >>> from emotrace.features.log_mel import LogMel
    >>> (example,) = non_speech_examples(1, LogMel(40), 500, torch.Generator().manual_seed(1))
    >>> example.windows[0].shape[1], example.parts
    (40, ((None, 1.0),))
    """
    random = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    max_samples = spectrum.frame_samples + (max_frames - 1) * FRAME_HOP_SAMPLES
    return [
        _example(sound_name, samples, spectrum, spectra)
        for sound_name, samples in random_sounds(count, max_samples, random)
    ]


def random_sounds(
    count: int,
    max_samples: int,
    random: np.random.Generator,
    sound_names: Sequence[str] | None = None,
) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and samples (sample,) of `count` sounds of random lengths; all names occur equally often.

    Args:
        sound_names: keys of `SOUNDS_AND_CHORDS`; None: those of `SOUNDS`
    """
    sound_names = sound_names or list(SOUNDS)
    for number in range(count):
        sound_name = sound_names[number % len(sound_names)]
        shortest = min(max_samples, int(MIN_DURATION_S * SAMPLE_RATE_HZ))
        length = int(random.integers(shortest, max_samples + 1))
        yield sound_name, torch.from_numpy(sound(random, sound_name, length)).float()


def _example(sound_name: str, samples: torch.Tensor, spectrum: LogPower, spectra: bool) -> Example:
    with torch.inference_mode():
        power = spectrum.power(samples[None])
        window = spectrum.band_log_power(power)[0].T.contiguous()
    powers = (power[0].clone(),) if spectra else ()
    return Example(sound_name, "", 0, ((window.clone(),),), (len(samples),), ((None, 1.0),), powers)


def sound(random: np.random.Generator, sound_name: str, length: int) -> Array:
    """One of `SOUNDS_AND_CHORDS` at a random level, with a noise floor, clipped to full scale.

    Some are filtered, some have an envelope, and some are mixed with a second sound.
    """
    samples = SOUNDS_AND_CHORDS[sound_name](random, length)
    if random.random() < FILTER_PROBABILITY:
        samples = filtered(random, samples)
    if random.random() < ENVELOPE_PROBABILITY:
        samples = samples * envelope(random, length)
    if random.random() < MIXTURE_PROBABILITY:
        other = SOUNDS[random.choice(list(SOUNDS))](random, length)
        samples = at_level(samples, 0) + at_level(other, random.uniform(*MIXTURE_DB))
    floor = at_level(coloured_noise(random, length), random.uniform(*FLOOR_DB))
    return (at_level(samples, random.uniform(*LEVEL_DB)) + floor).clip(-1, 1)


def filtered(random: np.random.Generator, samples: Array) -> Array:
    """The sound through a random filter: gains of -20 to 20 dB, smooth over octaves."""
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    octaves = np.log2(np.maximum(hz, 31) / 31)
    gains_db = np.interp(octaves, np.arange(9), random.uniform(-FILTER_GAIN_DB, FILTER_GAIN_DB, 9))
    return np.fft.irfft(np.fft.rfft(samples) * 10 ** (gains_db / 20), len(samples))


def envelope(random: np.random.Generator, length: int) -> Array:
    """A random gain over time with 0.5 to 12 changes a second, in steps or linear in between."""
    points = max(2, int(random.uniform(*ENVELOPE_HZ) * length / SAMPLE_RATE_HZ)) + 1
    times = np.sort(random.uniform(0, length, points))
    gains = 10 ** (random.uniform(ENVELOPE_DB, 0, points) / 20)
    if random.random() < 0.5:
        return gains[np.searchsorted(times, np.arange(length)).clip(max=points - 1)]
    return np.interp(np.arange(length), times, gains)


def at_level(samples: Array, level_db: float) -> Array:
    """The sound scaled to a root mean square, in dB relative to full scale."""
    return samples * (10 ** (level_db / 20) / max(float(np.sqrt(np.mean(samples**2))), 1e-12))


def coloured_noise(random: np.random.Generator, length: int) -> Array:
    """Gaussian noise whose power falls by 0 to 6 dB an octave, with a periodically varying level."""
    spectrum = np.fft.rfft(random.normal(size=length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** random.uniform(0, 1)
    swell = 1 + random.uniform(0, 0.9) * np.sin(2 * np.pi * random.uniform(0.1, 8) * _times(length))
    return np.fft.irfft(spectrum, length) * swell


def tones(random: np.random.Generator, length: int) -> Array:
    """One to four sines of random pitch, some with a glide of up to an octave a second, some in pulses."""
    times = _times(length)
    samples = np.zeros(length)
    for _ in range(random.integers(1, 5)):
        hz = np.exp(random.uniform(np.log(50), np.log(6000)))
        glide = random.uniform(-1, 1) * (random.random() < 0.5)
        phase = 2 * np.pi * np.cumsum(hz * 2 ** (glide * times)) / SAMPLE_RATE_HZ
        samples += random.uniform(0.2, 1) * np.sin(phase)
    if random.random() < 0.4:
        samples *= np.sin(2 * np.pi * random.uniform(0.5, 6) * times) > 0
    return samples


def music(random: np.random.Generator, length: int) -> Array:
    """One to three voices of harmonic notes on the major scale, which decay fast or slowly."""
    samples = np.zeros(length)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    for _ in range(random.integers(1, 4)):
        base = np.exp(random.uniform(np.log(55), np.log(660)))
        harmonics, tilt = random.integers(1, 12), random.uniform(0.5, 2)
        beat = int(random.uniform(0.1, 0.8) * SAMPLE_RATE_HZ)
        fade = random.uniform(0.2, 6)
        for start in range(0, length, beat):
            times = _times(min(beat, length - start))
            hz = base * 2 ** (random.choice(scale) / 12)
            note = sum(
                np.sin(2 * np.pi * hz * number * times) / number**tilt
                for number in range(1, harmonics + 1)
                if hz * number < SAMPLE_RATE_HZ / 2
            )
            samples[start : start + len(times)] += note * np.exp(-fade * times)
    return samples


def buzz(random: np.random.Generator, length: int) -> Array:
    """A sawtooth, a square wave or pulses of one pitch, with vibrato, and some with a glide."""
    hz = np.exp(random.uniform(np.log(40), np.log(2000)))
    glide = random.uniform(-0.5, 0.5) * (random.random() < 0.5) * _times(length)
    tremor = random.uniform(0, 0.1) * np.sin(2 * np.pi * random.uniform(0.5, 8) * _times(length))
    phase = np.cumsum(hz * 2 ** (glide + tremor)) / SAMPLE_RATE_HZ % 1
    shapes = (2 * phase - 1, np.sign(phase - random.uniform(0.1, 0.5)), (phase < 0.05).astype(float))
    return shapes[random.integers(3)]


def hum(random: np.random.Generator, length: int) -> Array:
    """Mains hum or a machine: harmonics of a constant low pitch, of random strength and phase."""
    hz = random.uniform(45, 130)
    parts = [
        random.uniform(0, 1) / number * np.sin(2 * np.pi * (hz * number * _times(length) + random.random()))
        for number in range(1, random.integers(3, 20))
    ]
    return np.sum(parts, axis=0) + random.uniform(0, 0.3) * random.normal(size=length)


def knocks(random: np.random.Generator, length: int) -> Array:
    """Clicks, taps and rattles: short bursts of noise at random times, each with a resonance."""
    samples = np.zeros(length)
    for start in random.integers(0, length, max(1, int(random.uniform(1, 25) * length / SAMPLE_RATE_HZ))):
        times = _times(min(length - start, SAMPLE_RATE_HZ // 5))
        burst = random.normal(size=len(times)) + 2 * np.sin(2 * np.pi * random.uniform(100, 4000) * times)
        samples[start : start + len(times)] += (
            random.uniform(0.2, 1) * burst * np.exp(-times / random.uniform(0.002, 0.05))
        )
    return samples


def chords(random: np.random.Generator, length: int) -> Array:
    """Held chords of two to six notes with up to 16 harmonics, each of random strength, some with tremolo."""
    samples = np.zeros(length)
    held = int(random.uniform(0.3, 5) * SAMPLE_RATE_HZ)
    for start in range(0, length, held):
        times = _times(min(held, length - start))
        base = np.exp(random.uniform(np.log(65), np.log(440)))
        for semitones in random.choice(37, random.integers(2, 7), replace=False):
            hz = base * 2 ** (semitones / 12)
            tilt = random.uniform(0, 1.5)
            for number in range(1, random.integers(2, 18)):
                if hz * number < SAMPLE_RATE_HZ / 2:
                    strength = random.uniform(0.3, 1) / number**tilt
                    phase = 2 * np.pi * (hz * number * times + random.random())
                    samples[start : start + len(times)] += strength * np.sin(phase)
        attack = random.uniform(0.005, 0.3)
        samples[start : start + len(times)] *= np.minimum(times / attack, 1)
    tremolo = random.uniform(0, 0.5) * (random.random() < 0.5)
    return samples * (1 + tremolo * np.sin(2 * np.pi * random.uniform(2, 8) * _times(length)))


SOUNDS: dict[str, SoundGenerator] = {
    make.__name__: make for make in (coloured_noise, tones, buzz, music, hum, knocks)
}
# The encoder systems learn chords too; the spectrogram systems' published figures are without them.
SOUNDS_AND_CHORDS: dict[str, SoundGenerator] = {**SOUNDS, chords.__name__: chords}


def _times(length: int) -> Array:
    return np.arange(length) / SAMPLE_RATE_HZ
