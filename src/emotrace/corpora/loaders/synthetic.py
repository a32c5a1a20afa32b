"""Synthetic speech-like utterances for demonstrations and tests. Accuracy on them says nothing about speech.

Glottal pulses with jitter and shimmer are filtered, syllable by syllable, by the resonances of a vocal tract,
with fricatives and pauses between syllables. Emotions differ in pitch, its range, loudness, tempo and voice
quality. Speakers differ in pitch, vocal tract, loudness and rate, so no single measurement predicts the
emotion of an unknown speaker.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotrace.corpora.base import Corpus
from emotrace.corpora.protocols import speaker_folds, speaker_protocol
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError
from emotrace.timeline import Span, Timeline

Samples = npt.NDArray[np.float32]
Array = npt.NDArray[np.floating]

NAME = "synthetic"
SAMPLE_RATE_HZ = 16000
SEED = 1
SPEAKERS = 20
UTTERANCES = 3  # per speaker and emotion


@dataclass(frozen=True)
class Manner:
    """How an emotion changes a speaker's neutral voice."""

    pitch_semitones: float
    range_semitones: float
    loudness_db: float
    syllables_per_s: float
    tilt_db: float  # spectral tilt per octave above 500 Hz; bright voices have more
    breath: float  # share of noise in the voice
    roughness: float  # factor on jitter and shimmer
    pauses: float  # probability of a pause after a syllable
    fall_semitones: float  # fall of the pitch from the start to the end of the utterance


# The directions of change are those of acted emotions: Banse and Scherer (1996), Juslin and Laukka (2003).
MANNERS = {
    "anger": Manner(1.0, 3.0, 9.0, 6.4, 7.0, 0.01, 8.0, 0.04, 4.0),
    "happiness": Manner(10.0, 6.0, 5.0, 4.8, 1.0, 0.02, 0.5, 0.12, -7.0),
    "sadness": Manner(-3.0, 0.5, -9.0, 2.0, -9.0, 0.2, 1.0, 0.5, 3.0),
    "neutral": Manner(0.0, 1.0, 0.0, 4.0, -3.0, 0.02, 1.0, 0.1, 1.5),
}

# Resonances of male vowels; the first three from Peterson and Barney (1952).
VOWELS_HZ = np.array(
    [
        [270, 2290, 3010, 3500, 4500],
        [530, 1840, 2480, 3500, 4500],
        [730, 1090, 2440, 3500, 4500],
        [570, 840, 2410, 3500, 4500],
        [300, 870, 2240, 3500, 4500],
        [490, 1350, 1690, 3500, 4500],
    ]
)
BANDWIDTHS_HZ = np.array([70.0, 100.0, 150.0, 200.0, 250.0])


@dataclass(frozen=True)
class Voice:
    """The properties of a speaker that do not depend on the emotion."""

    sex: str
    pitch_hz: float
    tract: float  # factor on the resonances of `VOWELS_HZ`
    gain_db: float
    rate: float


@dataclass(frozen=True)
class MultiEmotionClip:
    """A clip whose emotion changes, and its true timeline, which covers it without gaps."""

    samples: Samples
    sample_rate_hz: int
    truth: Timeline


def voice(seed: int, speaker: int) -> Voice:
    """The voice of a speaker: even numbers are male, odd numbers female.

    >>> voice(1, 0).sex, voice(1, 1).sex
    ('male', 'female')
    """
    random = np.random.default_rng((seed, speaker))
    male = speaker % 2 == 0
    return Voice(
        sex="male" if male else "female",
        pitch_hz=(115.0 if male else 205.0) * 2 ** (random.uniform(-3, 3) / 12),
        tract=(1.0 if male else 1.15) * random.uniform(0.94, 1.06),
        gain_db=random.uniform(-5, 5),
        rate=random.uniform(0.88, 1.12),
    )


