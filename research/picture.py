"""Draw docs/trace.png: a recording whose emotion changes, by a speaker that the model does not know.

    python research/picture.py emovo "$EMOTRACE_DATA/emovo" f1
    python research/picture.py emodb "$EMOTRACE_DATA/emodb" 03 runs/emodb/seed-1/fold-00

The recording joins utterances of one speaker, some seconds in each emotion. The model is the one that ships;
a fourth argument names a model folder or a fold of a cross-validation. A speaker who trained it is refused.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from emotrace.annotations.formats import plot as png
from emotrace.annotations.formats import text
from emotrace.audio.reading import Audio
from emotrace.corpora import open_corpus
from emotrace.corpora.utterance_audio import read_utterance
from emotrace.evaluation.diarization_error import error_durations
from emotrace.export.run_export import export_run
from emotrace.inference.recogniser import Recogniser, load
from emotrace.system.files import write_bytes
from emotrace.timeline import Span, Timeline
from emotrace.training.run_folder import RUN_FILE, read_run

EMOTIONS = ("neutral", "happiness", "anger", "sadness")
SECONDS = 4.0  # of each emotion, at least


def load_model(model: str | None) -> Recogniser:
    """The model that ships, a model folder, or the model of a fold."""
    if model is None or not (Path(model) / RUN_FILE).exists():
        return load(model)
    with tempfile.TemporaryDirectory() as folder:
        export_run(Path(model), Path(folder))
        return load(folder)


def knows(recogniser: Recogniser, model: str | None, corpus: str, speaker: str) -> bool:
    """Whether the speaker trained or validated the model."""
    if model is not None and (Path(model) / RUN_FILE).exists():
        return speaker not in read_run(Path(model))[0].test
    speakers = recogniser.config.training_speakers
    trained_on = recogniser.config.corpus.split(", ")
    return speaker in speakers.get(corpus, ()) or (corpus in trained_on and corpus not in speakers)


def join(corpus: str, root: str, speaker: str, emotions: list[str]) -> tuple[Audio, Timeline]:
    """Utterances of a speaker, one emotion after the other, and the true timeline."""
    utterances = [u for u in open_corpus(corpus, root).utterances if u.speaker == speaker]
    if not utterances:
        raise SystemExit(f"{corpus} has no speaker {speaker}")
    pieces, spans, end_s = [], [], 0.0
    for emotion in emotions:
        start_s = end_s
        for utterance in (u for u in utterances if u.emotion == emotion):
            audio = read_utterance(utterance)
            pieces.append(audio.samples)
            end_s += len(audio.samples) / audio.sample_rate_hz
            if end_s - start_s >= SECONDS:
                break
        if end_s > start_s:
            spans.append(Span(start_s, end_s, emotion, 1.0))
    name = f"joined utterances of one speaker, {speaker} of {corpus}"
    return replace(audio, samples=np.concatenate(pieces), name=name), Timeline(tuple(spans))


def main(corpus: str, root: str, speaker: str, model: str | None = None) -> None:
    """Trace the recording and write the picture."""
    recogniser = load_model(model)
    if knows(recogniser, model, corpus, speaker):
        raise SystemExit(f"{speaker} of {corpus} trained the model; choose another speaker or model")
    emotions = [emotion for emotion in EMOTIONS if emotion in recogniser.labels]
    audio, truth = join(corpus, root, speaker, emotions)
    frame_scores = recogniser.frame_scores(audio)
    result = recogniser.result_from_frame_scores(frame_scores, audio)
    posteriors, times_s = frame_scores.log_posteriors, frame_scores.times_s
    picture = png.timeline_png(audio, result, recogniser.labels, posteriors, times_s, truth=truth)
    write_bytes(Path(__file__).parents[1] / "docs" / "trace.png", picture)
    print(text.format_timeline(result))
    print(f"EDER {error_durations(truth, result.timeline, result.duration_s).rate:.3f}")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit("usage: python research/picture.py CORPUS ROOT SPEAKER [MODEL]")
    main(*sys.argv[1:])
