"""Sound of files that FFmpeg reads: phone and browser recordings, and the sound tracks of videos.

PyAV, which brings FFmpeg, belongs to the extra `media`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from emotrace.audio.file_types import Container, list_formats
from emotrace.audio.quality import Samples
from emotrace.errors import AudioError, MissingExtraError
from emotrace.warning import RecognitionWarning

if TYPE_CHECKING:
    from av.container import InputContainer

SUFFIXES = frozenset(
    {".3g2", ".3gp", ".3gpp", ".aac", ".amr", ".asf", ".avi", ".flv", ".m4a", ".m4b", ".m4v", ".mka", ".mkv"}
    | {".mov", ".mp4", ".mpeg", ".mpg", ".weba", ".webm", ".wma", ".wmv"}
)
_TOLERANCE_S = 0.5  # by which containers round the duration of their sound


def is_installed() -> bool:
    """Whether files in the formats of `SUFFIXES` can be read."""
    try:
        return find_spec("av") is not None
    except ValueError:  # an import that was blocked
        return False


def readable_formats() -> str:
    """The formats that can be read here, for errors.

    >>> readable_formats().startswith("WAV, FLAC, OGG, MP3")
    True
    """
    return list_formats(with_ffmpeg=is_installed())


@contextmanager
def open_media(
    name: str, file: BinaryIO, container: Container, warnings: list[RecognitionWarning]
) -> Iterator[tuple[int, Iterator[Samples]]]:
    """The rate and the blocks of the first sound track; blocks have the shape (sample, channel).

    Args:
        name: name of the recording in errors
        file: the file at its start
        container: its format
        warnings: gets warnings about damage and about further sound tracks

    Raises:
        MissingExtraError: if PyAV is not installed
        AudioError: if the file cannot be decoded, or has no sound
    """
    if not is_installed():
        codec = "" if container.only_ffmpeg else " that libsndfile cannot decode"
        raise MissingExtraError(
            f"{name}: found {container.name} audio{codec}, expected {readable_formats()}; "
            'run: pip install "emotrace[media]", or convert it, for example with ffmpeg'
        )
    import av

    av.logging.set_level(av.logging.PANIC)
    try:
        # The file is opened with this reader only: FFmpeg's playlists could open other files and addresses.
        opened = av.open(file, "r", format=container.demuxer, options={"protocol_whitelist": "pipe"})
    except (av.FFmpegError, ValueError, OSError) as error:
        raise _cannot_decode(name, container, error) from None
    with opened:
        tracks = opened.streams.audio
        if not tracks:
            raise AudioError(
                f"{name}: found {container.name} without a sound track, expected one; give another file"
            )
        if len(tracks) > 1:
            text = f"{len(tracks)} sound tracks: used the first"
            warnings.append(RecognitionWarning("sound-tracks", text))
        rates: list[int] = []
        blocks = _blocks(name, opened, container, rates, warnings)
        try:
            first = next(blocks)
        except StopIteration:
            raise AudioError(
                f"{name}: found no samples in its {container.name} audio, expected some"
            ) from None
        yield rates[0], _chain(first, blocks)


def _chain(first: Samples, rest: Iterator[Samples]) -> Iterator[Samples]:
    yield first
    yield from rest


def _blocks(
    name: str,
    opened: InputContainer,
    container: Container,
    rates: list[int],
    warnings: list[RecognitionWarning],
) -> Iterator[Samples]:
    """The blocks; the rate of the first frame, which the container may not know, is added to `rates`."""
    import av

    track = opened.streams.audio[0]
    resampler: Any = None
    read, broken = 0, False
    frames = opened.decode(track)
    while True:
        try:
            frame = next(frames, None)
            if frame is not None and resampler is None:  # it makes all frames like the first
                resampler = av.AudioResampler("flt", frame.layout, frame.sample_rate)
                rates.append(frame.sample_rate)
            converted = [] if resampler is None else resampler.resample(frame)
        except (av.FFmpegError, ValueError) as error:
            if not read:
                raise _cannot_decode(name, container, error) from None
            broken = True
            break
        for part in converted:
            samples = part.to_ndarray().reshape(-1, part.layout.nb_channels)
            read += len(samples)
            yield np.ascontiguousarray(samples, dtype=np.float32)
        if frame is None:
            break
    claimed_s = float(track.duration * track.time_base) if track.duration and track.time_base else 0.0
    found_s = read / rates[0] if rates else 0.0
    if broken or found_s < claimed_s - _TOLERANCE_S:
        total = f" of {claimed_s:.2f} s" if claimed_s > found_s else ""
        text = f"cut short or damaged: used the {found_s:.2f} s{total} that could be read"
        warnings.append(RecognitionWarning("cut-short", text))


def _cannot_decode(name: str, container: Container, error: Exception) -> AudioError:
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return AudioError(
        f"{name}: found {container.name} audio that cannot be decoded ({reason}), expected a complete file; "
        "get it again from its source"
    )