def utterance(seed: int, speaker: int, emotion: str, index: int) -> Samples:
    """An utterance of 1 to 3 s at 16 kHz, within ±1. The same arguments always give the same samples.

    Shape: (sample,).

    Raises:
        CorpusError: the emotion is not in `MANNERS`

    >>> samples = utterance(seed=1, speaker=0, emotion="anger", index=0)
    >>> samples.dtype, 1 <= len(samples) / SAMPLE_RATE_HZ <= 3
    (dtype('float32'), True)
    """
    if emotion not in MANNERS:
        raise CorpusError(f"no synthetic speech for {emotion}; available: {', '.join(MANNERS)}")
    # Emotions count from 1: NumPy ignores trailing zeros of a seed, and (seed, speaker) is the voice's seed.
    random = np.random.default_rng((seed, speaker, 1 + list(MANNERS).index(emotion), index))
    speaker_voice, manner = voice(seed, speaker), MANNERS[emotion]
    pieces = list(_syllables(random, speaker_voice, manner, duration_s=random.uniform(1.2, 2.4)))
    speech = np.concatenate(pieces)[: 3 * SAMPLE_RATE_HZ]
    loudness_db = speaker_voice.gain_db + manner.loudness_db + random.normal(0, 1.5)
    speech *= 0.05 * 10 ** (loudness_db / 20) / np.sqrt(np.mean(speech**2))
    noise = 1e-4 * random.standard_normal(len(speech))
    limited: Samples = np.tanh(speech + noise).astype(np.float32)
    return limited


def utterances(
    seed: int = SEED,
    speakers: int = SPEAKERS,
    each: int = UTTERANCES,
    emotions: Sequence[str] = tuple(MANNERS),
    first_speaker: int = 0,
) -> list[Utterance]:
    """`each` utterances of every emotion by `speakers` speakers from `first_speaker`, ordered by name.

    >>> [utterance.name for utterance in utterances(speakers=1, each=1)]
    ['s00/anger-00', 's00/happiness-00', 's00/neutral-00', 's00/sadness-00']
    """
    return [
        Utterance(
            name=f"s{speaker:02}/{emotion}-{index:02}",
            audio=(utterance(seed, speaker, emotion, index), SAMPLE_RATE_HZ),
            emotion=emotion,
            code=emotion,
            speaker=f"s{speaker:02}",
            sex=voice(seed, speaker).sex,
        )
        for speaker in range(first_speaker, first_speaker + speakers)
        for emotion in sorted(emotions)
        for index in range(each)
    ]


def multi_emotion_clip(
    seed: int = SEED,
    speaker: int = SPEAKERS,
    emotions: Sequence[str] = ("neutral", "anger", "sadness"),
    span_s: float = 4.0,
) -> MultiEmotionClip:
    """A clip of one speaker with the given emotions, each for `span_s` seconds or a little more.

    Spans end where utterances end. The default speaker is not part of the synthetic corpus.

    >>> clip = multi_emotion_clip(emotions=("anger", "sadness"))
    >>> [span.emotion for span in clip.truth], clip.truth.spans[0].start
    (['anger', 'sadness'], 0.0)
    """
    pieces, spans = [], []
    start = end = index = 0
    for emotion in emotions:
        while end < start + span_s * SAMPLE_RATE_HZ:
            pieces.append(utterance(seed, speaker, emotion, index))
            end += len(pieces[-1])
            index += 1
        spans.append(Span(start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ, emotion, score=1.0))
        start = end
    return MultiEmotionClip(np.concatenate(pieces), SAMPLE_RATE_HZ, Timeline(tuple(spans)))


def _syllables(
    random: np.random.Generator, voice: Voice, manner: Manner, duration_s: float
) -> Iterator[Array]:
    """Fricatives, vowels and pauses in sequence, for about `duration_s` seconds."""
    level = manner.pitch_semitones + random.normal(0, 0.7)
    total, done = duration_s * SAMPLE_RATE_HZ, 0
    accent = random.normal()
    while done < total:
        length_s = random.uniform(0.75, 1.25) / (manner.syllables_per_s * voice.rate)
        length = (
            round(length_s * 100) * SAMPLE_RATE_HZ // 100
        )  # multiples of 10 ms have fast Fourier transforms
        next_accent = random.normal()
        along = np.linspace(done, done + length, length) / total
        bend = np.linspace(accent, next_accent, length) * manner.range_semitones
        semitones = level + bend + manner.fall_semitones * (0.5 - along)
        if random.random() < 0.4:
            onset = _fricative(random, int(length * 0.3), manner.tilt_db)
            yield onset
            done += len(onset)
        yield _vowel(random, voice.pitch_hz * 2 ** (semitones / 12), voice.tract, manner)
        done += length
        if random.random() < manner.pauses:
            pause = np.zeros(int(SAMPLE_RATE_HZ * random.uniform(0.06, 0.18)))
            yield pause
            done += len(pause)
        accent = next_accent


