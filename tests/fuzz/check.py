"""Give one input to the runtime and check the outcome."""

import io
import itertools
import math
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import emotrace
from emotrace.audio.quality import Samples
from emotrace.audio.reading import AudioStream, open_audio
from emotrace.audio.standard_input import open_standard_input
from emotrace.errors import EmotraceError, ModelError
from emotrace.inference.recogniser import Recogniser
from emotrace.inference.result import Result
from emotrace.serving.limited_audio import AudioLimits
from emotrace.serving.problems import ProblemError
from emotrace.serving.recognition import Failure, PredictOptions, predict
from emotrace.serving.uploads import Upload, Uploads
from fuzz.texts import read_text

MAX_VALUES_PER_BYTE = 8  # in WAV and AIFF; their densest codec, GSM, has 5
DEADLINE_S = 300.0  # of work on an upload, in wall time; generous for busy machines
MAX_FRAMES_PER_BYTE = 65_536  # of other codecs: a constant frame of FLAC takes a few bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one input.

    Attributes:
        outcome: "result", "silence", "refused", or "untyped" for an error of an unexpected type
        fault: what is wrong with the outcome, None if nothing is
        message: the error or the warnings
    """

    outcome: str
    fault: str | None = None
    message: str = ""


def check_file(recogniser: Recogniser, content: bytes, path: Path | None = None) -> Verdict:
    """Recognise the bytes, or a file with these bytes if `path` is given."""
    if path is not None:
        path.write_bytes(content)

    def push() -> tuple[Result, str | None]:
        with open_audio(path or content) as sound:
            counted = CountedStream(sound)
            result = recogniser(counted.sound)
        return result, counted.find_fault(content) or find_fault(result, recogniser, counted.seconds)

    return _checked(push)


def check_pipe(recogniser: Recogniser, content: bytes) -> Verdict:
    """Recognise the bytes through the reader of `emotrace trace -`."""

    def push() -> tuple[Result, str | None]:
        counted = CountedStream(open_standard_input(io.BytesIO(content)))
        stream = recogniser.stream(counted.sound.rate_hz, counted.sound.name)
        events = [event for block in counted.sound.blocks for event in stream.push(block)]
        events += stream.flush()
        result = stream.result(counted.sound.file, counted.sound.warnings)
        closed = tuple(event.span for event in events if event.kind == "closed")
        mismatch = None if closed == result.timeline.spans else "the events are not those of the timeline"
        return result, mismatch or counted.find_fault(content) or find_fault(
            result, recogniser, counted.seconds
        )

    return _checked(push)


def check_upload(recogniser: Recogniser, content: bytes) -> Verdict:
    """Recognise the bytes as the service does, which restricts the result to some emotions."""

    def push() -> tuple[Result, str | None]:
        limits = AudioLimits(max_duration_s=60.0, deadline=time.monotonic() + DEADLINE_S)
        options = PredictOptions(emotions=recogniser.labels)
        try:
            (outcome,) = predict(recogniser, Uploads((Upload("a", content),)), options, limits)
        except ProblemError as problem:
            raise EmotraceError(problem.detail) from None
        if isinstance(outcome, Failure):
            raise EmotraceError(outcome.problem.detail)
        return outcome.result, find_fault(outcome.result, recogniser, outcome.result.duration_s)

    return _checked(push)


def check_text(random: np.random.Generator, folder: Path) -> Verdict:
    """Read a damaged option or collection."""
    try:
        option, error = read_text(random, folder)
    except Exception as error:  # noqa: BLE001 - any other error is a fault
        message = f"{type(error).__name__}: {error}"[:300]
        return Verdict("untyped", message, message)
    if not error:
        return Verdict("result", None, option)
    return Verdict("refused", find_unreadable(error), f"{option}: {error}")


def check_folder(folder: Path, samples: Samples) -> Verdict:
    """Load a model folder, and recognise some samples if it loads."""

    def push() -> tuple[Result, str | None]:
        recogniser = emotrace.load(folder, threads=1)
        result = recogniser((samples, 16_000))
        return result, find_fault(result, recogniser, len(samples) / 16_000)

    return _checked(push, ModelError)


def _checked(
    push: Callable[[], tuple[Result, str | None]], expected: type[EmotraceError] = EmotraceError
) -> Verdict:
    try:
        result, fault = push()
    except expected as error:
        return Verdict("refused", find_unreadable(str(error)), str(error))
    except BaseException as error:  # noqa: BLE001 - any other error is a fault
        position = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__} at {Path(position.filename).name}:{position.lineno}: {error}"[:300]
        return Verdict("untyped", message, message)
    outcome = "silence" if result.label is None else "result"
    return Verdict(outcome, fault, "; ".join(map(str, result.warnings)))


class CountedStream:
    """A stream whose frames are counted as they are read."""

    def __init__(self, sound: AudioStream) -> None:
        self.frames = self.channels = 0
        self.sound = sound
        sound.blocks = self._count(sound.blocks)

    @property
    def seconds(self) -> float:
        return self.frames / self.sound.rate_hz

    def find_fault(self, content: bytes) -> str | None:
        """A fault if the reader gave more samples than so many bytes can hold."""
        plain = content[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM")
        values = self.frames * (self.channels if plain else 1)
        limit = len(content) * (MAX_VALUES_PER_BYTE if plain else MAX_FRAMES_PER_BYTE)
        return f"{values} samples of {len(content)} bytes" if values > limit else None

    def _count(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self.frames += len(block)
            self.channels = block.shape[1]
            yield block


def find_fault(result: Result, recogniser: Recogniser, duration_s: float) -> str | None:
    """What is wrong with the result for so many seconds of audio, None if nothing is.

    A resampler rounds to whole samples, so one sample more than was read is right.
    """
    limit_s = duration_s + 1 / recogniser.config.sampling_rate
    if not 0 < result.duration_s <= limit_s:
        return f"a duration of {result.duration_s} s, where {duration_s} s were read"
    scores = result.scores
    if (scores is None) != (result.label is None) or (scores is None) != (result.score is None):
        return f"label {result.label}, score {result.score}, scores {scores}"
    if scores is not None:
        values = scores.values()
        if tuple(scores) != recogniser.labels or not all(0 <= value <= 1 for value in values):
            return f"scores {scores}"
        if (
            abs(sum(values) - 1) > 1e-9
            or result.score != max(values)
            or scores[result.label or ""] != result.score
        ):
            return f"scores {scores}, of which {result.label} has {result.score}"
    return _find_timeline_fault(result, recogniser) or next(
        filter(None, (find_unreadable(warning.text) for warning in result.warnings)), None
    )


def _find_timeline_fault(result: Result, recogniser: Recogniser) -> str | None:
    for span in result.timeline:
        inside = 0 <= span.start < span.end <= result.duration_s
        if not inside or not 0 <= span.score <= 1 or span.emotion not in recogniser.labels:
            return f"{span} in {result.duration_s} s"
    if any(one.end > other.start for one, other in itertools.pairwise(result.timeline)):
        return "spans that overlap"
    return None if math.isfinite(result.duration_s) else "no duration"


def find_unreadable(text: str) -> str | None:
    """A fault unless an error or a warning is one printable line of moderate length."""
    if text and text.isprintable() and len(text) <= 1_000:
        return None
    return f"a message of {len(text)} characters: {text[:100]!r}"
