"""Does a model know that there is no speech? Sounds that no training made, and the speech of test speakers.

python research/no_speech.py RUN ROOT OUTPUT [--part validation]

RUN is a cross-validation, on a corpus in ROOT, of a CTC system whose recipe makes sounds without emotion.
Each fold's network hears `SOUNDS`, made anew for it, and its test speakers' utterances, as they are and with
noise. By `--part validation`, sounds of the kinds that trainings make and the validation speakers, the
likelihood above which there is no emotion was chosen. OUTPUT is the start of the names of a Markdown and a
CSV file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from forgetting import forget_validation
from tables import write_table

from emotrace.corpora import Utterance, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.decoding.ctc import no_emotion_probability
from emotrace.export.onnx import REJECTION_THRESHOLD
from emotrace.features.dft import SAMPLE_RATE_HZ
from emotrace.models.emotion_model import EmotionModel
from emotrace.training.data import non_speech as non_speech
from emotrace.training.run_folder import read_run

EACH = 20  # of each kind of sound, for each fold
DURATIONS_S = (1.0, 5.0)
LEVELS_DB = (-60.0, -10.0)
NOISES_DB = (20, 10, 5, 0)  # speech above white noise
LIMITS = (0.5, 0.3, 0.2, 0.1, 0.05)
SEED = 1

Samples = np.ndarray
Random = np.random.Generator


def times(length: int) -> Samples:
    """Seconds of each sample."""
    return np.arange(length) / SAMPLE_RATE_HZ


def band(random: Random, length: int, low_hz: float, high_hz: float) -> Samples:
    """Noise between two frequencies."""
    spectrum = np.fft.rfft(random.normal(size=length))
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    return np.fft.irfft(np.where((hz >= low_hz) & (hz <= high_hz), spectrum, 0), length)


def rain(random: Random, length: int) -> Samples:
    """Thousands of drops a second, in a band."""
    drops = (random.random(length) < random.uniform(0.02, 0.3)) * random.exponential(size=length)
    return drops - drops.mean() + 0.3 * band(random, length, 2000, 7000)


def applause(random: Random, length: int) -> Samples:
    """Many hands, each with a rhythm of its own: noise bursts of 10 ms around 1 to 3 kHz."""
    samples = np.zeros(length)
    clap = band(random, 320, 800, 3500) * np.exp(-times(320) / 0.004)
    for _ in range(random.integers(4, 30)):
        period = random.uniform(0.2, 0.4)
        for start in np.arange(random.uniform(0, period), length / SAMPLE_RATE_HZ, period):
            place = int((start + random.normal(0, 0.015)) * SAMPLE_RATE_HZ)
            if 0 <= place < length - len(clap):
                samples[place : place + len(clap)] += random.uniform(0.3, 1) * clap
    return samples


def siren(random: Random, length: int) -> Samples:
    """A sawtooth that wails between two pitches."""
    wail = np.sin(2 * np.pi * random.uniform(0.2, 3) * times(length))
    hz = random.uniform(500, 1000) * 2 ** (0.6 * wail)
    return 2 * (np.cumsum(hz) / SAMPLE_RATE_HZ % 1) - 1


def bells(random: Random, length: int) -> Samples:
    """Struck bells by frequency modulation, with a ratio that is no harmonic."""
    samples = np.zeros(length)
    for start in range(0, length, int(random.uniform(0.3, 1.5) * SAMPLE_RATE_HZ)):
        t = times(length - start)
        hz = random.uniform(200, 1500)
        depth = random.uniform(1, 6) * np.exp(-2 * t)
        tone = np.sin(2 * np.pi * hz * t + depth * np.sin(2 * np.pi * 1.41 * hz * t))
        samples[start:] += tone * np.exp(-random.uniform(1, 4) * t)
    return samples


def chiptune(random: Random, length: int) -> Samples:
    """A square wave's melody over drums of noise."""
    step = int(random.uniform(0.1, 0.25) * SAMPLE_RATE_HZ)
    samples = np.zeros(length)
    for number, start in enumerate(range(0, length, step)):
        t = times(min(step, length - start))
        hz = 220 * 2 ** (random.integers(0, 25) / 12)
        drum = random.normal(size=len(t)) * np.exp(-30 * t) * (number % 2)
        samples[start : start + len(t)] = 0.5 * np.sign(np.sin(2 * np.pi * hz * t)) + drum
    return samples


def engine(random: Random, length: int) -> Samples:
    """Pulses at an uneven, rising low rate through three resonances."""
    rate = random.uniform(20, 60) * (1 + 0.5 * times(length)) * (1 + 0.05 * random.normal(size=length))
    pulses = np.diff(np.floor(np.cumsum(rate) / SAMPLE_RATE_HZ), prepend=0)
    t = times(1600)
    ring = sum(np.sin(2 * np.pi * hz * t) * np.exp(-40 * t) for hz in random.uniform(80, 1200, 3))
    return np.convolve(pulses, ring)[:length] + 0.1 * random.normal(size=length)


