"""Reading of audio: a file, bytes, a file object or samples → mono at one rate, with warnings."""

import io
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
import soundfile

from emotrace.audio import media
from emotrace.audio.file_decoder import blocks, open_decoder
from emotrace.audio.file_types import find_container
from emotrace.audio.preprocessing import MINIMUM_S as MINIMUM_S
from emotrace.audio.preprocessing import StreamPreprocessor
from emotrace.audio.quality import Samples
from emotrace.audio.sources import NAME, check_file_object, samples_and_rate, unwrap
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

SAMPLE_RATE_HZ = 16_000
SUFFIXES = frozenset(
    {".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"}
    | {".au", ".snd", ".caf", ".sph"}
)


def readable_suffixes() -> frozenset[str]:
    """Suffixes of the files that can be read here: more with the extra `media`."""
    return SUFFIXES | media.SUFFIXES if media.is_installed() else SUFFIXES


@dataclass(frozen=True, slots=True)
class Audio:
    """A mono recording at one rate.

    Attributes:
        samples: float32, shape (sample,), full scale ±1
        sample_rate_hz: samples per second
        warnings: changes that were made, and reasons for doubt
        silent: whether it is digital silence, which has no emotion
        name: the file's name as it was given, None for bytes and samples
    """

    samples: Samples
    sample_rate_hz: int
    warnings: tuple[RecognitionWarning, ...] = ()
    silent: bool = False
    name: str | None = None

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz


@dataclass(slots=True)
class AudioStream:
    """A recording that is read block by block.

    Attributes:
        name: name of the recording in errors
        rate_hz: samples per second
        blocks: float32, shape (sample, channel), full scale ±1; can be iterated once
        file: the file's name as it was given, None for bytes and samples
        warnings: damage that the reader found; complete when the blocks are exhausted
    """

    name: str
    rate_hz: float
    blocks: Iterator[Samples]
    file: str | None = None
    warnings: list[RecognitionWarning] = field(default_factory=list)


Source: TypeAlias = (
    str
    | os.PathLike[str]
    | bytes
    | BinaryIO
    | soundfile.SoundFile
    | tuple[npt.ArrayLike, float]
    | Mapping[str, Any]
    | AudioStream
)


def read_audio(source: Source, rate_hz: int = SAMPLE_RATE_HZ, minimum_s: float = MINIMUM_S) -> Audio:
    """Read audio as mono float32 at `rate_hz`. Files are read, mixed and resampled in blocks.

    Args:
        source: a path, the bytes of a file, a binary file object, a `SoundFile`, an audio entry of
            `datasets`, or `(samples, sample_rate_hz)`, with samples of shape (n,) or (n, channels), floats of
            full scale ±1 or integers of 8, 16 or 32 bits
        rate_hz: sample rate of the result
        minimum_s: the shortest duration that is accepted

    Raises:
        AudioError: if the file does not exist, is not audio in a supported format, is empty or shorter than
            `minimum_s`, or has samples that are not finite

    >>> second = np.sin(np.arange(48_000) / 10).astype(np.float32)
    >>> audio = read_audio((np.stack([second, second], axis=1), 48_000))
    >>> audio.samples.shape, audio.duration_s, [str(warning) for warning in audio.warnings[:2]]
    ((16000,), 1.0, ['resampled 48000 Hz to 16000 Hz', '2 channels mixed to mono'])
    """
    with open_audio(source) as sound:
        preprocessor = StreamPreprocessor(sound.rate_hz, rate_hz, sound.name)
        pieces = [preprocessor.push(block) for block in sound.blocks]
        samples = np.concatenate([*pieces, preprocessor.flush(minimum_s)])
        warnings = preprocessor.warnings(sound.warnings)
        return Audio(samples, rate_hz, warnings, preprocessor.silent, sound.file)


@contextmanager
def open_audio(source: Source) -> Iterator[AudioStream]:
    """Open a source of `read_audio` for reading block by block; an `AudioStream` is returned unchanged.

    Raises:
        AudioError: if the file does not exist or is not audio in a supported format
    """
    source = unwrap(source)
    if isinstance(source, AudioStream):
        yield source
    elif isinstance(source, tuple):
        samples, rate_hz = samples_and_rate(source)
        yield AudioStream(NAME, rate_hz, iter([samples]))
    elif isinstance(source, soundfile.SoundFile):
        yield _stream_of_sound_file(source)
    else:
        name, file = _open(source)
        is_path = isinstance(source, str | os.PathLike)
        with file:
            head = file.read(64)
            file.seek(0)
            if not head:
                raise AudioError(f"{name}: found an empty file, expected {media.readable_formats()}")
            sound = AudioStream(name, 0, iter(()), name if is_path else None)
            with ExitStack() as stack:
                sound.rate_hz, sound.blocks = _start(stack, name, file, head, sound.warnings)
                yield sound


def _start(
    stack: ExitStack, name: str, file: BinaryIO, head: bytes, warnings: list[RecognitionWarning]
) -> tuple[int, Iterator[Samples]]:
    """Start the reader that fits the first bytes of a file; `stack` closes it."""
    container = find_container(head)
    if container is None or not container.only_ffmpeg:
        try:
            return stack.enter_context(open_decoder(name, file, head, warnings))
        except AudioError:
            if container is None:
                raise
            file.seek(0)
    return stack.enter_context(media.open_media(name, file, container, warnings))


def _stream_of_sound_file(file: soundfile.SoundFile) -> AudioStream:
    """What a `SoundFile` still has to read; it is left open."""
    name = str(getattr(file, "name", NAME))
    if file.closed or "r" not in file.mode:
        state = "closed" if file.closed else "opened for writing"
        raise AudioError(f"{name}: found a SoundFile that is {state}, expected one opened for reading")
    sound = AudioStream(name, file.samplerate, iter(()))
    sound.blocks = blocks(file, sound.warnings)
    return sound


def _open(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, BinaryIO]:
    """The name of a source, and a file object at its start."""
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>", io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        if not os.fspath(source):
            raise AudioError("found an empty path, expected that of an audio file")
        path = Path(source)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            if path.is_symlink():
                raise AudioError(
                    f"{path}: found a link to {path.readlink()}, which does not exist, expected an audio "
                    "file; remove the link, or restore what it names"
                ) from None
            raise AudioError(f"{path}: found no such file, expected an audio file; check the path") from None
        except IsADirectoryError:
            raise AudioError(f"{path}: found a folder, expected an audio file") from None
        except OSError as error:
            raise AudioError(f"{path}: found a file that cannot be opened ({error.strerror})") from None
        except ValueError:  # the path contains a null character
            raise AudioError(f"found the path {str(path)!r}, expected a valid file path") from None
        kind = os.fstat(file.fileno()).st_mode
        if stat.S_ISCHR(kind) or stat.S_ISBLK(kind):  # it may never end
            file.close()
            raise AudioError(f"{path}: found a device, expected an audio file; check the path")
        if stat.S_ISREG(kind):
            return str(path), file
        with file:  # a pipe, in which libsndfile cannot seek
            return str(path), io.BytesIO(file.read())
    check_file_object(source)
    content = source.read()
    if not isinstance(content, bytes):
        raise AudioError("found a file object opened as text, expected a binary one; open it with mode 'rb'")
    return str(getattr(source, "name", "<file object>")), io.BytesIO(content)
