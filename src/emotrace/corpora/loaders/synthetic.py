"""Speech-like utterances made in code, for demonstrations and tests; no claim of quality rests on them.

A train of glottal pulses with jitter and shimmer is shaped, syllable by syllable, by the resonances of a
vocal tract; fricatives and pauses stand between. Speakers differ in pitch, vocal tract, loudness and rate as
much as some emotions do, so that no single measure tells the emotion of a voice that was never heard before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotrace.corpora.base import Corpus, protocol_name
from emotrace.corpora.splits import Fold, leave_one_speaker_out, speakers_of
from emotrace.corpora.utterance import Utterance
from emotrace.errors import CorpusError
from emotrace.timeline import Span, Timeline

Samples = npt.NDArray[np.float32]
Array = npt.NDArray[np.floating]

NAME = "synthetic"
SAMPLE_RATE_HZ = 16000
SEED = 1
SPEAKERS = 8
UTTERANCES = 6  # by each speaker for each emotion


@dataclass(frozen=True)
class Manner:
    """How an emotion is spoken, beside the speaker's neutral voice."""

    pitch_semitones: float
    range_semitones: float
    loudness_db: float
    syllables_per_s: float
    tilt_db: float  # per octave above 500 Hz: how bright the voice is
    breath: float  # share of noise in the voice
    pauses: float  # how likely one follows a syllable
    falls_semitones: float  # from the utterance's start to its end


MANNERS = {
    "anger": Manner(4.0, 3.5, 7.0, 5.4, 4.0, 0.03, 0.06, 2.0),
    "happiness": Manner(6.0, 5.0, 3.5, 4.8, 2.0, 0.06, 0.12, -4.0),
    "sadness": Manner(-1.5, 0.8, -6.0, 3.0, -4.5, 0.2, 0.35, 2.0),
    "neutral": Manner(0.0, 1.5, 0.0, 4.2, -0.5, 0.05, 0.18, 1.5),
}

# Resonances of a man's vowels: the first three after Peterson and Barney (1952).
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
    """What stays the same when a speaker's emotion changes."""

    sex: str
    pitch_hz: float
    tract: float  # resonances relative to a man's
    gain_db: float
    rate: float


@dataclass(frozen=True)
class MultiEmotionClip:
    """Sound whose emotion changes, and the truth about when: its spans tile the clip from start to end."""

    samples: Samples
    sample_rate_hz: int
    truth: Timeline


def voice(seed: int, speaker: int) -> Voice:
    """The voice of a speaker: even numbers are male, odd ones female.

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
    """One utterance of 1 to 3 s at 16 kHz, within ±1; the same four arguments always give the same samples.

    Shape: (sample,). Raises CorpusError for an emotion that is not in `MANNERS`.

    >>> samples = utterance(seed=1, speaker=0, emotion="anger", index=0)
    >>> samples.dtype, 1 <= len(samples) / SAMPLE_RATE_HZ <= 3
    (dtype('float32'), True)
    """
    if emotion not in MANNERS:
        raise CorpusError(f"no synthetic speech for {emotion}; there is {', '.join(MANNERS)}")
    # The emotion counts from 1: NumPy disregards zeros at a seed's end, and the voice has (seed, speaker).
    random = np.random.default_rng((seed, speaker, 1 + list(MANNERS).index(emotion), index))
    who, manner = voice(seed, speaker), MANNERS[emotion]
    pieces = list(_syllables(random, who, manner, duration_s=random.uniform(1.2, 2.4)))
    speech = np.concatenate(pieces)[: 3 * SAMPLE_RATE_HZ]
    loudness_db = who.gain_db + manner.loudness_db + random.normal(0, 1.5)
    speech *= 0.05 * 10 ** (loudness_db / 20) / np.sqrt(np.mean(speech**2))
    room = 1e-4 * random.standard_normal(len(speech))
    limited: Samples = np.tanh(speech + room).astype(np.float32)
    return limited


def utterances(
    seed: int = SEED,
    speakers: int = SPEAKERS,
    each: int = UTTERANCES,
    emotions: Sequence[str] = tuple(MANNERS),
) -> list[Utterance]:
    """`each` utterances of every emotion by every speaker, ordered by name.

    >>> [made.name for made in utterances(speakers=1, each=1)]
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
        for speaker in range(speakers)
        for emotion in sorted(emotions)
        for index in range(each)
    ]


