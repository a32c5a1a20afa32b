"""The demonstration on the built-in synthetic corpus: training, evaluation, a timeline and its picture."""

from __future__ import annotations

from pathlib import Path

import emotrace
from emotrace.annotations.formats import plot as png
from emotrace.annotations.formats import text
from emotrace.audio.reading import read_audio
from emotrace.corpora import open_corpus
from emotrace.corpora.loaders.synthetic import multi_emotion_clip
from emotrace.evaluation.metrics import score_predictions
from emotrace.export.run_export import export_run
from emotrace.inference.recogniser import load
from emotrace.recipes import load_recipe
from emotrace.system.files import write_bytes
from emotrace.training.experiment import Experiment
from emotrace.training.progress import Epoch, ProgressCallback
from emotrace.training.run_folder import create_or_resume
from emotrace.training.split import SpeakerSplit, train_split

SYSTEM = "pcnse-sadrn-ctc"


def run_demo(output: Path, progress: ProgressCallback) -> str:
    """Train on synthetic speech, test on other speakers, and trace a recording in which the emotion changes.

    It writes a model and `trace.png` to `output`, and returns a summary.


    Raises:
        RunError: `output` holds something else.
    """
    corpus = open_corpus("synthetic")
    experiment = Experiment(corpus, SYSTEM, load_recipe(["demo"]), str(emotrace.__version__))
    fold = corpus.folds()[0]
    folder = output / "run"
    create_or_resume(folder, experiment.fingerprint(seed=1))
    predictions = train_split(
        experiment,
        SpeakerSplit(fold.train, fold.validation, fold.test),
        fold=0,
        seed=1,
        folder=folder,
        progress=progress,
    )
    progress(Epoch(text="exporting the model"))
    export_run(folder, output / "model")
    recogniser = load(output / "model")
    example = multi_emotion_clip()
    audio = read_audio((example.samples, example.sample_rate_hz))
    frame_scores = recogniser.frame_scores(audio)
    result = recogniser.result_from_frame_scores(frame_scores, audio)
    picture = output / "trace.png"
    write_bytes(
        picture,
        png.timeline_png(
            audio,
            result,
            recogniser.labels,
            frame_scores.log_posteriors,
            frame_scores.times_s,
            truth=example.truth,
        ),
    )
    truth = ", ".join(f"{span.emotion} {span.start:.2f}-{span.end:.2f} s" for span in example.truth)
    return (
        "On synthetic speech of other speakers than in training (not a measure for real speech):\n"
        f"{score_predictions(predictions).as_text()}\n\n"
        f"A synthetic recording in which the emotion changes: {truth}\n{text.format_timeline(result)}\n"
        f"model    {output / 'model'}\npicture  {picture}\n"
    )