def _vowel(random: np.random.Generator, pitch_hz: Array, tract: float, manner: Manner) -> Array:
    """A voiced syllable with the given pitch that glides from one vowel to another, of power about 1.

    Shape: (sample,) in and out.
    """
    length = len(pitch_hz)
    every_5_ms = np.arange(0, length + 80, 80)
    deviations = random.normal(0, 0.012 * manner.roughness, len(every_5_ms))
    jitter = np.interp(np.arange(length), every_5_ms, deviations)
    cycles = np.cumsum(pitch_hz * (1 + jitter)) / SAMPLE_RATE_HZ
    phase = cycles % 1
    # Pulse of Rosenberg (1971): the glottis opens for 40 % of a period, closes in 16 %, then stays closed.
    opening = 0.5 - 0.5 * np.cos(np.pi * phase / 0.4)
    closing = np.cos(np.pi / 2 * (phase - 0.4) / 0.16)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))
    shimmer = random.normal(1, 0.05 * manner.roughness, int(cycles[-1]) + 1)[cycles.astype(int)]
    breath = manner.breath * random.standard_normal(length) * flow
    source = np.fft.rfft(np.diff(flow * shimmer, prepend=0.0) + breath * 0.2)
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    source *= 10 ** (manner.tilt_db * np.log2(np.maximum(hz, 500) / 500) / 20)
    first, last = random.choice(len(VOWELS_HZ), 2, replace=False)
    glide = np.linspace(0, 1, length)
    voiced = np.fft.irfft(source * _tract(hz, VOWELS_HZ[first] * tract), length) * (1 - glide)
    voiced += np.fft.irfft(source * _tract(hz, VOWELS_HZ[last] * tract), length) * glide
    return _fade(voiced / np.sqrt(np.mean(voiced**2))) * random.uniform(0.7, 1.3)


def _tract(hz: Array, resonances_hz: Array) -> npt.NDArray[np.complex128]:
    """Frequency response of two-pole resonators in series, each of gain 1 at 0 Hz: Klatt (1980).

    Shape: (bin,) and (resonance,) to (bin,).
    """
    z = np.exp(-2j * np.pi * hz / SAMPLE_RATE_HZ)
    radius = np.exp(-np.pi * BANDWIDTHS_HZ / SAMPLE_RATE_HZ)[:, None]
    b = 2 * radius * np.cos(2 * np.pi * resonances_hz / SAMPLE_RATE_HZ)[:, None]
    c = -(radius**2)
    response: npt.NDArray[np.complex128] = np.prod((1 - b - c) / (1 - b * z - c * z**2), axis=0)
    return response


def _fricative(random: np.random.Generator, length: int, tilt_db: float) -> Array:
    """Noise around a frequency between 3 and 6 kHz, as in f or sh; louder in bright voices."""
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    shape = np.exp(-(((hz - random.uniform(3000, 6000)) / 1200) ** 2))
    noise = np.fft.irfft(np.fft.rfft(random.standard_normal(length)) * shape, length)
    return _fade(noise / np.sqrt(np.mean(noise**2))) * 0.25 * 10 ** (tilt_db / 20)


def _fade(sound: Array) -> Array:
    """Fade a sound in and out, over 10 ms each, in place."""
    edge = np.sin(np.linspace(0, np.pi / 2, min(160, len(sound) // 2)))
    sound[: len(edge)] *= edge
    sound[len(sound) - len(edge) :] *= edge[::-1]
    return sound


def _recognise(root: Path) -> bool:  # noqa: ARG001
    return False


def _read(root: Path) -> list[Utterance]:  # noqa: ARG001
    return utterances()


SYNTHETIC = Corpus(
    name=NAME,
    title="synthetic speech-like utterances",
    citation="none; generated by emotrace",
    license="MIT",
    speech="synthetic: no human voice",
    emotions={emotion: emotion for emotion in MANNERS},
    layout="no files: it is generated",
    recognise=_recognise,
    read=_read,
    folds=speaker_folds,
    protocol=partial(speaker_protocol, NAME),
    needs_root=False,
)
