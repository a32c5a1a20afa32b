"""Feeds one input to the runtime and says what became of it, and what is wrong with that."""

import io
import itertools
import math
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import emotrace
from emotrace.audio.quality import Samples
from emotrace.audio.reading import Sound, open_audio
from emotrace.audio.standard_input import open_standard_input
from emotrace.errors import EmotraceError, ModelError
from emotrace.inference.recogniser import Recogniser
from emotrace.inference.result import Result

MOST_VALUES_A_BYTE = 8  # in WAV and AIFF, whose tightest codec, GSM, has 5
MOST_FRAMES_A_BYTE = 65_536  # of a codec: a frame of FLAC that is all one number takes a few bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an input.

    Attributes:
        outcome: "result", "silence" or "refused"
        fault: what is wrong with that, None if all is as it should be
        said: the error or the warnings
    """

    outcome: str
    fault: str | None = None
    said: str = ""


def judge_file(recogniser: Recogniser, content: bytes, path: Path | None = None) -> Verdict:
    """The bytes as they are, or where `path` is given as a file."""
    if path is not None:
        path.write_bytes(content)

    def push() -> tuple[Result, str | None]:
        with open_audio(path or content) as sound:
            heard = Counted(sound)
            result = recogniser(heard.sound)
        return result, heard.complaint(content) or complaint(result, recogniser, heard.seconds)

    return _judged(push)


def judge_pipe(recogniser: Recogniser, content: bytes) -> Verdict:
    """The bytes through the reader of `emotrace trace -`."""

    def push() -> tuple[Result, str | None]:
        heard = Counted(open_standard_input(io.BytesIO(content)))
        stream = recogniser.stream(heard.sound.rate_hz, heard.sound.name)
        events = [event for block in heard.sound.blocks for event in stream.push(block)]
        events += stream.flush()
        result = stream.result(heard.sound.file, heard.sound.warnings)
        closed = tuple(event.span for event in events if event.kind == "closed")
        told = None if closed == result.timeline.spans else "the events are not those of the timeline"
        return result, told or heard.complaint(content) or complaint(result, recogniser, heard.seconds)

    return _judged(push)


def judge_folder(folder: Path, samples: Samples) -> Verdict:
    """A model folder, and what it says of some samples if it loads."""

    def push() -> tuple[Result, str | None]:
        recogniser = emotrace.load(folder, threads=1)
        result = recogniser((samples, 16_000))
        return result, complaint(result, recogniser, len(samples) / 16_000)

    return _judged(push, ModelError)


def _judged(
    push: Callable[[], tuple[Result, str | None]], expected: type[EmotraceError] = EmotraceError
) -> Verdict:
    try:
        result, fault = push()
    except expected as error:
        return Verdict("refused", unreadable(str(error)), str(error))
    except BaseException as error:  # noqa: BLE001 - whatever else it is, it is what we look for
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"[:300]
        return Verdict("untyped", said, said)
    outcome = "silence" if result.label is None else "result"
    return Verdict(outcome, fault, "; ".join(map(str, result.warnings)))


class Counted:
    """A sound whose frames are counted as they are read."""

    def __init__(self, sound: Sound) -> None:
        self.frames = self.channels = 0
        self.sound = sound
        sound.blocks = self._counted(sound.blocks)

    @property
    def seconds(self) -> float:
        return self.frames / self.sound.rate_hz

    def complaint(self, content: bytes) -> str | None:
        """Whether more samples were given than so few bytes can hold."""
        plain = content[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM")
        values = self.frames * (self.channels if plain else 1)
        most = len(content) * (MOST_VALUES_A_BYTE if plain else MOST_FRAMES_A_BYTE)
        return f"{values} samples of {len(content)} bytes" if values > most else None

    def _counted(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        for block in blocks:
            self.frames += len(block)
            self.channels = block.shape[1]
            yield block


def complaint(result: Result, recogniser: Recogniser, heard_s: float) -> str | None:
    """What is wrong with a result of so many seconds, None if nothing is.

    A resampler rounds to whole samples, so a sample more than was heard is right.
    """
    limit_s = heard_s + 1 / recogniser.config.sampling_rate
    if not 0 < result.duration_s <= limit_s:
        return f"a duration of {result.duration_s} s, where {heard_s} s were heard"
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
    return _wrong_in_timeline(result, recogniser) or next(
        filter(None, (unreadable(warning.text) for warning in result.warnings)), None
    )


def _wrong_in_timeline(result: Result, recogniser: Recogniser) -> str | None:
    for span in result.timeline:
        inside = 0 <= span.start < span.end <= result.duration_s
        if not inside or not 0 <= span.score <= 1 or span.emotion not in recogniser.labels:
            return f"{span} in {result.duration_s} s"
    if any(one.end > other.start for one, other in itertools.pairwise(result.timeline)):
        return "spans that overlap"
    return None if math.isfinite(result.duration_s) else "no duration"


def unreadable(text: str) -> str | None:
    """Whether an error or a warning is not one line of moderate length that can be printed."""
    if text and text.isprintable() and len(text) <= 1_000:
        return None
    return f"a message of {len(text)} characters: {text[:100]!r}"
