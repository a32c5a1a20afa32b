"""Recordings of clients, decoded block by block within limits of duration, channels and time."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from emotrace.audio.quality import Samples
from emotrace.audio.reading import AudioStream, open_audio
from emotrace.errors import AudioError, MissingExtraError
from emotrace.serving.problems import ProblemError
from emotrace.serving.uploads import Upload

MAX_CHANNELS = 32  # each may be recognised by itself


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """Limits of one request.

    Attributes:
        max_duration_s: longest recording in seconds
        deadline: time of `time.monotonic` at which the work must be done
    """

    max_duration_s: float
    deadline: float


class _NamedBytes(io.BytesIO):
    """Bytes with the name that errors use."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(upload.content)
        self.name = upload.name or "audio"


@contextmanager
def open_upload(upload: Upload, limits: AudioLimits) -> Iterator[AudioStream]:
    """Open a recording of a client.

    Raises:
        ProblemError: 415 if it is no audio in a format that can be read here, 422 if it is empty; while it is
            read: 413 if it is too long, 422 if it has too many channels, 503 if there is no time left
    """
    if not upload.content:
        raise ProblemError(422, f"{upload.name or 'audio'}: found an empty file, expected audio")
    opened = False
    try:
        with open_audio(_NamedBytes(upload)) as sound:
            opened = True
            sound.file = upload.name
            sound.blocks = _limited(sound, sound.blocks, limits)
            yield sound
    except (AudioError, MissingExtraError) as error:
        raise ProblemError(422 if opened else 415, str(error)) from None


def _limited(sound: AudioStream, blocks: Iterator[Samples], limits: AudioLimits) -> Iterator[Samples]:
    samples = 0
    for block in blocks:
        samples += len(block)
        if samples > limits.max_duration_s * sound.rate_hz:
            raise ProblemError(
                413,
                f"{sound.name}: found more than {limits.max_duration_s / 60:g} minutes of audio, expected at "
                "most that; cut the recording",
            )
        if block.shape[1] > MAX_CHANNELS:
            raise ProblemError(
                422, f"{sound.name}: found {block.shape[1]} channels, expected at most {MAX_CHANNELS}"
            )
        check_deadline(limits)
        yield block


def check_deadline(limits: AudioLimits) -> None:
    """Raise 503 if there is no time left."""
    if time.monotonic() > limits.deadline:
        raise ProblemError(
            503,
            "found work that takes too long, expected less; try again, or send less audio",
            {"Retry-After": "5"},
        )
