"""The runtime: audio → network (ONNX Runtime) → label, scores and timeline. It knows no torch."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotrace.audio import Audio, Source, read_audio
from emotrace.audio_checks import Samples
from emotrace.decoding import Floats, average_scores, class_scores, log_scores, trace
from emotrace.errors import ModelError
from emotrace.model_folder import ModelConfig, load_model_folder
from emotrace.result import Result
from emotrace.timeline import Timeline
from emotrace.windows import window_samples

# How a classifier, which names one emotion a clip, traces: by many short clips.
CLIP_S = 1.0
CLIP_HOP_S = 0.25
_CLIPS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the network says of one recording, before anything is decided.

    Attributes:
        scores: probabilities of the K emotions over the whole recording, shape (K,)
        log_posteriors: natural logarithms, shape (frame, K + 1), blank last (-inf where the model has none)
        first_s: centre of the first frame
        step_s: from one frame's centre to the next's
    """

    scores: Floats
    log_posteriors: Floats
    first_s: float
    step_s: float

    @property
    def times_s(self) -> Floats:
        """Centre of each frame."""
        return self.first_s + self.step_s * np.arange(len(self.log_posteriors), dtype=np.float64)


class Recogniser:
    """A model ready to be called on audio.

    Args:
        folder: a model folder
        threads: how many threads one call uses; None: as many as there are processors for this process

    Raises:
        ModelError: if the folder is incomplete, damaged or altered

    A recogniser may be called from several threads at once.
    """

    def __init__(self, folder: str | os.PathLike[str], threads: int | None = None) -> None:
        self.folder = load_model_folder(folder)
        self._session = self.folder.session(threads or _processors())

    @property
    def config(self) -> ModelConfig:
        """What the model is, what it was trained on and how it measured."""
        return self.folder.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions it knows."""
        return self.config.labels

    def __call__(self, source: Source) -> Result:
        """Recognise a path, the bytes of a file, a binary file object or `(samples, sample_rate_hz)`.

        Raises:
            AudioError: if there is no audio to be had from it, or too little
        """
        return self.from_audio(self.read(source))

    def read(self, source: Source) -> Audio:
        """The audio as this model takes it."""
        rate_hz = self.config.sampling_rate
        return read_audio(source, rate_hz, minimum_s=self.config.minimum_samples / rate_hz)

    def from_audio(self, audio: Audio) -> Result:
        """Recognise audio at the model's rate; digital silence has no label."""
        if audio.silent:
            return Result(
                None, None, None, Timeline(), audio.duration_s, audio.name, audio.warnings, self.config.name
            )
        return self.from_evidence(self.evidence(audio), audio)

    def evidence(self, audio: Audio) -> Evidence:
        """Scores of the recording and posteriors over time, window by window.

        Raises:
            ModelError: if the network gives what no model of its kind may give
        """
        if self.config.output == "log_posteriors":
            return self._evidence_of_frames(audio.samples)
        return self._evidence_of_clips(audio.samples)

    def from_evidence(self, evidence: Evidence, audio: Audio) -> Result:
        """Decide: the likeliest emotion, and the timeline."""
        label = int(evidence.scores.argmax())
        timeline = trace(
            evidence.log_posteriors,
            self.labels,
            label,
            first_s=evidence.first_s,
            step_s=evidence.step_s,
            duration_s=audio.duration_s,
        )
        warnings = audio.warnings
        if self.config.output == "log_scores":
            warnings += (
                f"timeline of windows of {CLIP_S:g} s every {CLIP_HOP_S:g} s: this model names one "
                "emotion a clip",
            )
        return Result(
            label=self.labels[label],
            score=float(evidence.scores[label]),
            scores=dict(zip(self.labels, evidence.scores.tolist(), strict=True)),
            timeline=timeline,
            duration_s=audio.duration_s,
            file=audio.name,
            warnings=warnings,
            model=self.config.name,
        )

    def _evidence_of_frames(self, samples: Samples) -> Evidence:
        """CTC systems: windows scored one by one, their posteriors averaged where they overlap."""
        config = self.config
        assert config.frame_first_s is not None and config.frame_step_s is not None  # noqa: PT018
        scores, durations, posteriors = [], [], []
        for start, stop in self._windows(samples):
            log_posteriors = self._posteriors_of(samples[start:stop])
            logs = log_scores(log_posteriors, None, config.decoding)
            scores.append(class_scores(logs, config.calibration.temperature))
            durations.append(stop - start)
            first_frame = round(start / config.sampling_rate / config.frame_step_s)
            posteriors.append((first_frame, np.exp(log_posteriors)))
        with np.errstate(divide="ignore"):
            stitched = np.log(_averaged_where_they_overlap(posteriors))
        return Evidence(
            average_scores(scores, durations), stitched, config.frame_first_s, config.frame_step_s
        )

    def _evidence_of_clips(self, samples: Samples) -> Evidence:
        """Classifiers: windows scored as they are, and short clips all along for the timeline."""
        windows = self._windows(samples)
        scores = np.concatenate([self._scores_of(samples[None, start:stop]) for start, stop in windows])
        rate_hz = self.config.sampling_rate
        length = min(len(samples), max(round(CLIP_S * rate_hz), self.config.minimum_samples))
        clips = np.lib.stride_tricks.sliding_window_view(samples, length)[:: round(CLIP_HOP_S * rate_hz)]
        over_time = np.concatenate([self._scores_of(batch) for batch in _batches(clips)])
        never_blank = np.full((len(over_time), 1), -np.inf)
        with np.errstate(divide="ignore"):
            log_posteriors = np.concatenate([np.log(over_time), never_blank], axis=1)
        return Evidence(
            scores=average_scores(scores, [stop - start for start, stop in windows]),
            log_posteriors=log_posteriors,
            first_s=length / rate_hz / 2,
            step_s=CLIP_HOP_S,
        )

    def _windows(self, samples: Samples) -> list[tuple[int, int]]:
        config = self.config
        return window_samples(
            len(samples),
            config.longest_frames,
            config.hop_frames,
            config.frame_samples,
            config.frame_hop_samples,
        )

    def _posteriors_of(self, samples: Samples) -> Floats:
        """Log-posteriors of one window, shape (frame, K + 1)."""
        log_posteriors, lengths = self._run(samples[None], ["log_posteriors", "frame_lengths"])
        return self._sound(log_posteriors[0, : int(lengths[0])], classes=len(self.labels) + 1)

    def _scores_of(self, clips: Samples) -> Floats:
        """Calibrated scores of clips of one length, (clip, sample) → (clip, K)."""
        (log_scores,) = self._run(clips, ["log_scores"])
        return class_scores(self._sound(log_scores, len(self.labels)), self.config.calibration.temperature)

    def _run(self, waveform: Samples, outputs: list[str]) -> list[npt.NDArray[np.generic]]:
        lengths = np.full(len(waveform), waveform.shape[1], dtype=np.int64)
        feed = {"waveform": np.ascontiguousarray(waveform, dtype=np.float32), "lengths": lengths}
        try:
            found: list[npt.NDArray[np.generic]] = self._session.run(outputs, feed)
        except Exception as error:  # noqa: BLE001 - ONNX Runtime raises many kinds, without a common base
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{self.folder.path}: the network failed ({reason}); export the model again"
            ) from None
        return found

    def _sound(self, output: npt.NDArray[np.generic], classes: int) -> Floats:
        logs = np.asarray(output, dtype=np.float64)
        if logs.ndim != 2 or not len(logs) or logs.shape[1] != classes or not (logs < np.inf).all():
            kind = "numbers that are not finite" if logs.size else "nothing"
            raise ModelError(
                f"{self.folder.path}: the network gave {kind}, of shape {logs.shape}, "
                f"expected {classes} logarithms a row; export the model again"
            )
        return logs


def load(folder: str | os.PathLike[str] | None = None, threads: int | None = None) -> Recogniser:
    """A recogniser from a model folder.

    Raises:
        ModelError: if the folder is incomplete, damaged or altered, or none is given
    """
    if folder is None:
        raise ModelError(
            "found no model: none ships with emotrace yet; name a model folder (--model DIR), or train "
            "one with `emotrace train`"
        )
    return Recogniser(folder, threads)


def _averaged_where_they_overlap(windows: list[tuple[int, Floats]]) -> Floats:
    """One matrix (frame, class) from those of windows, each with the frame at which it starts."""
    frames = max(first + len(posteriors) for first, posteriors in windows)
    total, count = np.zeros((frames, windows[0][1].shape[1])), np.zeros((frames, 1))
    for first, posteriors in windows:
        total[first : first + len(posteriors)] += posteriors
        count[first : first + len(posteriors)] += 1
    if not count.all():
        raise ModelError(
            "the network gives too few frames a window to cover the recording; export the model again"
        )
    return total / count


def _processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _batches(clips: Samples) -> Iterator[Samples]:
    for start in range(0, len(clips), _CLIPS_AT_ONCE):
        yield clips[start : start + _CLIPS_AT_ONCE]