def dialling(random: Random, length: int) -> Samples:
    """Keys of a telephone, two tones each."""
    t = times(length)
    key = (t / 0.2).astype(int)
    rows, columns = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477])
    low, high = random.choice(rows, key.max() + 1)[key], random.choice(columns, key.max() + 1)[key]
    return (np.sin(2 * np.pi * low * t) + np.sin(2 * np.pi * high * t)) * (t % 0.2 < 0.1)


def wind(random: Random, length: int) -> Samples:
    """A narrow band of noise that swells and wanders."""
    swell = 1 + np.sin(2 * np.pi * random.uniform(0.1, 0.7) * times(length) + random.uniform(0, 6))
    low = random.uniform(100, 800)
    return band(random, length, low, 2 * low) * swell + band(random, length, 2 * low, 4 * low) * swell**2 / 3


def speech_like_noise(random: Random, length: int) -> Samples:
    """Noise with the long-term spectrum of speech and its four syllables a second: nobody speaks in it."""
    spectrum = np.fft.rfft(random.normal(size=length))
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE_HZ)
    shaped = np.fft.irfft(spectrum * (hz > 80) / (1 + (hz / 500) ** 2) ** 0.75, length)
    return shaped * np.maximum(0, 1 + 1.2 * np.sin(2 * np.pi * random.uniform(3, 5) * times(length)))


SOUNDS: tuple[Callable[[Random, int], Samples], ...] = (
    rain, applause, siren, bells, chiptune, engine, dialling, wind, speech_like_noise,
)  # fmt: skip


def makers(part: str) -> dict[str, Callable[[Random, int], Samples]]:
    """What makes sounds that no training made; for validation, of the kinds that all trainings make."""
    if part == "test":
        return {make.__name__.replace("_", " "): make for make in SOUNDS}
    return {kind.replace("_", " "): partial(trained_on, kind) for kind in non_speech.SOUNDS}


def trained_on(kind: str, random: Random, length: int) -> Samples:
    """A sound of a kind that trainings make, drawn anew."""
    return non_speech.sound(random, kind, length)


def sounds(part: str, random: Random) -> Iterator[tuple[str, Samples]]:
    """As many of each kind, of any duration and level."""
    for name, make in makers(part).items():
        for _ in range(EACH):
            samples = make(random, int(random.uniform(*DURATIONS_S) * SAMPLE_RATE_HZ))
            if part == "test":  # the others have a level of their own
                samples *= 10 ** (random.uniform(*LEVELS_DB) / 20) / np.sqrt(np.mean(samples**2))
            yield name, samples.clip(-1, 1)


def speech(utterance: Utterance, random: Random) -> Iterator[tuple[str, Samples]]:
    """An utterance as it is, and with white noise."""
    samples = read_utterance(utterance).samples[: int(DURATIONS_S[1] * SAMPLE_RATE_HZ)]
    yield "speech", samples
    noise = random.normal(size=len(samples)) * np.sqrt(np.mean(samples**2))
    for level in NOISES_DB:
        yield f"speech, white noise {level} dB below", samples + noise * 10 ** (-level / 20)


def likely_none(network: EmotionModel, samples: Samples) -> float:
    """How likely there is no emotion, as the runtime has it; by CTC alone where there are no functionals."""
    given = torch.from_numpy(samples.astype(np.float32))[None], torch.tensor([len(samples)])
    with torch.inference_mode():
        if network.functionals is None:
            posteriors, log_odds = network(*given)[0], 0.0
        else:
            posteriors, _, more, _ = network.forward_with_functionals(*given)
            log_odds = float(more[0, -1])
    return no_emotion_probability(posteriors[0].double().numpy(), log_odds)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    given = parser.parse_args()
    torch.set_num_threads(1)
    likelihoods: dict[str, list[float]] = {}
    folds = sorted(path.parent for path in given.run.glob("seed-*/fold-*/run.json"))
    for number, fold in enumerate(folds):
        run, recipe, network = read_run(fold)
        corpus = open_corpus(run.corpus, given.root)
        if given.part == "validation":
            forget_validation(fold, network, run, recipe, corpus.utterances)
        random = np.random.default_rng((SEED, number))
        speakers = run.test if given.part == "test" else run.validation
        asked = [utterance for utterance in corpus.utterances if utterance.speaker in speakers]
        for name, samples in chain(
            sounds(given.part, random), *(speech(utterance, random) for utterance in asked)
        ):
            likelihoods.setdefault(name, []).append(likely_none(network, samples))
    limits = sorted({REJECTION_THRESHOLD, *(LIMITS if given.part == "validation" else ())}, reverse=True)
    rows = [
        {
            "heard": name,
            "clips": str(len(found)),
            **{f"no emotion, above {limit}": f"{np.mean(np.array(found) > limit):.3f}" for limit in limits},
            "median likelihood of none": f"{np.median(found):.3f}",
        }
        for name, found in likelihoods.items()
    ]
    print(f"{len(folds)} folds\n{write_table(given.output, rows)}")


if __name__ == "__main__":
    main()
