"""How many labels change with silence, repetition, a shift, and 16-bit files that are 40 dB softer.

    python research/invariance.py CORPUS ROOT OUTPUT [--model DIR] [--clips N]

CORPUS is the name of a corpus, ROOT its folder, OUTPUT a folder for the table. Utterances with a label of the
model are used; with `--clips`, N of them at equal distances. The shipped model was trained on EmoDB, so there
only the changes mean something, not the accuracy.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from tables import write_table

from emotrace.audio.reading import SAMPLE_RATE_HZ
from emotrace.corpora import Utterance, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import EmotraceError
from emotrace.evaluation.metrics import score_predictions
from emotrace.evaluation.predictions import Prediction
from emotrace.inference.recogniser import Recogniser, load

Samples = np.ndarray
Random = np.random.Generator
UNCHANGED = "unchanged"
NO_EMOTION = "no emotion"
SEED = 1


def silence(seconds: float) -> Samples:
    """Digital silence."""
    return np.zeros(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32)


def room(samples: Samples, seconds: float, random: Random) -> Samples:
    """White noise 60 dB below the peak of the samples."""
    noise = random.standard_normal(round(seconds * SAMPLE_RATE_HZ)) * np.abs(samples).max() / 1000
    return np.asarray(noise, dtype=np.float32)


def shifted(samples: Samples, random: Random) -> Samples:
    """Up to a second of silence before the samples: any number of samples."""
    return np.concatenate([silence(random.integers(1, SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ), samples])


def interrupted(samples: Samples, seconds: float) -> Samples:
    """Silence in the middle of the utterance, even in a word."""
    middle = len(samples) // 2
    return np.concatenate([samples[:middle], silence(seconds), samples[middle:]])


CHANGES: dict[str, Callable[[Samples, Random], Samples]] = {
    "5 s of silence after": lambda x, _: np.concatenate([x, silence(5)]),
    "5 s of silence before": lambda x, _: np.concatenate([silence(5), x]),
    "1 s of silence before and after": lambda x, _: np.concatenate([silence(1), x, silence(1)]),
    "5 s of soft noise after": lambda x, random: np.concatenate([x, room(x, 5, random)]),
    "5 s of soft noise before": lambda x, random: np.concatenate([room(x, 5, random), x]),
    "said twice": lambda x, _: np.concatenate([x, x]),
    "said three times": lambda x, _: np.concatenate([x, x, x]),
    "said twice, 0.5 s between": lambda x, _: np.concatenate([x, silence(0.5), x]),
    "said twice, 1 s between": lambda x, _: np.concatenate([x, silence(1), x]),
    "said twice, 3 s between": lambda x, _: np.concatenate([x, silence(3), x]),
    "1 s of silence in the middle": lambda x, _: interrupted(x, 1),
    "shifted by up to 1 s": shifted,
    "first 20 ms lost, or less": lambda x, random: x[random.integers(1, SAMPLE_RATE_HZ // 50) :],
    "16 bits, 40 dB softer": lambda x, _: np.round(x * 32_768 / 100).astype(np.int16),
}


def clips(corpus: str, root: Path, labels: Iterable[str], count: int | None = None) -> list[Utterance]:
    """The utterances with one of the labels, or `count` of them at equal distances."""
    found = [utterance for utterance in open_corpus(corpus, root).utterances if utterance.emotion in labels]
    return found if count is None else found[:: max(1, len(found) // count)][:count]


def recognise(recogniser: Recogniser, utterances: Iterable[Utterance]) -> dict[str, list[Prediction]]:
    """Predictions for the utterances as they are, and after each change."""
    found: dict[str, list[Prediction]] = {}
    for number, utterance in enumerate(utterances):
        samples, random = read_utterance(utterance).samples, np.random.default_rng((SEED, number))
        for name, change in {UNCHANGED: lambda x, _: x, **CHANGES}.items():
            result = recogniser((change(samples, random), SAMPLE_RATE_HZ))
            scores = {label: (result.scores or {}).get(label, 0.0) for label in recogniser.labels}
            label = result.label or NO_EMOTION
            scores[NO_EMOTION] = float(label == NO_EMOTION)
            prediction = Prediction(utterance.name, utterance.speaker, 0, 1, utterance.emotion, label, scores)
            found.setdefault(name, []).append(prediction)
    return found


def count_changes(predictions: dict[str, list[Prediction]]) -> dict[str, int]:
    """The number of labels that each change changes."""
    labels = {name: [p.predicted for p in found] for name, found in predictions.items()}
    unchanged = labels.pop(UNCHANGED)
    return {
        name: sum(a != b for a, b in zip(found, unchanged, strict=True)) for name, found in labels.items()
    }


def main() -> None:
    """Recognise, count, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--clips", type=int)
    options = parser.parse_args()
    try:
        recogniser = load(options.model, threads=1)
        utterances = clips(options.corpus, options.root, recogniser.labels, options.clips)
        predictions = recognise(recogniser, utterances)
    except EmotraceError as error:
        raise SystemExit(f"invariance: {error}") from None
    changes = {UNCHANGED: 0, **count_changes(predictions)}
    rows = [
        {
            "recording": name,
            "clips": str(len(found)),
            "labels changed": str(changes[name]),
            "rejected": str(sum(p.predicted == NO_EMOTION for p in found)),
            "UA": f"{score_predictions(found, resamples=1).ua:.3f}",
        }
        for name, found in predictions.items()
    ]
    print(write_table(options.output, rows), end="")


if __name__ == "__main__":
    main()
