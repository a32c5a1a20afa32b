"""Online decoding of frame posteriors to spans of emotions. NumPy only.

A network trained with CTC may spread the probability of one label over many frames, so that blank is the
likeliest class of every frame. The emotion of a frame is therefore not its likeliest class but that of the
likeliest path (`decoding.viterbi`), which also uses the scores of the functionals classifier. A frame has no
emotion where the path has none, or where there are practically no labels, as in digital silence: where the
sum of the emotions' posteriors, averaged over `density_window_s`, is below `minimum_labels_per_s`.

Frame i is centred at `first_s + i * step_s` and covers half a step on either side. The first frame reaches
back to 0 and the last one to the end of the recording. A span's score is the mean over its frames of
p(emotion) / (1 - p(blank)), adjusted by the functionals classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotrace.decoding.ctc import Floats, FrameRun, Frames, best_path, class_scores
from emotrace.decoding.viterbi import Indices, OnlineViterbi
from emotrace.timeline import Span, SpanEvent

_LEAST = 1e-300


@dataclass(slots=True)
class _OpenSpan:
    """A span that may still grow: its label, first frame, frame after its last, and sum of frame scores."""

    label: int
    start: int
    stop: int
    score_sum: float = 0.0


class SpanDecoder:
    """Turns posteriors into span events as the frames arrive.

    Args:
        emotions: names of the K emotions
        first_s: centre of the first frame in seconds
        step_s: time from one frame's centre to the next in seconds
        switch_penalty: log-likelihood that a change of emotion costs
        decision_delay_s: time after which a frame's emotion is decided
        density_window_s: time over which the density of labels is averaged
        minimum_labels_per_s: density of labels below which a frame has no emotion
        no_emotion_state: whether the model was trained with non-speech, so that the path may have no emotion

    >>> settings = {"switch_penalty": 1.0, "decision_delay_s": 1.0}
    >>> settings |= {"density_window_s": 0.5, "minimum_labels_per_s": 0.02}
    >>> decoder = SpanDecoder(["anger"], first_s=0.1, step_s=0.25, **settings)
    >>> events = decoder.push(Frames.from_posteriors([[0.9, 0.1]] * 4)) + decoder.flush(1.0)
    >>> [(event.kind, event.span.start, event.span.end) for event in events]
    [('opened', 0.0, 1.0), ('closed', 0.0, 1.0)]
    """

    def __init__(
        self,
        emotions: Sequence[str],
        *,
        first_s: float,
        step_s: float,
        switch_penalty: float,
        decision_delay_s: float,
        density_window_s: float,
        minimum_labels_per_s: float,
        no_emotion_state: bool = False,
    ) -> None:
        self._emotions = emotions
        self._no_emotion_state = no_emotion_state
        self._first_s, self._step_s = first_s, step_s
        self._minimum_density = minimum_labels_per_s * step_s  # of a frame
        self._density_frames = max(1, round(density_window_s / step_s))
        delay = max(1, self._density_frames // 2, round(decision_delay_s / step_s))
        self._viterbi = OnlineViterbi(
            len(emotions), delay, switch_penalty=switch_penalty, no_emotion_state=no_emotion_state
        )
        # Undecided frames, after the decided frames that their density needs.
        self._recent = Frames.from_posteriors(np.zeros((0, len(emotions) + 1)))
        self._recent_decided = 0
        self._decided = 0
        self._open: _OpenSpan | None = None
        self._duration_s: float | None = None

    @property
    def decided_s(self) -> float:
        """The time in seconds up to which the emotion is decided."""
        return self._edge_s(self._decided)

    def push(self, frames: Frames) -> list[SpanEvent]:
        """Process frames and return the events that they cause."""
        return self._decide(self._push(frames), self._minimum_density)

    def flush(self, duration_s: float, frames: Frames | None = None) -> list[SpanEvent]:
        """Process the last frames, if any, and return the remaining events.

        Args:
            duration_s: duration of the recording
            frames: the last frames
        """
        path = [] if frames is None else [self._push(frames)]
        path.append(self._viterbi.flush())
        self._duration_s = duration_s
        minimum = self._minimum_density
        nearly_blank = self._recent.posteriors[:, :-1].sum() < minimum * len(self._recent)
        if nearly_blank and not self._decided and not self._no_emotion_state:
            minimum = 0.0  # a short recording that is nearly all blank must still have a label somewhere
        return self._decide(np.concatenate(path), minimum) + self._close()

    def _push(self, frames: Frames) -> Indices:
        """Buffer frames and return the emotions of the frames that they decide."""
        self._recent += frames
        return self._viterbi.push(frames.posteriors, frames.scores * self._step_s)

    def _decide(self, path: Indices, minimum_density: float) -> list[SpanEvent]:
        """Turn the emotions of the next frames into events."""
        count = len(path)
        if not count:
            return []
        decided = slice(self._recent_decided, self._recent_decided + count)
        density = moving_average(self._recent.posteriors[:, :-1], self._density_frames)[decided]
        scores = class_scores(np.log(np.maximum(density, _LEAST)) + self._recent.scores[decided, :-1])
        first, self._decided = self._decided, self._decided + count
        events = []
        for run in emotion_runs(path, density, minimum_density):
            span = self._open
            continues = span is not None and (span.label, span.stop) == (run.label, first + run.start)
            if span is None or not continues:
                events += self._close()
                span = self._open = _OpenSpan(run.label, first + run.start, first + run.start)
            span.stop = first + run.stop
            span.score_sum += float(scores[run.start : run.stop, run.label].sum())
            events.append(SpanEvent("extended" if continues else "opened", self._span(span)))
        if self._open is not None and self._open.stop < self._decided:
            events += self._close()
        discarded = max(0, self._recent_decided + count - self._density_frames // 2)
        self._recent_decided += count - discarded
        self._recent = self._recent[discarded:]
        return events

    def _close(self) -> list[SpanEvent]:
        span, self._open = self._open, None
        return [] if span is None else [SpanEvent("closed", self._span(span))]

    def _span(self, span: _OpenSpan) -> Span:
        return Span(
            start=self._edge_s(span.start),
            end=self._edge_s(span.stop),
            emotion=self._emotions[span.label],
            score=min(1.0, span.score_sum / (span.stop - span.start)),
        )

    def _edge_s(self, frame: int) -> float:
        """The time at which a frame starts and the previous frame ends."""
        if self._duration_s is not None and frame == self._decided:
            return self._duration_s
        edge_s = self._first_s + (frame - 0.5) * self._step_s if frame else 0.0
        return edge_s if self._duration_s is None else min(edge_s, self._duration_s)


def moving_average(values: npt.ArrayLike, frames: int) -> Floats:
    """Centred moving average over `frames` frames (an even number counts as the next odd one).

    At the ends it averages the frames that exist. Shape: (frame, K) in and out.

    >>> moving_average([[0.0], [0.0], [3.0], [0.0]], 3).ravel()
    array([0. , 1. , 1. , 1.5])
    """
    x = np.asarray(values, dtype=np.float64)
    half = frames // 2
    if not len(x):
        return x
    # Each sum is computed separately, not as a difference of running sums, so that rounding does not depend
    # on distant frames. `np.pad` takes longer than everything else here.
    padded = np.concatenate([np.zeros((half, x.shape[1])), x, np.zeros((half, x.shape[1]))])
    sums = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0).sum(axis=-1)
    indices = np.arange(len(x))
    counts = np.minimum(indices + half + 1, len(x)) - np.maximum(indices - half, 0)
    average: Floats = sums / counts[:, None]
    return average


def emotion_runs(path: Indices, density: Floats, minimum_density: float) -> tuple[FrameRun, ...]:
    """Runs of frames with one emotion.

    Frames whose summed `density` is below `minimum_density` have no emotion, like frames with index K.

    >>> density = np.array([[0.4, 0.2], [0.1, 0.5], [0.01, 0.01], [0.1, 0.3]])
    >>> emotion_runs(np.array([0, 0, 0, 1]), density, minimum_density=0.06)
    (FrameRun(label=0, start=0, stop=2), FrameRun(label=1, start=3, stop=4))
    """
    classes = np.where(density.sum(axis=1) < minimum_density, density.shape[1], path)
    return best_path(classes[:, None] == np.arange(density.shape[1] + 1))
