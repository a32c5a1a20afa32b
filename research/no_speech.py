"""How often a model rejects sounds without speech, and how often it rejects speech.

    python research/no_speech.py RUN ROOT OUTPUT [--part validation]

RUN is the output folder of a cross-validation of a CTC system trained with synthetic non-speech, with its
folds; ROOT is the corpus, OUTPUT a folder for the table. Each fold's model receives newly drawn sounds
(`research/sounds.py`) and its test speakers' utterances, clean and in white noise.

`--part validation` uses the validation speakers, the types of sounds that training uses, and several
thresholds. The rejection threshold was chosen from that table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from folds import finished_folds, fit_without_validation_speakers
from sounds import Random, Samples, sound_generators
from tables import write_table

from emotrace.audio.reading import SAMPLE_RATE_HZ
from emotrace.corpora import Utterance, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.decoding.ctc import no_emotion_probability
from emotrace.errors import EmotraceError
from emotrace.export.onnx import REJECTION_THRESHOLD
from emotrace.models.emotion_model import EmotionModel
from emotrace.training.run_folder import read_run

CLIPS_PER_SOUND = 20  # for each fold
DURATIONS_S = (1.0, 5.0)
LEVELS_DB = (-60.0, -10.0)
SNRS_DB = (20, 10, 5, 0)
THRESHOLDS = (0.5, 0.3, 0.2, 0.1, 0.05)
SEED = 1


def sound_clips(part: str, random: Random) -> Iterator[tuple[str, Samples]]:
    """`CLIPS_PER_SOUND` clips of each sound, with random durations and levels."""
    for name, generate in sound_generators(part).items():
        for _ in range(CLIPS_PER_SOUND):
            samples = generate(random, int(random.uniform(*DURATIONS_S) * SAMPLE_RATE_HZ))
            if part == "test":  # the sounds of training already have random levels
                samples *= 10 ** (random.uniform(*LEVELS_DB) / 20) / np.sqrt(np.mean(samples**2))
            yield name, samples.clip(-1, 1)


def speech_clips(utterance: Utterance, random: Random) -> Iterator[tuple[str, Samples]]:
    """An utterance, clean and in white noise."""
    samples = read_utterance(utterance).samples[: int(DURATIONS_S[1] * SAMPLE_RATE_HZ)]
    yield "speech", samples
    noise = random.normal(size=len(samples)) * np.sqrt(np.mean(samples**2))
    for snr_db in SNRS_DB:
        yield f"speech, white noise {snr_db} dB below", samples + noise * 10 ** (-snr_db / 20)


def rejection_probability(network: EmotionModel, samples: Samples) -> float:
    """The probability of no emotion, as the runtime computes it; from CTC alone without functionals."""
    inputs = torch.from_numpy(samples.astype(np.float32))[None], torch.tensor([len(samples)])
    with torch.inference_mode():
        if network.functionals is None:
            posteriors, log_odds = network(*inputs)[0], 0.0
        else:
            posteriors, _, utterance_scores, _ = network.forward_with_functionals(*inputs)
            log_odds = float(utterance_scores[0, -1])
    return no_emotion_probability(posteriors[0].double().numpy(), log_odds)


def fold_probabilities(fold: Path, number: int, root: Path, part: str) -> Iterator[tuple[str, float]]:
    """The name of each input and its probability of no emotion, for one fold."""
    run, recipe, network = read_run(fold)
    corpus = open_corpus(run.corpus, root)
    if part == "validation":
        fit_without_validation_speakers(fold, network, run, recipe, corpus.utterances)
    random = np.random.default_rng((SEED, number))
    speakers = run.test if part == "test" else run.validation
    utterances = [utterance for utterance in corpus.utterances if utterance.speaker in speakers]
    speech = (speech_clips(utterance, random) for utterance in utterances)
    for name, samples in chain(sound_clips(part, random), *speech):
        yield name, rejection_probability(network, samples)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    options = parser.parse_args()
    torch.set_num_threads(1)
    probabilities: dict[str, list[float]] = {}
    try:
        for number, fold in enumerate(finished_folds(options.run)):
            for name, probability in fold_probabilities(fold, number, options.root, options.part):
                probabilities.setdefault(name, []).append(probability)
    except EmotraceError as error:
        raise SystemExit(f"no_speech: {error}") from None
    compared = THRESHOLDS if options.part == "validation" else ()
    rows = [
        {
            "input": name,
            "clips": str(len(found)),
            **{
                f"rejected, threshold {threshold}": f"{np.mean(np.array(found) > threshold):.3f}"
                for threshold in sorted({REJECTION_THRESHOLD, *compared}, reverse=True)
            },
            "median probability of no emotion": f"{np.median(found):.3f}",
        }
        for name, found in probabilities.items()
    ]
    print(write_table(options.output, rows), end="")


if __name__ == "__main__":
    main()
