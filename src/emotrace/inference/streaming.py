"""A recording as it comes: chunks in, spans out as soon as they are known, the result at the end.

Whole files go the same way, so they give the same spans.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from emotrace.audio.preprocessing import LATENCY_S, StreamPreprocessor, as_floats
from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats, Frames
from emotrace.decoding.spans import SpanDecoder
from emotrace.decoding.viterbi import DELAY_S
from emotrace.errors import AudioError
from emotrace.inference.frame_scores import FrameScores
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.onnx_session import OnnxSession
from emotrace.inference.result import Result
from emotrace.inference.scorers import CLIP_HOP_S, CLIP_S, CLIPS_AT_ONCE, make_scorer
from emotrace.timeline import Span, SpanEvent, Timeline
from emotrace.warning import RecognitionWarning

_MOST_CHANNELS_OF_SHORT_CHUNKS = 32  # a chunk may be one sample of each channel; (1, 1000) is a mistake


class StreamDecoder:
    """Samples at the model's rate → events, and in the end scores and timeline.

    Args:
        network: what is asked
        keep: keep the posteriors, for `frame_scores`
    """

    def __init__(self, session: OnnxSession, keep: bool = False) -> None:
        self._labels = session.config.labels
        self._taught_none = session.config.calibration.rejection_threshold is not None
        self._scorer = make_scorer(session)
        self._span_decoder: SpanDecoder | None = None
        self._kept: list[Floats] | None = [] if keep else None
        self._closed: list[Span] = []

    @property
    def scores(self) -> Floats | None:
        """Probabilities of the emotions in what was heard so far, None for silence."""
        return self._scorer.scores

    @property
    def rejected(self) -> bool:
        """Whether no emotion was found in what was heard so far."""
        return self._scorer.rejected

    @property
    def timeline(self) -> Timeline:
        """The spans that are final so far."""
        return Timeline(tuple(self._closed))

    def push(self, samples: Samples) -> list[SpanEvent]:
        """Take in samples, of shape (sample,)."""
        events = []
        for frames in self._scorer.push(samples):
            self._keep(frames)
            events += self._started_span_decoder().push(frames)
        return self._noted(events)

    def flush(self, duration_s: float) -> list[SpanEvent]:
        """Nothing follows; `duration_s` is the length of the recording."""
        rest: Frames | None = None
        for frames in self._scorer.flush():
            self._keep(frames)
            rest = frames if rest is None else rest + frames
        return self._noted(self._started_span_decoder().flush(duration_s, rest))

    def frame_scores(self) -> FrameScores:
        """All of it, if it was kept."""
        posteriors = np.concatenate(self._kept or [np.zeros((0, len(self._labels) + 1))])
        with np.errstate(divide="ignore"):
            log_posteriors = np.log(posteriors)
        source = self._scorer
        return FrameScores(
            self.scores, self.rejected, log_posteriors, source.first_s, source.step_s, self.timeline
        )

    def _started_span_decoder(self) -> SpanDecoder:
        """The tracer, made once there are posteriors: where those of a short recording lie is known then."""
        if self._span_decoder is None:
            source = self._scorer
            self._span_decoder = SpanDecoder(
                self._labels, first_s=source.first_s, step_s=source.step_s, no_emotion_state=self._taught_none
            )
        return self._span_decoder

    def _keep(self, frames: Frames) -> None:
        if self._kept is not None:
            self._kept.append(frames.posteriors)

    def _noted(self, events: list[SpanEvent]) -> list[SpanEvent]:
        self._closed += [event.span for event in events if event.kind == "closed"]
        return events


class Stream:
    """A recording that is still going on; `Recogniser.stream` makes it.

    What is said of a moment comes at most `latency_s` of audio after it, and sooner at the end. The spans and
    scores in the end are those of the same recording as a file, whatever the chunks; where no emotional
    speech was found in any window there are no spans then, whatever was told before. Of the audio no more
    than the last window is kept.

    Attributes:
        latency_s: the longest that a moment waits, in seconds of audio: for the next window that holds it to
            be full, and for the second after which its emotion is decided
    """

    def __init__(self, session: OnnxSession, sample_rate_hz: float, name: str = "<stream>") -> None:
        self._config = session.config
        self._preprocessor = StreamPreprocessor(sample_rate_hz, self._config.sampling_rate, name)
        self._decoder = StreamDecoder(session)
        self._held: list[SpanEvent] = []
        self._ended = False
        self.latency_s = latency_s(self._config)

    @property
    def scores(self) -> dict[str, float] | None:
        """Probabilities of the emotions so far; None before the first window, and for silence."""
        scores = self._decoder.scores
        return None if scores is None or self._preprocessor.silent else _by_name(self._config, scores)

    def push(self, chunk: npt.ArrayLike) -> list[SpanEvent]:
        """Take in a chunk of any size: shape (n,) or (n, channels), floats of full scale ±1 or integers.

        Returns:
            what became known by it

        Raises:
            AudioError: if it is not what a chunk may be, or a sample is not finite
        """
        if self._ended:
            raise AudioError(f"{self._preprocessor.name}: found a chunk after the end; open another stream")
        samples = as_floats(chunk, self._preprocessor.name)
        wide = samples.shape[1] > max(len(samples), _MOST_CHANNELS_OF_SHORT_CHUNKS)
        if wide and not self._preprocessor.channels:
            raise AudioError(
                f"{self._preprocessor.name}: found a chunk of shape {samples.shape}, expected (n,) or "
                "(n, channels); transpose it?"
            )
        return self._unless_silent(self._decoder.push(self._preprocessor.push(samples)))

    def flush(self) -> list[SpanEvent]:
        """Nothing follows: the rest of the spans. A second call has nothing to add.

        Raises:
            AudioError: if there was no audio, or too little
        """
        if self._ended:
            return []
        self._ended = True
        rest = self._preprocessor.flush(self._config.minimum_samples / self._config.sampling_rate)
        events = self._decoder.push(rest)
        return self._unless_silent(events + self._decoder.flush(self._preprocessor.duration_s))

    def result(self, file: str | None = None, warnings: Iterable[RecognitionWarning] = ()) -> Result:
        """The result for the whole recording, after `flush`.

        Args:
            file: the file's name, for the result
            warnings: those of whatever read the recording
        """
        return make_result(
            self._config,
            None if self._preprocessor.silent else self._decoder.scores,
            self._decoder.rejected,
            Timeline() if self._preprocessor.silent else self._decoder.timeline,
            self._preprocessor.duration_s,
            file,
            self._preprocessor.warnings(warnings),
        )

    def _unless_silent(self, events: list[SpanEvent]) -> list[SpanEvent]:
        """The events, held back while all is silent: a resampled constant is not, at its edges."""
        self._held += events
        if self._preprocessor.silent:
            return []
        ready, self._held = self._held, []
        return ready


def latency_s(config: ModelConfig) -> float:
    """The longest that a moment waits until it is told of, in seconds of audio."""
    window_s = config.window_samples / config.sampling_rate
    if config.output == "log_scores":
        window_s = CLIP_S + CLIPS_AT_ONCE * CLIP_HOP_S
    return window_s + DELAY_S + LATENCY_S


def make_result(
    config: ModelConfig,
    scores: Floats | None,
    rejected: bool,
    timeline: Timeline,
    duration_s: float,
    file: str | None,
    warnings: tuple[RecognitionWarning, ...],
) -> Result:
    """Decide: the likeliest emotion; none for silence, of which there are no scores, and where none shows.

    Where none shows in the whole, none does in any part.
    """
    if scores is None:
        return Result(None, None, None, Timeline(), duration_s, file, warnings, config.name)
    best = int(scores.argmax())
    if config.output == "log_scores":
        text = (
            f"timeline of windows of {CLIP_S:g} s every {CLIP_HOP_S:g} s: this model names one emotion a clip"
        )
        warnings += (RecognitionWarning("clip-timeline", text),)
    if rejected:
        timeline = Timeline()
        warnings += (RecognitionWarning("rejected", "no emotional speech found: the scores mean nothing"),)
    return Result(
        label=None if rejected else config.labels[best],
        score=float(scores[best]),
        scores=_by_name(config, scores),
        timeline=timeline,
        duration_s=duration_s,
        file=file,
        warnings=warnings,
        model=config.name,
    )


def _by_name(config: ModelConfig, scores: Floats) -> dict[str, float]:
    return dict(zip(config.labels, scores.tolist(), strict=True))
