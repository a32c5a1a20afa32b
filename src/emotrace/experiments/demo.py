"""The demonstration: the shipped model on a recording, then training, evaluation and a timeline of our own.

It runs the functions behind `emotrace trace`, `train` and `evaluate`, on the built-in synthetic corpus.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from emotrace.annotations.formats import plot as png
from emotrace.annotations.formats import text
from emotrace.audio.reading import Audio, read_audio
from emotrace.corpora import open_corpus
from emotrace.corpora.loaders.synthetic import SPEAKERS, multi_emotion_clip, utterances
from emotrace.evaluation.confusion import confusion_text
from emotrace.evaluation.diarization_error import error_durations
from emotrace.evaluation.metrics import Metrics
from emotrace.evaluation.model_evaluation import evaluate
from emotrace.experiments.cost import one_thread
from emotrace.experiments.train import train
from emotrace.inference.recogniser import Recogniser, load
from emotrace.inference.result import Result
from emotrace.recipes import load_recipe
from emotrace.system.files import write_bytes
from emotrace.timeline import Timeline
from emotrace.training.progress import Epoch, ProgressCallback

RECIPE = "demo"
# For the synthetic clip: it finds the changes of a voice that is not human, and the default model does not.
CLIP_MODEL = "emotrace-emodb-1"
TEST_SPEAKERS = 8  # new ones, who are not part of the synthetic corpus
UTTERANCES = 2  # of each of them in each emotion


@dataclass(frozen=True)
class Demonstration:
    """What the trained model reached.

    Attributes:
        metrics: measured on new speakers
        result: the timeline of a clip of another new speaker, whose emotion changes
        truth: the true timeline of the clip
        model_folder: the trained model
        picture: the picture of the clip and both timelines
    """

    metrics: Metrics
    result: Result
    truth: Timeline
    model_folder: Path
    picture: Path

    @property
    def eder(self) -> float:
        """Emotion diarization error rate of the timeline."""
        return error_durations(self.truth, self.result.timeline, self.result.duration_s).rate

    def as_text(self) -> str:
        """The report, whose last line says what to try next."""
        metrics = self.metrics
        truth = replace(self.result, timeline=self.truth)
        return "\n".join(
            [
                f"Test on {metrics.n} utterances of {metrics.speakers} synthetic speakers who took no part "
                "in training",
                f"  UA (mean recall of the emotions)  {metrics.ua:.3f}",
                "",
                confusion_text(metrics.labels, metrics.confusion),
                "",
                "Timeline of a clip of another new speaker, whose emotion changes",
                "  truth",
                _spans(truth),
                "  recognised",
                _spans(self.result),
                f"  EDER (share of the time with a wrong emotion)  {self.eder:.3f}",
                "",
                "These figures are for synthetic speech. Real speech is harder: see README.md.",
                f"model    {self.model_folder}",
                f"picture  {self.picture}",
                "Next: emotrace trace RECORDING.wav traces a recording of yours; docs/tutorial.md trains on "
                "your corpus.",
            ]
        )


def trace_with_shipped_model(audio: Path | None, picture: Path) -> str:
    """Trace a recording with the model that ships with emotrace, and draw it.

    Args:
        audio: the recording; None stands for a synthetic clip
        picture: the PNG to write

    Returns:
        a report

    Raises:
        AudioError: the recording cannot be used
    """
    recogniser = load(CLIP_MODEL if audio is None else None)
    if audio is None:
        clip = multi_emotion_clip()
        recording = replace(read_audio((clip.samples, clip.sample_rate_hz)), name="synthetic clip")
        remark = (
            "This clip has no human voice, so the labels mean little. Try a recording: make demo AUDIO=my.wav"
        )
    else:
        recording = read_audio(audio)
        remark = "emotrace info shows what this model was trained on, and how accurate it is."
    result = trace_and_draw(recogniser, recording, picture)
    warnings = [f"warning: {warning}" for warning in result.warnings]
    return "\n".join(
        [
            f"The shipped model, {result.model}",
            text.format_timeline(result).rstrip("\n"),
            *warnings,
            remark,
            f"picture  {picture}",
        ]
    )


def train_and_trace(output: Path, progress: ProgressCallback) -> Demonstration:
    """Train on synthetic speech, test on new speakers, and trace a clip in which the emotion changes.

    Args:
        output: receives the run with the model, and `trace.png`
        progress: called after every epoch, with the epochs of both stages counted as one training

    Raises:
        RunError: `output` holds something else
    """
    with one_thread():  # more bring nothing to so small a network, and its weights depend on their number
        trained = train("synthetic", output=output / "run", recipe=[RECIPE], progress=_as_one_stage(progress))
    progress(Epoch(text="testing the exported model on new speakers"))
    recogniser = load(trained.model_folder)
    new = utterances(first_speaker=SPEAKERS + 1, speakers=TEST_SPEAKERS, each=UTTERANCES)
    test = replace(open_corpus("synthetic"), utterances=tuple(new))
    clip = multi_emotion_clip()
    audio = replace(read_audio((clip.samples, clip.sample_rate_hz)), name="synthetic clip")
    return Demonstration(
        evaluate(recogniser, test).metrics,
        trace_and_draw(recogniser, audio, output / "trace.png", clip.truth),
        clip.truth,
        trained.model_folder,
        output / "trace.png",
    )


def trace_and_draw(
    recogniser: Recogniser, audio: Audio, picture: Path, truth: Timeline | None = None
) -> Result:
    """Trace a recording, and draw it with its scores over time."""
    frame_scores = recogniser.frame_scores(audio)
    result = recogniser.result_from_frame_scores(frame_scores, audio)
    posteriors, times_s = frame_scores.log_posteriors, frame_scores.times_s
    write_bytes(picture, png.timeline_png(audio, result, recogniser.labels, posteriors, times_s, truth=truth))
    return result


def _as_one_stage(progress: ProgressCallback) -> Callable[[Epoch], None]:
    """Count the epochs of both stages as one training, so that one bar shows the time left."""
    recipe = load_recipe([RECIPE])
    first, second = recipe.stage1.epochs, recipe.stage2.epochs

    def report(epoch: Epoch) -> None:
        before = first if epoch.stage == "back" else 0
        progress(replace(epoch, run="training", stage="", number=before + epoch.number, of=first + second))

    return report


def _spans(result: Result) -> str:
    return "\n".join(text.format_timeline(result).splitlines()[1:])
