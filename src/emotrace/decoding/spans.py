"""Frame posteriors to the timeline, as they come. NumPy only.

A network trained by CTC may spread a label thinly, so that blank leads at every frame though the sum over
frames is one label or more. So a frame's emotion is not the one that leads there but that of the likeliest
course (`path`), to which functionals of the stretch around each frame say their part, in a second as much
as those of an utterance of its label. It has none where that course has none, since nobody speaks there; and
where there are practically no labels, as in digital silence: where the density of all emotions, the
posteriors averaged over `DENSITY_S`, is less than `LEAST_LABELS_PER_S`.

Frame i is centred at `first_s + i * step_s` and covers half a step on either side; the first frame reaches
back to 0 and the last one on to the end. A span's score is the mean over its frames of how sure the model is
of this emotion against the others: p(emotion) / (1 - p(blank)), with what functionals say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotrace.decoding.ctc import Floats, FrameRun, Frames, best_path, class_scores
from emotrace.decoding.viterbi import DELAY_S, Indices, OnlineViterbi
from emotrace.timeline import Span, SpanEvent, Timeline

DENSITY_S = 0.5  # over which the density of labels is averaged
LEAST_LABELS_PER_S = 0.02  # a tenth of one in a window of 5 s, the least that CTC trains for
_LEAST = 1e-300


@dataclass(slots=True)
class _Part:
    """A span that may go on: its label, first frame, the frame after its last, and the sum of its scores."""

    label: int
    start: int
    stop: int
    sure: float = 0.0


class SpanDecoder:
    """Takes posteriors as they become final and tells of spans; a frame waits for `DELAY_S`.

    Args:
        emotions: the K names
        first_s: centre of the first frame
        step_s: time from one frame's centre to the next's
        taught_none: whether the network was taught what holds no emotion, so that a course may have none and
            nearly all blank means none

    >>> span_decoder = SpanDecoder(["anger"], first_s=0.1, step_s=0.25)
    >>> events = span_decoder.push(Frames.of([[0.9, 0.1]] * 4)) + span_decoder.flush(1.0)
    >>> [(event.kind, event.span.start, event.span.end) for event in events]
    [('opened', 0.0, 1.0), ('closed', 0.0, 1.0)]
    """

    def __init__(
        self, emotions: Sequence[str], *, first_s: float, step_s: float, no_emotion_state: bool = False
    ) -> None:
        self._emotions = emotions
        self._taught_none = no_emotion_state
        self._first_s, self._step_s = first_s, step_s
        self._frames = max(1, round(DENSITY_S / step_s))
        self._delay = max(1, self._frames // 2, round(DELAY_S / step_s))
        self._viterbi = OnlineViterbi(len(emotions), self._delay, none=no_emotion_state)
        self._recent = Frames.of(np.zeros((0, len(emotions) + 1)))  # to decide on, and those that these need
        self._before = 0  # how many of these are decided
        self._decided = 0
        self._open: _Part | None = None
        self._duration_s: float | None = None

    def push(self, frames: Frames) -> list[SpanEvent]:
        """Take in frames."""
        return self._decide(self._push(frames), least=LEAST_LABELS_PER_S)

    def flush(self, duration_s: float, frames: Frames | None = None) -> list[SpanEvent]:
        """Take in the last frames; `duration_s` is the length of the recording."""
        path = [] if frames is None else [self._push(frames)]
        path.append(self._viterbi.flush())
        self._duration_s = duration_s
        least = LEAST_LABELS_PER_S
        few = self._recent.posteriors[:, :-1].sum() < least * self._step_s * len(self._recent)
        if few and not self._decided and not self._taught_none:
            least = 0.0  # a short recording that is nearly all blank: its label must be somewhere
        return self._decide(np.concatenate(path), least) + self._close()

    def _push(self, frames: Frames) -> Indices:
        """Take in frames; the emotions that are decided by them."""
        self._recent += frames
        return self._viterbi.push(frames.posteriors, frames.scores * self._step_s)

    def _decide(self, path: Indices, least: float) -> list[SpanEvent]:
        """Decide on the next frames, whose emotions are known."""
        count = len(path)
        if not count:
            return []
        decided = slice(self._before, self._before + count)
        density = moving_average(self._recent.posteriors[:, :-1], self._frames)[decided]
        sure = class_scores(np.log(np.maximum(density, _LEAST)) + self._recent.scores[decided, :-1])
        first, self._decided = self._decided, self._decided + count
        events = []
        for run in emotion_runs(path, density, least * self._step_s):
            part = self._open
            goes_on = part is not None and (part.label, part.stop) == (run.label, first + run.start)
            if part is None or not goes_on:
                events += self._close()
                part = self._open = _Part(run.label, first + run.start, first + run.start)
            part.stop = first + run.stop
            part.sure += float(sure[run.start : run.stop, run.label].sum())
            events.append(SpanEvent("extended" if goes_on else "opened", self._span(part)))
        if self._open is not None and self._open.stop < self._decided:
            events += self._close()
        passed = max(0, self._before + count - self._frames // 2)
        self._before += count - passed
        self._recent = self._recent[passed:]
        return events

    def _close(self) -> list[SpanEvent]:
        part, self._open = self._open, None
        return [] if part is None else [SpanEvent("closed", self._span(part))]

    def _span(self, part: _Part) -> Span:
        return Span(
            start=self._edge_s(part.start),
            end=self._edge_s(part.stop),
            emotion=self._emotions[part.label],
            score=min(1.0, part.sure / (part.stop - part.start)),
        )

    def _edge_s(self, frame: int) -> float:
        """Where a frame begins, which is where the one before it ends."""
        if self._duration_s is not None and frame == self._decided:
            return self._duration_s
        edge_s = self._first_s + (frame - 0.5) * self._step_s if frame else 0.0
        return edge_s if self._duration_s is None else min(edge_s, self._duration_s)


def decode_spans(
    log_posteriors: npt.ArrayLike,
    emotions: Sequence[str],
    step_scores: npt.ArrayLike | None = None,
    *,
    first_s: float,
    step_s: float,
    duration_s: float,
    no_emotion_state: bool = False,
) -> Timeline:
    """The timeline of a recording of one window from its posteriors: all that `SpanDecoder` tells, at once.

    Args:
        log_posteriors: natural logarithms, shape (frame, K + 1), blank last
        emotions: the K names
        step_scores: as `Frames.scores`; None: zeros
        first_s: centre of the first frame
        step_s: time from one frame's centre to the next's
        duration_s: length of the audio
        taught_none: as for `SpanDecoder`

    >>> p = np.log([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    >>> timeline = decode_spans(p, ["anger", "sadness"], first_s=0.5, step_s=1.0, duration_s=2.0)
    >>> [(span.start, span.end, span.emotion) for span in timeline]
    [(0.0, 1.0, 'anger'), (1.0, 2.0, 'sadness')]
    """
    span_decoder = SpanDecoder(emotions, first_s=first_s, step_s=step_s, no_emotion_state=no_emotion_state)
    frames = Frames.of(np.exp(np.asarray(log_posteriors, dtype=np.float64)))
    if step_scores is not None:
        frames = Frames(frames.posteriors, np.asarray(step_scores, dtype=np.float64))
    events = span_decoder.flush(duration_s, frames)
    return Timeline(tuple(event.span for event in events if event.kind == "closed"))


def moving_average(values: npt.ArrayLike, frames: int) -> Floats:
    """Moving average over about so many frames around each, fewer at the ends.

    Shape: (frame, K) in and out.

    >>> moving_average([[0.0], [0.0], [3.0], [0.0]], 3).ravel()
    array([0. , 1. , 1. , 1.5])
    """
    x = np.asarray(values, dtype=np.float64)
    half = frames // 2
    if not len(x):
        return x
    # By sums of each its own, no frame hangs on those far off; `np.pad` takes longer than all the rest.
    padded = np.concatenate([np.zeros((half, x.shape[1])), x, np.zeros((half, x.shape[1]))])
    sums = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0).sum(axis=-1)
    places = np.arange(len(x))
    average: Floats = sums / (np.minimum(places + half + 1, len(x)) - np.maximum(places - half, 0))[:, None]
    return average


def emotion_runs(path: Indices, density: Floats, least: float) -> tuple[FrameRun, ...]:
    """Runs of one emotion; frames with less than `least` of all emotions belong to none, as of course K.

    >>> density = np.array([[0.4, 0.2], [0.1, 0.5], [0.01, 0.01], [0.1, 0.3]])
    >>> emotion_runs(np.array([0, 0, 0, 1]), density, least=0.06)
    (FrameRun(label=0, start=0, stop=2), FrameRun(label=1, start=3, stop=4))
    """
    shown = np.where(density.sum(axis=1) < least, density.shape[1], path)
    return best_path(shown[:, None] == np.arange(density.shape[1] + 1))
