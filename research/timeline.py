"""Emotion diarization error of timelines on recordings whose emotion changes at known times.

    python research/timeline.py RUN ROOT OUTPUT [--part validation] [--between SECONDS]

RUN is the output folder of a cross-validation of a CTC system, with its folds; ROOT is the corpus, OUTPUT a
folder for the table. Each recording joins three whole utterances of one test speaker, neighbours with
different emotions. With `--between`, a sound without speech (`research/sounds.py`) separates them, in which
no emotion is correct. Pauses inside an utterance count as its emotion, so all of the time is scored.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import torch
from folds import finished_folds, fit_without_validation_speakers
from sounds import SoundGenerator, sound_generators
from tables import write_table
from timeline_decoders import Recording, decoders, front_scores, run_model
from torch_session import TorchSession

from emotrace.audio.reading import SAMPLE_RATE_HZ
from emotrace.corpora import Utterance, open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.errors import EmotraceError
from emotrace.evaluation.diarization_error import ErrorDurations, boundary_errors_s, error_durations
from emotrace.timeline import Span, Timeline
from emotrace.training.run_folder import read_run

UTTERANCES = 3
RECORDINGS = 20  # per speaker
SEED = 1
RESAMPLES = 2000
ATTENUATION_DB = (0.0, 20.0)  # of a sound, relative to the utterance before it


@dataclass
class Errors:
    """The errors of one decoder: by speaker, and the distance of each true boundary to the nearest found."""

    by_speaker: dict[str, ErrorDurations] = field(default_factory=dict)
    boundaries_s: list[float] = field(default_factory=list)

    def add(self, speaker: str, error: ErrorDurations, boundaries_s: Sequence[float]) -> None:
        """Add those of one recording."""
        before = self.by_speaker.get(speaker)
        self.by_speaker[speaker] = error if before is None else before + error
        self.boundaries_s.extend(boundaries_s)


def recordings(
    utterances: Sequence[Utterance],
    random: np.random.Generator,
    sounds: Sequence[SoundGenerator] = (),
    between_s: float = 0.0,
) -> list[Recording]:
    """Recordings of one speaker, with `between_s` seconds of a sound between utterances."""
    found = []
    for _ in range(RECORDINGS):
        chosen: list[Utterance] = []
        for _ in range(UTTERANCES):
            others = [u for u in utterances if not chosen or u.emotion != chosen[-1].emotion]
            chosen.append(others[random.integers(len(others))])
        pieces, spans, samples = [], [], 0
        for u in chosen:
            if pieces and between_s:
                sound = sounds[random.integers(len(sounds))](random, round(between_s * SAMPLE_RATE_HZ))
                pieces.append(attenuated(sound, pieces[-1], random.uniform(*ATTENUATION_DB)))
                samples += len(pieces[-1])
            pieces.append(read_utterance(u).samples)
            start, samples = samples, samples + len(pieces[-1])
            spans.append(Span(start / SAMPLE_RATE_HZ, samples / SAMPLE_RATE_HZ, u.emotion, 1.0))
        found.append(Recording(np.concatenate(pieces), Timeline(tuple(spans))))
    return found


def attenuated(samples: np.ndarray, reference: np.ndarray, attenuation_db: float) -> np.ndarray:
    """A sound scaled to a level below that of a reference."""
    ratio = np.sqrt(np.mean(reference**2) / np.mean(samples**2)) / 10 ** (attenuation_db / 20)
    return (samples * ratio).clip(-1, 1).astype(np.float32)


def measure_fold(fold: Path, root: Path, part: str, between_s: float, errors: dict[str, Errors]) -> None:
    """Decode the recordings of a fold's speakers by each decoder, and add up the errors."""
    run, recipe, network = read_run(fold)
    corpus = open_corpus(run.corpus, root)
    if part == "validation":
        fit_without_validation_speakers(fold, network, run, recipe, corpus.utterances)
    session = TorchSession(run, recipe, network)
    by_name = decoders(front_scores(fold, run, recipe))
    sounds = list(sound_generators(part).values())
    for speaker in run.test if part == "test" else run.validation:
        utterances = [u for u in corpus.utterances if u.speaker == speaker]
        random = np.random.default_rng((SEED, int.from_bytes(speaker.encode(), "big")))
        for recording in recordings(utterances, random, sounds, between_s):
            output = run_model(session, recording)
            for name, decode in by_name.items():
                found = decode(output)
                errors.setdefault(name, Errors()).add(
                    speaker,
                    error_durations(recording.truth, found, recording.duration_s),
                    boundary_errors_s(recording.truth, found),
                )


def row(name: str, errors: Errors, sounds_between: bool) -> dict[str, str]:
    """The figures of a decoder."""
    by_speaker = list(errors.by_speaker.values())
    total = reduce(add, by_speaker)
    low, high = interval(by_speaker)
    cells = {
        "decoding": name,
        "EDER": f"{total.rate:.3f}",
        "95 % over speakers": f"{low:.3f} to {high:.3f}",
        "missed": f"{total.missed_s / total.duration_s:.3f}",
        "false alarm": f"{total.false_s / total.duration_s:.3f}",
        "confused": f"{total.confused_s / total.duration_s:.3f}",
        "median boundary error, s": f"{np.median(errors.boundaries_s):.2f}",
        "boundaries within 0.5 s": f"{np.mean(np.array(errors.boundaries_s) <= 0.5):.3f}",
    }
    if not sounds_between:
        del cells["false alarm"]  # no time is without emotion
    return cells


def interval(errors: list[ErrorDurations]) -> tuple[float, float]:
    """95 % interval of the error rate, resampling speakers."""
    random = np.random.default_rng(SEED)
    drawn = random.integers(len(errors), size=(RESAMPLES, len(errors)))
    rates = [reduce(add, [errors[index] for index in indices]).rate for indices in drawn]
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--between", type=float, default=0.0, help="seconds of a sound between utterances")
    options = parser.parse_args()
    torch.set_num_threads(1)
    errors: dict[str, Errors] = {}
    try:
        for fold in finished_folds(options.run):
            measure_fold(fold, options.root, options.part, options.between, errors)
    except EmotraceError as error:
        raise SystemExit(f"timeline: {error}") from None
    rows = [row(name, found, bool(options.between)) for name, found in errors.items()]
    print(write_table(options.output, rows), end="")


if __name__ == "__main__":
    main()
