"""Incremental recognition: audio chunks in, span events out, and a result at the end.

Files are processed in the same way, so a file and a stream of the same audio give the same result.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from emotrace.audio.preprocessing import LATENCY_S, StreamPreprocessor, as_floats
from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats, Frames
from emotrace.decoding.spans import SpanDecoder
from emotrace.errors import AudioError
from emotrace.inference.frame_scores import FrameScores
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.onnx_session import OnnxSession
from emotrace.inference.result import Result
from emotrace.inference.scorers import CLIPS_AT_ONCE, make_scorer
from emotrace.timeline import Span, SpanEvent, Timeline
from emotrace.warning import RecognitionWarning

_MAX_CHANNELS_OF_SHORT_CHUNKS = 32  # a chunk may be one sample per channel, but (1, 1000) is a mistake


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
        self._config = session.config
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
            self._span_decoder = SpanDecoder(
                self._config.labels,
                first_s=self._scorer.first_s,
                step_s=self._scorer.step_s,
                no_emotion_state=self._config.calibration.rejection_threshold is not None,
                **self._config.decoder.span_settings,
            )
        return self._span_decoder

    def _keep(self, frames: Frames) -> None:
        if self._observer is not None:
            self._observer.add_frames(frames.posteriors, self._scorer.first_s, self._scorer.step_s)
        if self._posteriors is not None:
            self._posteriors.append(frames.posteriors)

    def _record(self, events: list[SpanEvent]) -> list[SpanEvent]:
        self._closed += [event.span for event in events if event.kind == "closed"]
        return events


class Stream:
    """Incremental recognition of a recording, created by `Recogniser.stream`.

    The events for a moment come at most `latency_s` of audio after it. The final spans and scores are those
    of the same recording as a file, whatever the sizes of the chunks. If the model rejects every window, the
    result has no spans, even if there were events before. Only the audio of the last window is kept.

    Attributes:
        latency_s: the longest time in seconds of audio until a moment is decided: until the next window that
            contains it is complete, plus the delay of the decision and the latency of preprocessing
    """

    def __init__(
        self,
        session: OnnxSession,
        sample_rate_hz: float,
        name: str = "<stream>",
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer
        self._config = session.config
        self._preprocessor = StreamPreprocessor(sample_rate_hz, self._config.sampling_rate, name)
        self._decoder = StreamDecoder(session, observer=observer)
        self._held_back: list[SpanEvent] = []
        self._ended = False
        self.latency_s = latency_s(self._config)

    @property
    def scores(self) -> dict[str, float] | None:
        """Probabilities of the emotions so far; None before the first window, and for silence."""
        scores = self._decoder.scores
        return None if scores is None or self._preprocessor.silent else _by_label(self._config, scores)

    def push(self, chunk: npt.ArrayLike) -> list[SpanEvent]:
        """Process a chunk of any size and return the events that it causes.

        Args:
            chunk: shape (n,) or (n, channels), floats of full scale ±1 or integers of 8, 16 or 32 bits

        Raises:
            AudioError: if the shape, type or number of channels is wrong, a sample is not finite, or the
                stream has ended
        """
        if self._ended:
            raise AudioError(f"{self._preprocessor.name}: found a chunk after the end; open another stream")
        samples = as_floats(chunk, self._preprocessor.name)
        wide = samples.shape[1] > max(len(samples), _MAX_CHANNELS_OF_SHORT_CHUNKS)
        if wide and not self._preprocessor.channels:
            raise AudioError(
                f"{self._preprocessor.name}: found a chunk of shape {samples.shape}, expected (n,) or "
                "(n, channels); transpose it?"
            )
        return self._hold_back_in_silence(self._decode(self._preprocessor.push(samples)))

    def flush(self) -> list[SpanEvent]:
        """End the recording and return the remaining events; a second call returns none.

        Raises:
            AudioError: if there was no audio, or too little
        """
        if self._ended:
            return []
        self._ended = True
        rest = self._preprocessor.flush(self._config.minimum_samples / self._config.sampling_rate)
        events = self._decode(rest)
        return self._hold_back_in_silence(events + self._decoder.flush(self._preprocessor.duration_s))

    def result(self, file: str | None = None, warnings: Iterable[RecognitionWarning] = ()) -> Result:
        """The result for the whole recording, after `flush`.

        Args:
            file: the file's name, for the result
            warnings: those of whatever read the recording
        """
        silent = self._preprocessor.silent
        return make_result(
            self._config,
            None if silent else self._decoder.scores,
            self._decoder.rejected,
            Timeline() if silent else self._decoder.timeline,
            self._preprocessor.duration_s,
            file,
            self._preprocessor.warnings(warnings),
        )

    def _decode(self, samples: Samples) -> list[SpanEvent]:
        if self._observer is not None:
            self._observer.add_samples(samples)
        return self._decoder.push(samples)

    def _hold_back_in_silence(self, events: list[SpanEvent]) -> list[SpanEvent]:
        """Return events only once the recording is not silent.

        A resampled constant, which counts as silence, is not constant at its edges and may cause events.
        """
        self._held_back += events
        if self._preprocessor.silent:
            return []
        ready, self._held_back = self._held_back, []
        return ready


def latency_s(config: ModelConfig) -> float:
    """The longest time in seconds of audio from a moment to its events."""
    window_s = config.window_samples / config.sampling_rate
    if config.output == "log_scores":
        window_s = config.decoder.clip_s + CLIPS_AT_ONCE * config.decoder.clip_hop_s
    return window_s + config.decoder.decision_delay_s + LATENCY_S


def make_result(
    config: ModelConfig,
    scores: Floats | None,
    rejected: bool,
    timeline: Timeline,
    duration_s: float,
    file: str | None,
    warnings: tuple[RecognitionWarning, ...],
) -> Result:
    """A result with the likeliest emotion as its label.

    There is no label for silence, whose scores are None, and for a rejected recording, whose timeline is
    emptied as well.
    """
    if scores is None:
        return Result(None, None, None, Timeline(), duration_s, file, warnings, config.name)
    best = int(scores.argmax())
    if config.output == "log_scores":
        text = (
            f"timeline of windows of {config.decoder.clip_s:g} s every {config.decoder.clip_hop_s:g} s: "
            "this model names one emotion a clip"
        )
        warnings += (RecognitionWarning("clip-timeline", text),)
    if rejected:
        timeline = Timeline()
        text = "no emotional speech found: the scores mean nothing"
        warnings += (RecognitionWarning("rejected", text),)
    return Result(
        label=None if rejected else config.labels[best],
        score=float(scores[best]),
        scores=_by_label(config, scores),
        timeline=timeline,
        duration_s=duration_s,
        file=file,
        warnings=warnings,
        model=config.name,
    )


def _by_label(config: ModelConfig, scores: Floats) -> dict[str, float]:
    return dict(zip(config.labels, scores.tolist(), strict=True))
