"""What the network says of a recording as it comes: scores of windows, and posteriors over time.

Windows of digital silence are not asked about: they say nothing, and blank is certain in them.
"""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from emotrace.audio.quality import Samples, is_silent
from emotrace.audio.windowing import SampleBuffer, Window, WindowCutter
from emotrace.decoding.ctc import Floats, Frames, class_scores, log_scores, no_emotion_probability
from emotrace.inference.averaging import OverlapAverage, ScoreAverage
from emotrace.inference.onnx_session import OnnxSession

# How a classifier, which names one emotion a clip, traces: by many short clips.
CLIP_S = 1.0
CLIP_HOP_S = 0.25
CLIPS_AT_ONCE = 8


class Scorer(Protocol):
    """Samples at the model's rate → frames, each given once it is final."""

    first_s: float
    step_s: float

    @property
    def scores(self) -> Floats | None:
        """Probabilities of the K emotions in the windows so far, None if all were silent."""

    @property
    def rejected(self) -> bool:
        """Whether there were windows, none of which holds an emotion."""

    def push(self, samples: Samples) -> Iterator[Frames]:
        """Frames that become final by these samples."""

    def flush(self) -> Iterator[Frames]:
        """Those that become final since nothing follows."""


def make_scorer(session: OnnxSession) -> Scorer:
    """The way to the evidence that fits the network's output."""
    return FrameScorer(session) if session.config.output == "log_posteriors" else ClipScorer(session)


class FrameScorer:
    """CTC systems: windows heard one by one, what they say of a frame averaged where they overlap.

    A frame is final when no later window holds it. Where the model was taught what holds no emotion, a window
    counts as far as it holds one. Where it likely holds none it says nothing of the timeline, unless
    functionals say at each step whether anybody speaks.
    """

    def __init__(self, session: OnnxSession) -> None:
        config = session.config
        assert config.frame_first_s is not None and config.frame_step_s is not None  # noqa: PT018
        self.first_s, self.step_s = config.frame_first_s, config.frame_step_s
        self._session = session
        self._hop_frames = round(config.hop_samples / config.sampling_rate / config.frame_step_s)
        self._windows = _cutter(session)
        self._average = ScoreAverage()
        self._least_nothing = 1.0  # the least probability, of all windows, of there being no emotion
        self._stitch = OverlapAverage(2 * len(config.labels) + 2)  # posteriors, and what functionals say

    @property
    def scores(self) -> Floats | None:
        return self._average.scores

    @property
    def rejected(self) -> bool:
        most = self._session.config.calibration.rejection_threshold
        return most is not None and self.scores is not None and self._least_nothing > most

    def push(self, samples: Samples) -> Iterator[Frames]:
        for window in self._windows.push(samples):
            first = self._add(window)
            yield self._settled(first + self._hop_frames)

    def flush(self) -> Iterator[Frames]:
        for window in self._windows.flush():
            self._add(window)
        yield self._settled()

    def _settled(self, before: int | None = None) -> Frames:
        rows = self._stitch.pop(before)
        classes = len(self._session.config.labels) + 1
        return Frames(rows[:, :classes], rows[:, classes:])

    def _add(self, window: Window) -> int:
        """Take in a window; say at which frame it starts."""
        config = self._session.config
        first = round(window.start / config.sampling_rate / self.step_s)
        if is_silent(window.samples):
            seconds = len(window.samples) / config.sampling_rate - 2 * self.first_s
            self._stitch.add(first, self._nothing(1 + max(0, int(seconds / self.step_s + 1e-6))))
            return first
        log_posteriors, label_scores, step_scores = self._session.run_window(window.samples)
        logs = log_scores(log_posteriors, None, config.decoding) + label_scores[:-1]
        rows = np.concatenate([np.exp(log_posteriors), step_scores], axis=1)
        weight, most = float(len(window.samples)), config.calibration.rejection_threshold
        if most is not None:
            nothing = no_emotion_probability(log_posteriors, float(label_scores[-1]))
            self._least_nothing = min(self._least_nothing, nothing)
            weight *= max(1 - nothing, 1e-9)
            if nothing > most and not config.functionals:
                rows = self._nothing(len(rows))
        self._average.add(class_scores(logs, config.calibration.temperature), weight)
        self._stitch.add(first, rows)
        return first

    def _nothing(self, frames: int) -> Floats:
        """What is said of so many frames that certainly hold no emotion."""
        emotions = len(self._session.config.labels)
        rows = np.zeros((frames, 2 * emotions + 2))
        rows[:, emotions] = 1.0
        return rows


class ClipScorer:
    """Classifiers: windows scored as they are, and short clips all along for the timeline."""

    step_s = CLIP_HOP_S
    rejected = False  # a classifier always names one

    def __init__(self, session: OnnxSession) -> None:
        config = session.config
        self._session = session
        self._windows = _cutter(session)
        self._average = ScoreAverage()
        self._buffer = SampleBuffer()
        self._length = max(round(CLIP_S * config.sampling_rate), config.minimum_samples)
        self._hop = round(CLIP_HOP_S * config.sampling_rate)
        self._next = 0
        self.first_s = self._length / config.sampling_rate / 2

    @property
    def scores(self) -> Floats | None:
        return self._average.scores

    def push(self, samples: Samples) -> Iterator[Frames]:
        self._add(self._windows.push(samples))
        self._buffer.append(samples)
        whole_batch = self._length + (CLIPS_AT_ONCE - 1) * self._hop
        while self._buffer.stop >= self._next + whole_batch:
            yield self._clips(CLIPS_AT_ONCE)

    def flush(self) -> Iterator[Frames]:
        self._add(self._windows.flush())
        if not self._next and self._buffer.stop < self._length:
            self._length = self._buffer.stop
            self.first_s = self._length / self._session.config.sampling_rate / 2
        if self._buffer.stop >= self._next + self._length:
            yield self._clips(1 + (self._buffer.stop - self._next - self._length) // self._hop)

    def _clips(self, count: int) -> Frames:
        """Posteriors of the next clips; blank is certain in silent ones and impossible in the others."""
        stretch = self._buffer.between(self._next, self._next + self._length + (count - 1) * self._hop)
        clips = np.lib.stride_tricks.sliding_window_view(stretch, self._length)[:: self._hop]
        self._next += count * self._hop
        self._buffer.discard_before(self._next)
        posteriors = np.zeros((count, len(self._session.config.labels) + 1))
        audible = np.array([not is_silent(clip) for clip in clips])
        posteriors[~audible, -1] = 1.0
        if audible.any():
            posteriors[audible, :-1] = self._scores_of(clips[audible])
        return Frames.of(posteriors)

    def _add(self, windows: Iterator[Window]) -> None:
        for window in windows:
            if not is_silent(window.samples):
                self._average.add(self._scores_of(window.samples[None])[0], len(window.samples))

    def _scores_of(self, clips: Samples) -> Floats:
        """Calibrated scores of clips of one length, (clip, sample) → (clip, K)."""
        return class_scores(self._session.run_clips(clips), self._session.config.calibration.temperature)


def _cutter(session: OnnxSession) -> WindowCutter:
    config = session.config
    return WindowCutter(config.max_frames, config.hop_frames, config.frame_samples, config.frame_hop_samples)
