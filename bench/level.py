"""What the level of recordings does to a model: another corpus as it is, and brought to the level of its own.

python bench/level.py MODEL "$EMOTRACE_DATA/emodb" "$EMOTRACE_DATA/ravdess" results/level

The level of an utterance is the 95th percentile of the power of its stretches of 25 ms, in dB of full scale.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tables import write_table

from emotrace.corpora import Utterance, open_corpus
from emotrace.features import SAMPLE_RATE_HZ
from emotrace.recogniser import Recogniser, load
from emotrace.training.clips import sound_of

STRETCH = SAMPLE_RATE_HZ // 40


def level_db(samples: np.ndarray) -> float:
    """The level of speech, whatever its pauses."""
    whole = len(samples) // STRETCH * STRETCH
    power = np.square(samples[:whole]).reshape(-1, STRETCH).mean(axis=1)
    return float(10 * np.log10(np.quantile(power, 0.95) + 1e-12))


def heard(model: Recogniser, utterances: Sequence[Utterance], wanted_db: float | None) -> dict[str, str]:
    """Utterances recognised at `wanted_db`, or as they are; one that is refused counts by its best score."""
    right: dict[str, list[bool]] = {}
    refused = 0
    for utterance in utterances:
        samples = sound_of(utterance).samples
        if wanted_db is not None:
            samples = (samples * 10 ** ((wanted_db - level_db(samples)) / 20)).astype(np.float32)
        result = model((samples, SAMPLE_RATE_HZ))
        refused += result.label is None
        right.setdefault(utterance.emotion, []).append(next(iter(result.best(1)), None) == utterance.emotion)
    return {
        "utterances": str(len(utterances)),
        "brought to, dB": "as they are" if wanted_db is None else f"{wanted_db:.1f}",
        "UA": f"{np.mean([np.mean(ones) for ones in right.values()]):.3f}",
        "no emotional speech found": str(refused),
    }


def main() -> None:
    """Measure, write, print."""
    folder, emodb, ravdess, output = map(Path, sys.argv[1:])
    model = load(folder, threads=1)
    own = open_corpus("emodb", emodb).utterances
    other = [u for u in open_corpus("ravdess", ravdess).utterances if u.emotion in model.labels]
    levels = [[level_db(sound_of(u).samples) for u in utterances] for utterances in (own, other)]
    wanted_db = float(np.mean(levels[0]))
    rows = [
        {
            "corpus": "ravdess",
            "its level, dB": f"{np.mean(levels[1]):.1f} ± {np.std(levels[1]):.1f}",
            "of emodb, dB": f"{wanted_db:.1f} ± {np.std(levels[0]):.1f}",
            **heard(model, other, to),
        }
        for to in (None, wanted_db)
    ]
    print(write_table(output, rows), end="")


if __name__ == "__main__":
    main()
