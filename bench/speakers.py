"""How bright each speaker's emotions are: what an utterance has from 1 to 4 kHz against 0.1 to 1 kHz, in dB.

python bench/speakers.py emodb "$EMOTRACE_DATA/emodb" results/speakers.csv
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import numpy as np

from emotrace.corpora import open_corpus
from emotrace.features import SAMPLE_RATE_HZ
from emotrace.files import write_text
from emotrace.training.clips import sound_of


def brightness_db(samples: np.ndarray) -> float:
    """Energy of the upper formants and harmonics against that of the lower ones; shouting raises it."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    above, below = power[(hz >= 1000) & (hz < 4000)].sum(), power[(hz >= 100) & (hz < 1000)].sum()
    return float(10 * np.log10(above / below))


def main() -> None:
    """Measure, write, print."""
    name, root, output = sys.argv[1:]
    corpus = open_corpus(name, Path(root))
    found: dict[tuple[str, str], list[float]] = {}
    for utterance in corpus.utterances:
        place = utterance.speaker, utterance.emotion
        found.setdefault(place, []).append(brightness_db(sound_of(utterance).samples))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["speaker", *corpus.emotions])
    for speaker in sorted({speaker for speaker, _ in found}):
        means = (np.mean(found[speaker, emotion]) for emotion in corpus.emotions)
        writer.writerow([speaker, *(f"{mean:.1f}" for mean in means)])
    write_text(Path(output), file.getvalue())
    print(file.getvalue(), end="")


if __name__ == "__main__":
    main()