def multi_emotion_clip(
    seed: int = SEED,
    speaker: int = SPEAKERS,
    emotions: Sequence[str] = ("neutral", "anger", "sadness"),
    span_s: float = 4.0,
) -> MultiEmotionClip:
    """A clip by one speaker, whose emotion changes each time at least `span_s` seconds have passed.

    The speaker is by default one that `utterances` leaves out by default; spans end as utterances do.

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


def _syllables(random: np.random.Generator, who: Voice, manner: Manner, duration_s: float) -> Iterator[Array]:
    """Fricatives, vowels and pauses, one after another, for about `duration_s` seconds."""
    level = manner.pitch_semitones + random.normal(0, 0.7)
    wanted, made = duration_s * SAMPLE_RATE_HZ, 0
    accent = random.normal()
    while made < wanted:
        length_s = random.uniform(0.75, 1.25) / (manner.syllables_per_s * who.rate)
        length = round(length_s * 100) * SAMPLE_RATE_HZ // 100  # a Fourier transform of that is fast
        next_accent = random.normal()
        along = np.linspace(made, made + length, length) / wanted
        bend = np.linspace(accent, next_accent, length) * manner.range_semitones
        semitones = level + bend + manner.falls_semitones * (0.5 - along)
        if random.random() < 0.4:
            onset = _fricative(random, int(length * 0.3), manner.tilt_db)
            yield onset
            made += len(onset)
        yield _vowel(random, who.pitch_hz * 2 ** (semitones / 12), who.tract, manner)
        made += length
        if random.random() < manner.pauses:
            pause = np.zeros(int(SAMPLE_RATE_HZ * random.uniform(0.06, 0.18)))
            yield pause
            made += len(pause)
        accent = next_accent


def _vowel(random: np.random.Generator, pitch_hz: Array, tract: float, manner: Manner) -> Array:
    """A voiced syllable that glides from one vowel to another at the given pitch, its power about 1.

    Shape: (sample,) in and out.
    """
    length = len(pitch_hz)
    every_5_ms = np.arange(0, length + 80, 80)
    jitter = np.interp(np.arange(length), every_5_ms, random.normal(0, 0.012, len(every_5_ms)))
    cycles = np.cumsum(pitch_hz * (1 + jitter)) / SAMPLE_RATE_HZ
    phase = cycles % 1
    # Rosenberg's pulse (1971): the glottis opens for 40 % of a period, closes in 16 %, and stays shut.
    opening = 0.5 - 0.5 * np.cos(np.pi * phase / 0.4)
    closing = np.cos(np.pi / 2 * (phase - 0.4) / 0.16)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))
    shimmer = random.normal(1, 0.05, int(cycles[-1]) + 1)[cycles.astype(int)]
    breath = manner.breath * random.standard_normal(length) * flow
    source = np.fft.rfft(np.diff(flow * shimmer, prepend=0.0) + breath * 0.2)
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    source *= 10 ** (manner.tilt_db * np.log2(np.maximum(hz, 500) / 500) / 20)
    first, last = random.choice(len(VOWELS_HZ), 2, replace=False)
    glide = np.linspace(0, 1, length)
    voiced = np.fft.irfft(source * _tract(hz, VOWELS_HZ[first] * tract), length) * (1 - glide)
    voiced += np.fft.irfft(source * _tract(hz, VOWELS_HZ[last] * tract), length) * glide
    return _faded(voiced / np.sqrt(np.mean(voiced**2))) * random.uniform(0.7, 1.3)


def _tract(hz: Array, resonances_hz: Array) -> npt.NDArray[np.complex128]:
    """Frequency response of two-pole resonators in series, each 1 at 0 Hz: Klatt (1980).

    Shape: (bin,) and (resonance,) to (bin,).
    """
    z = np.exp(-2j * np.pi * hz / SAMPLE_RATE_HZ)
    radius = np.exp(-np.pi * BANDWIDTHS_HZ / SAMPLE_RATE_HZ)[:, None]
    b = 2 * radius * np.cos(2 * np.pi * resonances_hz / SAMPLE_RATE_HZ)[:, None]
    c = -(radius**2)
    response: npt.NDArray[np.complex128] = np.prod((1 - b - c) / (1 - b * z - c * z**2), axis=0)
    return response


def _fricative(random: np.random.Generator, length: int, tilt_db: float) -> Array:
    """Noise around a frequency between 3 and 6 kHz, as in f or sh; bright voices have more of it."""
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    shape = np.exp(-(((hz - random.uniform(3000, 6000)) / 1200) ** 2))
    noise = np.fft.irfft(np.fft.rfft(random.standard_normal(length)) * shape, length)
    return _faded(noise / np.sqrt(np.mean(noise**2))) * 0.25 * 10 ** (tilt_db / 20)


def _faded(sound: Array) -> Array:
    """The sound with soft edges, 10 ms each."""
    edge = np.sin(np.linspace(0, np.pi / 2, min(160, len(sound) // 2)))
    sound[: len(edge)] *= edge
    sound[len(sound) - len(edge) :] *= edge[::-1]
    return sound


def _recognise(root: Path) -> bool:  # noqa: ARG001
    return False


def _read(root: Path) -> list[Utterance]:  # noqa: ARG001
    return utterances()


def _folds(utterances: Sequence[Utterance]) -> list[Fold]:
    return leave_one_speaker_out(speakers_of(utterances))


def _protocol(utterances: Sequence[Utterance]) -> str:
    return protocol_name(NAME, utterances, f"loso{len(speakers_of(utterances))}")


SYNTHETIC = Corpus(
    name=NAME,
    title="speech-like sound made in code",
    citation="none; made by emotrace",
    license="MIT",
    speech="made in code: no human voice",
    emotions={emotion: emotion for emotion in MANNERS},
    layout="nothing: it is made in code",
    recognise=_recognise,
    read=_read,
    folds=_folds,
    protocol=_protocol,
    needs_root=False,
)
