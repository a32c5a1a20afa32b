"""Scores of a recording, computed window by window: label scores of the whole, and posteriors of the frames.

The network is not run on silence: it has no label scores, and blank is certain there.
"""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from emotrace.audio.activity import BLOCK_S
from emotrace.audio.quality import Samples, is_silent
from emotrace.audio.windowing import SampleBuffer, Window, WindowCutter
from emotrace.decoding.ctc import Floats, Frames, class_scores, log_scores, no_emotion_probability
from emotrace.inference.averaging import OverlapAverage, ScoreAverage
from emotrace.inference.model_config import ModelConfig
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

    A frame is final when no later window contains it. A frame that is in no window, since it is silent, is
    blank; at the end of a window, where the network has no frames, its last one is repeated. If the model was
    trained with non-speech, the label scores of a window are weighted by its probability of an emotion, and
    the frames of a rejected window become blank; the latter not if the model has functionals, which score
    "no emotion" for each frame.
    """

    def __init__(self, session: OnnxSession) -> None:
        config = session.config
        assert config.frame_first_s is not None and config.frame_step_s is not None  # noqa: PT018
        self.first_s, self.step_s = config.frame_first_s, config.frame_step_s
        self._session = session
        self._windows = window_cutter(config)
        self._average = ScoreAverage(config.decoder.label_range_db)
        self._overlap = OverlapAverage(2 * len(config.labels) + 2)  # posteriors, then step scores
        self._last_row: Floats | None = None  # of the last window, until it was repeated
        self._samples = 0

    @property
    def scores(self) -> Floats | None:
        return self._average.scores

    @property
    def rejected(self) -> bool:
        threshold = self._session.config.calibration.rejection_threshold
        return (
            threshold is not None and self.scores is not None and self._average.lowest_no_emotion > threshold
        )

    def push(self, samples: Samples) -> Iterator[Frames]:
        self._samples += len(samples)
        for window in self._windows.push(samples):
            self._add(window)
            stop = self._step(window.next_start)
            self._fill(stop)
            yield self._final_frames(stop)

    def flush(self) -> Iterator[Frames]:
        frames = self._frames_in(self._samples)
        for window in self._windows.flush():
            self._add(window)
            if not len(window.samples):
                self._fill(min(self._step(window.next_start), frames))
        yield self._final_frames()

    def _final_frames(self, stop: int | None = None) -> Frames:
        rows = self._overlap.pop(stop)
        classes = len(self._session.config.labels) + 1
        return Frames(rows[:, :classes], rows[:, classes:])

    def _step(self, sample: int) -> int:
        """The index of the first frame of a window that starts at a sample."""
        return round(sample / self._session.config.sampling_rate / self.step_s)

    def _frames_in(self, samples: int) -> int:
        """The number of frames of so many samples, at least one."""
        seconds = samples / self._session.config.sampling_rate - 2 * self.first_s
        return 1 + max(0, int(seconds / self.step_s + 1e-6))

    def _add(self, window: Window) -> None:
        """Score a window and add its frames."""
        if not len(window.samples):
            return
        config = self._session.config
        outputs = self._session.run_window(window.samples)
        logs = log_scores(outputs.log_posteriors, None, config.decoding) + outputs.label_scores[:-1]
        rows = np.concatenate([np.exp(outputs.log_posteriors), outputs.step_scores], axis=1)
        no_emotion, threshold = 0.0, config.calibration.rejection_threshold
        if threshold is not None:
            log_odds = float(outputs.label_scores[-1])
            no_emotion = no_emotion_probability(outputs.log_posteriors, log_odds)
            if log_odds > 0:  # the functionals find no speech: network outputs for held chords are as sure
                no_emotion = max(no_emotion, 1 / (1 + math.exp(-log_odds)))
            if no_emotion > threshold and not config.functionals:
                rows = self._blank_rows(len(rows))
        scores = class_scores(logs, config.calibration.temperature)
        self._average.add(scores, window.blocks, window.level_db, no_emotion)
        first = self._step(window.start)
        self._fill(first)
        self._overlap.add(first, rows)
        self._last_row = rows[-1]

    def _fill(self, stop: int) -> None:
        """Add rows for the frames before `stop` that are in no window."""
        missing = stop - self._overlap.stop
        if missing <= 0:
            return
        rows = self._blank_rows(missing)
        if self._last_row is not None:
            rows[: int(self.first_s / self.step_s)] = self._last_row
            self._last_row = None
        self._overlap.add(self._overlap.stop, rows)

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
        self._windows = window_cutter(config)
        self._average = ScoreAverage(config.decoder.label_range_db)
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
            if len(window.samples):
                scores = self._class_scores(window.samples[None])[0]
                self._average.add(scores, window.blocks, window.level_db)

    def _class_scores(self, clips: Samples) -> Floats:
        """Calibrated scores of clips of one length, (clip, sample) → (clip, K)."""
        return class_scores(self._session.run_clips(clips), self._session.config.calibration.temperature)


def window_cutter(config: ModelConfig) -> WindowCutter:
    """The cutter of a model's windows, which start at multiples of an output frame, or of an input frame."""
    hop_steps = config.hop_frames
    if config.frame_step_s is not None:
        hop_steps = round(config.hop_samples / config.sampling_rate / config.frame_step_s)
    whole = math.gcd(config.hop_samples, hop_steps)
    blocks = (config.hop_samples // count for count in range(1, whole + 1) if whole % count == 0)
    return WindowCutter(
        config.max_frames,
        config.hop_frames,
        config.frame_samples,
        config.frame_hop_samples,
        block_samples=min(blocks, key=lambda block: abs(block - BLOCK_S * config.sampling_rate)),
        minimum_samples=config.minimum_samples,
        sample_rate_hz=config.sampling_rate,
        pauses=config.decoder.pauses,
    )
