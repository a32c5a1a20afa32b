"""Samples at the model's rate → span events; the part of a stream after preprocessing."""

import copy
from typing import Protocol

import numpy as np

from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats, Frames
from emotrace.decoding.spans import SpanDecoder
from emotrace.inference.frame_scores import FrameScores
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.onnx_session import OnnxSession
from emotrace.inference.scorers import Scorer, make_scorer
from emotrace.timeline import Provisional, Span, SpanEvent, Timeline


class Observer(Protocol):
    """Receives what is computed on the way to a result, piece by piece."""

    def add_samples(self, samples: Samples) -> None:
        """Receive the next samples, mixed to mono at the model's rate."""

    def add_frames(self, posteriors: Floats, first_s: float, step_s: float) -> None:
        """Receive the posteriors of the next frames.

        Args:
            posteriors: shape (frame, K + 1), blank last
            first_s: centre of the first frame of the recording in seconds
            step_s: time from one frame's centre to the next in seconds
        """


class StreamDecoder:
    """Samples at the model's rate → span events and, at the end, scores and a timeline.

    Args:
        session: the network
        keep_posteriors: whether to keep the posteriors, for `frame_scores`
        observer: receives the posteriors as they become final
    """

    def __init__(
        self, session: OnnxSession, keep_posteriors: bool = False, observer: Observer | None = None
    ) -> None:
        self._observer = observer
        self._session, self._config = session, session.config
        self._scorer = make_scorer(session)
        self._span_decoder: SpanDecoder | None = None
        self._posteriors: list[Floats] | None = [] if keep_posteriors else None
        self._closed: list[Span] = []

    @property
    def scores(self) -> Floats | None:
        """Probabilities of the emotions in the audio so far, shape (K,); None for silence."""
        return self._scorer.scores

    @property
    def rejected(self) -> bool:
        """Whether the model finds no emotion in the audio so far."""
        return self._scorer.rejected

    @property
    def timeline(self) -> Timeline:
        """The spans that are final."""
        return Timeline(tuple(self._closed))

    def push(self, samples: Samples) -> list[SpanEvent]:
        """Process samples, shape (sample,), and return the events that they cause."""
        events = []
        for frames in self._scorer.push(samples):
            self._keep(frames)
            events += self._started_span_decoder().push(frames)
        return self._record(events)

    def flush(self, duration_s: float) -> list[SpanEvent]:
        """End the recording, whose duration is `duration_s`, and return the remaining events."""
        rest: Frames | None = None
        for frames in self._scorer.flush():
            self._keep(frames)
            rest = frames if rest is None else rest + frames
        return self._record(self._started_span_decoder().flush(duration_s, rest))

    def provisional(self, duration_s: float, observer: Observer | None = None) -> Provisional:
        """The state if the recording ended now, at `duration_s`. A copy is flushed; this decoder goes on.

        The observer receives the posteriors of the frames that are not final.
        """
        if duration_s < self._config.minimum_samples / self._config.sampling_rate:
            return Provisional(duration_s, 0.0)
        shared = {id(self._session): self._session}
        scorer, decoder = copy.deepcopy((self._scorer, self._span_decoder), shared)
        final_until_s = 0.0 if decoder is None else decoder.decided_s
        rest: Frames | None = None
        for frames in scorer.flush():
            rest = frames if rest is None else rest + frames
        if observer is not None and rest is not None:
            observer.add_frames(rest.posteriors, scorer.first_s, scorer.step_s)
        decoder = decoder or self._new_span_decoder(scorer)
        events = decoder.flush(duration_s, rest)
        scores, label = scorer.scores, None
        if scores is not None and not scorer.rejected:
            label = self._config.labels[int(scores.argmax())]
        return Provisional(
            duration_s,
            final_until_s,
            tuple(event.span for event in events if event.kind == "closed"),
            label,
            None if scores is None else scores_by_label(self._config, scores),
        )

    def frame_scores(self) -> FrameScores:
        """Scores of the recording after `flush`; without frames if posteriors were not kept."""
        posteriors = np.concatenate(self._posteriors or [np.zeros((0, len(self._config.labels) + 1))])
        with np.errstate(divide="ignore"):
            log_posteriors = np.log(posteriors)
        scorer = self._scorer
        return FrameScores(
            self.scores, self.rejected, log_posteriors, scorer.first_s, scorer.step_s, self.timeline
        )

    def _started_span_decoder(self) -> SpanDecoder:
        """The span decoder, created with the first frames: only then is the first frame's time known."""
        if self._span_decoder is None:
            self._span_decoder = self._new_span_decoder(self._scorer)
        return self._span_decoder

    def _new_span_decoder(self, scorer: Scorer) -> SpanDecoder:
        return SpanDecoder(
            self._config.labels,
            first_s=scorer.first_s,
            step_s=scorer.step_s,
            no_emotion_state=self._config.calibration.rejection_threshold is not None,
            **self._config.decoder.span_settings,
        )

    def _keep(self, frames: Frames) -> None:
        if self._observer is not None:
            self._observer.add_frames(frames.posteriors, self._scorer.first_s, self._scorer.step_s)
        if self._posteriors is not None:
            self._posteriors.append(frames.posteriors)

    def _record(self, events: list[SpanEvent]) -> list[SpanEvent]:
        self._closed += [event.span for event in events if event.kind == "closed"]
        return events


def scores_by_label(config: ModelConfig, scores: Floats) -> dict[str, float]:
    """The scores of the K emotions, shape (K,), by name."""
    return dict(zip(config.labels, scores.tolist(), strict=True))
