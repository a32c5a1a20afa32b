"""Incremental recognition: audio chunks in, span events out, and a result at the end.

Files are processed in the same way, so a file and a stream of the same audio give the same result.
"""

from collections.abc import Iterable

import numpy.typing as npt

from emotrace.audio.preprocessing import LATENCY_S, StreamPreprocessor, as_floats
from emotrace.audio.quality import Samples
from emotrace.decoding.ctc import Floats
from emotrace.errors import AudioError
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.onnx_session import OnnxSession
from emotrace.inference.result import Result
from emotrace.inference.scorers import CLIPS_AT_ONCE
from emotrace.inference.stream_decoder import Observer, StreamDecoder, scores_by_label
from emotrace.timeline import Provisional, SpanEvent, Timeline
from emotrace.warning import RecognitionWarning

_MAX_CHANNELS_OF_SHORT_CHUNKS = 32  # a chunk may be one sample per channel, but (1, 1000) is a mistake


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
    def duration_s(self) -> float:
        """Seconds of audio that are processed."""
        return self._preprocessor.duration_s

    @property
    def scores(self) -> dict[str, float] | None:
        """Probabilities of the emotions so far; None before the first window, and for silence."""
        scores = self._decoder.scores
        return None if scores is None or self._preprocessor.silent else scores_by_label(self._config, scores)

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

    def provisional(self, observer: Observer | None = None) -> Provisional:
        """The state up to now: spans that may still change, and the label and scores so far.

        It lags at most 0.2 s of audio behind the chunks, and costs about as much as one window, 14 ms for the
        pretrained model. It changes nothing: events and result are the same without it.

        Args:
            observer: receives the posteriors of the frames that may still change

        >>> import emotrace
        >>> from emotrace.corpora.loaders.synthetic import multi_emotion_clip
        >>> clip = multi_emotion_clip()
        >>> stream = emotrace.load().stream(clip.sample_rate_hz)
        >>> events = stream.push(clip.samples[:32_000])
        >>> stream.provisional().time_s, events
        (2.0, [])
        """
        duration_s = self.duration_s
        if self._ended or self._preprocessor.silent:
            return Provisional(duration_s, duration_s if self._ended else 0.0)
        return self._decoder.provisional(duration_s, observer)

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
        scores=scores_by_label(config, scores),
        timeline=timeline,
        duration_s=duration_s,
        file=file,
        warnings=warnings,
        model=config.name,
    )
