"""Scores of a recording, computed window by window: label scores of the whole, and posteriors of the frames.

The network is not run on windows of digital silence: they have no label scores, and blank is certain there.
"""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from emotrace.audio.quality import Samples, is_silent
from emotrace.audio.windowing import SampleBuffer, Window, WindowCutter
from emotrace.decoding.ctc import Floats, Frames, class_scores, log_scores, no_emotion_probability
from emotrace.inference.averaging import OverlapAverage, ScoreAverage
from emotrace.inference.onnx_session import OnnxSession

CLIPS_AT_ONCE = 8


class Scorer(Protocol):
    """Samples at the model's rate → frames, each of which is returned once, when it is final."""

    first_s: float
    step_s: float

    @property
    def scores(self) -> Floats | None:
        """Probabilities of the K emotions, averaged over the windows so far; None if all were silent."""

    @property
    def rejected(self) -> bool:
        """Whether there were windows that are not silent, and all of them are rejected."""

    def push(self, samples: Samples) -> Iterator[Frames]:
        """Process samples and yield the frames that become final."""

    def flush(self) -> Iterator[Frames]:
        """Yield the remaining frames."""


def make_scorer(session: OnnxSession) -> Scorer:
    """The scorer that fits the network's output."""
    return FrameScorer(session) if session.config.output == "log_posteriors" else ClipScorer(session)


class FrameScorer:
    """Scorer for CTC systems: frame outputs are averaged where windows overlap.

    A frame is final when no later window contains it. If the model was trained with non-speech, the label
    scores of a window are weighted by its probability of an emotion, and the frames of a rejected window
    become blank; the latter not if the model has functionals, which score "no emotion" for each frame.
    """

    def __init__(self, session: OnnxSession) -> None:
        config = session.config
        assert config.frame_first_s is not None and config.frame_step_s is not None  # noqa: PT018
        self.first_s, self.step_s = config.frame_first_s, config.frame_step_s
        self._session = session
        self._hop_steps = round(config.hop_samples / config.sampling_rate / config.frame_step_s)
        self._windows = _window_cutter(session)
        self._average = ScoreAverage()
        self._lowest_no_emotion = 1.0  # the lowest probability of "no emotion" of all windows
        self._overlap = OverlapAverage(2 * len(config.labels) + 2)  # posteriors, then step scores

    @property
    def scores(self) -> Floats | None:
        return self._average.scores

    @property
    def rejected(self) -> bool:
        threshold = self._session.config.calibration.rejection_threshold
        return threshold is not None and self.scores is not None and self._lowest_no_emotion > threshold

    def push(self, samples: Samples) -> Iterator[Frames]:
        for window in self._windows.push(samples):
            first = self._add(window)
            yield self._final_frames(first + self._hop_steps)

    def flush(self) -> Iterator[Frames]:
        for window in self._windows.flush():
            self._add(window)
        yield self._final_frames()

    def _final_frames(self, stop: int | None = None) -> Frames:
        rows = self._overlap.pop(stop)
        classes = len(self._session.config.labels) + 1
        return Frames(rows[:, :classes], rows[:, classes:])

    def _add(self, window: Window) -> int:
        """Score a window and return the index of its first frame."""
        config = self._session.config
        first = round(window.start / config.sampling_rate / self.step_s)
        if is_silent(window.samples):
            seconds = len(window.samples) / config.sampling_rate - 2 * self.first_s
            self._overlap.add(first, self._blank_rows(1 + max(0, int(seconds / self.step_s + 1e-6))))
            return first
        outputs = self._session.run_window(window.samples)
        logs = log_scores(outputs.log_posteriors, None, config.decoding) + outputs.label_scores[:-1]
        rows = np.concatenate([np.exp(outputs.log_posteriors), outputs.step_scores], axis=1)
        weight, threshold = float(len(window.samples)), config.calibration.rejection_threshold
        if threshold is not None:
            log_odds = float(outputs.label_scores[-1])
            no_emotion = no_emotion_probability(outputs.log_posteriors, log_odds)
            if log_odds > 0:  # the functionals find no speech: network outputs for held chords are as sure
                no_emotion = max(no_emotion, 1 / (1 + math.exp(-log_odds)))
            self._lowest_no_emotion = min(self._lowest_no_emotion, no_emotion)
            weight *= max(1 - no_emotion, 1e-9)
            if no_emotion > threshold and not config.functionals:
                rows = self._blank_rows(len(rows))
        self._average.add(class_scores(logs, config.calibration.temperature), weight)
        self._overlap.add(first, rows)
        return first

    def _blank_rows(self, frames: int) -> Floats:
        """Rows of frames that certainly have no emotion."""
        emotions = len(self._session.config.labels)
        rows = np.zeros((frames, 2 * emotions + 2))
        rows[:, emotions] = 1.0
        return rows


class ClipScorer:
    """Scorer for classifiers: label scores come from windows, the timeline from many short clips."""

    rejected = False  # classifiers cannot reject

    def __init__(self, session: OnnxSession) -> None:
        config = session.config
        self._session = session
        self._windows = _window_cutter(session)
        self._average = ScoreAverage()
        self._buffer = SampleBuffer()
        self.step_s = config.decoder.clip_hop_s
        self._length = max(round(config.decoder.clip_s * config.sampling_rate), config.minimum_samples)
        self._hop = round(config.decoder.clip_hop_s * config.sampling_rate)
        self._next = 0
        self.first_s = self._length / config.sampling_rate / 2

    @property
    def scores(self) -> Floats | None:
        return self._average.scores

    def push(self, samples: Samples) -> Iterator[Frames]:
        self._add_windows(self._windows.push(samples))
        self._buffer.append(samples)
        batch_length = self._length + (CLIPS_AT_ONCE - 1) * self._hop
        while self._buffer.stop >= self._next + batch_length:
            yield self._score_clips(CLIPS_AT_ONCE)

    def flush(self) -> Iterator[Frames]:
        self._add_windows(self._windows.flush())
        if not self._next and self._buffer.stop < self._length:
            self._length = self._buffer.stop
            self.first_s = self._length / self._session.config.sampling_rate / 2
        if self._buffer.stop >= self._next + self._length:
            yield self._score_clips(1 + (self._buffer.stop - self._next - self._length) // self._hop)

    def _score_clips(self, count: int) -> Frames:
        """Posteriors of the next clips; blank is certain in silent ones and impossible in the others."""
        samples = self._buffer.between(self._next, self._next + self._length + (count - 1) * self._hop)
        clips = np.lib.stride_tricks.sliding_window_view(samples, self._length)[:: self._hop]
        self._next += count * self._hop
        self._buffer.discard_before(self._next)
        posteriors = np.zeros((count, len(self._session.config.labels) + 1))
        audible = np.array([not is_silent(clip) for clip in clips])
        posteriors[~audible, -1] = 1.0
        if audible.any():
            posteriors[audible, :-1] = self._class_scores(clips[audible])
        return Frames.from_posteriors(posteriors)

    def _add_windows(self, windows: Iterator[Window]) -> None:
        for window in windows:
            if not is_silent(window.samples):
                self._average.add(self._class_scores(window.samples[None])[0], len(window.samples))

    def _class_scores(self, clips: Samples) -> Floats:
        """Calibrated scores of clips of one length, (clip, sample) → (clip, K)."""
        return class_scores(self._session.run_clips(clips), self._session.config.calibration.temperature)


def _window_cutter(session: OnnxSession) -> WindowCutter:
    config = session.config
    return WindowCutter(config.max_frames, config.hop_frames, config.frame_samples, config.frame_hop_samples)
