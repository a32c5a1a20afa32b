"""Reading of audio: a file, bytes, a file object or samples → mono at one rate, with warnings."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from emotrace.audio.preprocessing import MINIMUM_S as MINIMUM_S
from emotrace.audio.preprocessing import StreamPreprocessor, as_floats
from emotrace.audio.quality import Samples
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

SAMPLE_RATE_HZ = 16_000
SUFFIXES = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"})

_BLOCK_VALUES = 1 << 18
_LENGTH_UNKNOWN = 0x7FFF0000  # writers to pipes put the highest possible length into the header
_READABLE = "WAV, FLAC, OGG, MP3 or AIFF"
_SAMPLE_DUMP = b"\xf0\x7e"  # refused, because libsndfile writes to stdout when one is damaged
_CONTAINERS = (  # offset, bytes there, name of the format
    (4, b"ftyp", "MPEG-4 (m4a, mp4)"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"0&\xb2u", "Windows Media"),
    (0, b"#!AMR", "AMR"),
    (0, b"\xff\xf1", "AAC"),
    (0, b"\xff\xf9", "AAC"),
    (8, b"AVI ", "AVI"),
)


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


Source = str | os.PathLike[str] | bytes | BinaryIO | tuple[npt.ArrayLike, float] | AudioStream


def read_audio(source: Source, rate_hz: int = SAMPLE_RATE_HZ, minimum_s: float = MINIMUM_S) -> Audio:
    """Read audio as mono float32 at `rate_hz`. Files are read, mixed and resampled in blocks.

    Args:
        source: a path, the bytes of a file, a binary file object, or `(samples, sample_rate_hz)`, with
            samples of shape (n,) or (n, channels), floats of full scale ±1 or integers of 8, 16 or 32 bits
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
    if isinstance(source, AudioStream):
        yield source
    elif isinstance(source, tuple):
        yield _stream_of_samples(*source)
    else:
        name, file = _open(source)
        with file, _decoder(name, file) as decoder:
            sound = AudioStream(name, decoder.samplerate, iter(()))
            sound.file = name if isinstance(source, str | os.PathLike) else None
            sound.blocks = _blocks(decoder, sound.warnings)
            yield sound


def _stream_of_samples(samples: npt.ArrayLike, rate_hz: float) -> AudioStream:
    name = "<samples>"
    x = np.asarray(samples)
    if x.ndim == 2 and x.shape[1] > max(x.shape[0], 1):
        raise AudioError(f"{name}: found shape {x.shape}, expected (n,) or (n, channels); transpose them?")
    return AudioStream(name, rate_hz, iter([as_floats(x, name)]))


def _open(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, BinaryIO]:
    """The name of a source, and a file object at its start."""
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>", io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError:
            raise AudioError(f"{path}: found no such file, expected an audio file; check the path") from None
        except IsADirectoryError:
            raise AudioError(f"{path}: found a folder, expected an audio file") from None
        except OSError as error:
            raise AudioError(f"{path}: found a file that cannot be opened ({error.strerror})") from None
        except ValueError:  # the path contains a null character
            raise AudioError(f"found the path {str(path)!r}, expected a valid file path") from None
        if path.is_file():
            return str(path), file
        with file:  # a pipe, in which libsndfile cannot seek
            return str(path), io.BytesIO(file.read())
    if not hasattr(source, "read"):
        raise AudioError(
            f"found a {type(source).__name__}, expected a path, bytes, a binary file object "
            "or (samples, sample_rate_hz)"
        )
    content = source.read()
    if not isinstance(content, bytes):
        raise AudioError("found a file object opened as text, expected a binary one; open it with mode 'rb'")
    return str(getattr(source, "name", "<file object>")), io.BytesIO(content)


def _decoder(name: str, file: BinaryIO) -> soundfile.SoundFile:
    head = file.read(64)
    file.seek(0)
    if not head:
        raise AudioError(f"{name}: found an empty file, expected {_READABLE}")
    if head.startswith(_SAMPLE_DUMP):
        raise AudioError(f"{name}: found a MIDI sample dump, expected {_READABLE}; convert it")
    try:
        # With a descriptor, libsndfile reads by itself, and threads do not wait for the interpreter lock.
        # On systems other than POSIX, Python's descriptors may be invalid in libsndfile.
        has_descriptor = isinstance(file, io.FileIO) and os.name == "posix"
        handle = file.fileno() if has_descriptor else _SeekableFile(file)
        return soundfile.SoundFile(handle, closefd=False)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{name}: found {_describe(head, error.error_string)}, expected {_READABLE}; "
            "convert it, for example with ffmpeg"
        ) from None


class _SeekableFile:
    """A file object for libsndfile, which seeks to impossible positions if a header is damaged.

    An impossible seek makes `tell` return -1, as in C; an exception would make Python print a traceback. The
    object has no `name`, because soundfile treats files named `.raw` as files without a header.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._seek_failed = False

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> None:
        try:
            self._file.seek(offset, whence)
        except (OSError, OverflowError, ValueError):
            self._seek_failed = True

    def tell(self) -> int:
        seek_failed, self._seek_failed = self._seek_failed, False
        return -1 if seek_failed else self._file.tell()

    def read(self, count: int) -> bytes:
        return self._file.read(max(0, count))


def _describe(head: bytes, reason: str) -> str:
    for offset, first_bytes, container in _CONTAINERS:
        if head[offset:].startswith(first_bytes):
            return f"{container} audio"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return f"text ({head[:24].decode('ascii')!r})"
    if "does not exist" in reason:  # libsndfile reports undecodable MP3s in this way
        return "an MP3 that cannot be decoded, or a file that only starts like one"
    if "SF_INFO" in reason:
        return "a header without a sample rate or channels"
    return f"no readable audio ({reason.strip(' .')})"


def _blocks(sound: soundfile.SoundFile, warnings: list[RecognitionWarning]) -> Iterator[Samples]:
    """The file's blocks; if the file is damaged, the blocks before the damage, and a warning."""
    claimed, read, broken = _claimed_frames(sound), 0, False
    size = max(1, _BLOCK_VALUES // sound.channels)
    got = size
    while got == size and not broken:
        block = np.full((size, sound.channels), np.nan, dtype=np.float32)
        try:
            got = len(sound.read(out=block))
        except soundfile.LibsndfileError:  # the block contains the samples before the error
            broken = True
            got = size - int(np.isnan(block[::-1, 0]).cumprod().sum())
        read += got
        yield block[:got]
    broken &= claimed > 0  # a FLAC file without a length always ends with an error
    if broken or read < claimed - sound.samplerate // 10 or "end-of-stream" in sound.extra_info.lower():
        total = f" of {claimed / sound.samplerate:.2f} s" if claimed > read else ""
        text = f"cut short or damaged: used the {read / sound.samplerate:.2f} s{total} that could be read"
        warnings.append(RecognitionWarning("cut-short", text))


def _claimed_frames(sound: soundfile.SoundFile) -> int:
    """Frames according to the header, 0 if it has no length; libsndfile notes if the file is shorter."""
    frames, notes = int(sound.frames), sound.extra_info
    frames = frames if frames < _LENGTH_UNKNOWN else 0
    chunk = re.search(r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", notes, re.MULTILINE)
    if chunk and int(chunk[2]) < int(chunk[1]) < _LENGTH_UNKNOWN:
        return frames * int(chunk[1]) // max(int(chunk[2]), 1)
    ds64 = re.search(r"does not match value from 'ds64' chunk of (\d+)", notes)
    return max(frames, int(ds64[1])) if ds64 else frames
