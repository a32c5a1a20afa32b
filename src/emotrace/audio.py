"""Audio in: a file, bytes, a file object or samples → mono at the model's rate, and what was changed."""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from emotrace.audio_checks import SHORT_S, Meter, Samples, is_narrow_band
from emotrace.errors import AudioError

SAMPLE_RATE_HZ = 16_000
MINIMUM_S = 0.175  # 16 frames of 25 ms, one every 10 ms
SUFFIXES = frozenset({".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc"})

Source = str | os.PathLike[str] | bytes | BinaryIO | tuple[npt.ArrayLike, float]

_LEAST_RATE_HZ = 1_000  # a damaged header may claim 1 Hz, and so ask for 16,000 samples in place of one
_LOUDEST = 1e12  # squares of more overflow the model's single precision
_BLOCK_VALUES = 1 << 20
_LENGTH_UNKNOWN = 0x7FFF0000  # what writes to a pipe claims the most that a header can hold
_READABLE = "WAV, FLAC, OGG, MP3 or AIFF"
_CONTAINERS = (  # offset, first bytes, what they are
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
        sample_rate_hz: samples a second
        warnings: what was changed or is doubtful, each a short phrase
        silent: digital silence, in which there is nothing to recognise
        name: the file's name as it was given, None for what has none
    """

    samples: Samples
    sample_rate_hz: int
    warnings: tuple[str, ...] = ()
    silent: bool = False
    name: str | None = None

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz


@dataclass(slots=True)
class _Stream:
    """Blocks of shape (sample, channel) on their way in; `faults` fills while they are read."""

    name: str
    rate_hz: int
    channels: int
    blocks: Iterator[Samples]
    faults: list[str] = field(default_factory=list)


def read_audio(source: Source, rate_hz: int = SAMPLE_RATE_HZ, minimum_s: float = MINIMUM_S) -> Audio:
    """Read any audio as mono float32 at `rate_hz`. Files are read, mixed and resampled in blocks.

    Args:
        source: a path, the bytes of a file, a binary file object, or `(samples, sample_rate_hz)`, with
            samples of shape (n,) or (n, channels), floats of full scale ±1 or integers of 8, 16 or 32 bits
        rate_hz: the rate wanted
        minimum_s: the shortest audio that is of use

    Raises:
        AudioError: if there is no such file, it is no audio we read, holds nothing, is shorter than
            `minimum_s`, or holds samples that are not finite

    >>> second = np.sin(np.arange(48_000) / 10).astype(np.float32)
    >>> audio = read_audio((np.stack([second, second], axis=1), 48_000))
    >>> audio.samples.shape, audio.duration_s, audio.warnings[:2]
    ((16000,), 1.0, ('resampled 48000 Hz to 16000 Hz', '2 channels mixed to mono'))
    """
    if isinstance(source, tuple):
        return _from_stream(_stream_of_samples(*source), rate_hz, minimum_s, name=None)
    name, file = _open(source)
    with file, _sound(name, file) as sound:
        named = name if isinstance(source, str | os.PathLike) else None
        return _from_stream(_stream_of_file(name, sound), rate_hz, minimum_s, named)


def _from_stream(stream: _Stream, rate_hz: int, minimum_s: float, name: str | None) -> Audio:
    if stream.rate_hz < _LEAST_RATE_HZ:
        raise AudioError(
            f"{stream.name}: found a sample rate of {stream.rate_hz} Hz, expected {_LEAST_RATE_HZ} Hz "
            "or more; check the header or the rate given"
        )
    meter = Meter()
    resampler = None if stream.rate_hz == rate_hz else soxr.ResampleStream(stream.rate_hz, rate_hz, 1)
    pieces: list[Samples] = []
    for block in stream.blocks:
        _refuse_what_is_not_finite(block, meter.frames, stream)
        meter.hear(block)
        mono = block.mean(axis=1, dtype=np.float32)
        pieces.append(mono if resampler is None else resampler.resample_chunk(mono))
    if resampler is not None:
        pieces.append(resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
    samples = np.concatenate([np.zeros(0, dtype=np.float32), *pieces])
    duration_s = len(samples) / rate_hz
    if not len(samples):
        raise AudioError(
            f"{stream.name}: found no samples, expected at least {1000 * minimum_s:.0f} ms of audio"
        )
    if len(samples) < round(minimum_s * rate_hz):
        raise AudioError(
            f"{stream.name}: found {1000 * duration_s:.0f} ms of audio, "
            f"expected at least {1000 * minimum_s:.0f} ms; give a longer recording"
        )
    if meter.peak > _LOUDEST:
        raise AudioError(
            f"{stream.name}: found samples as large as {meter.peak:.1e}, expected -1 to 1; "
            "write the file anew from its source"
        )
    warnings = [f"resampled {stream.rate_hz} Hz to {rate_hz} Hz"] if resampler is not None else []
    warnings += [f"{stream.channels} channels mixed to mono"] if stream.channels > 1 else []
    warnings += stream.faults + meter.warnings()
    if duration_s < SHORT_S:
        warnings.append(f"short: {duration_s:.2f} s, and under {SHORT_S:g} s emotion is hard to tell")
    if not meter.silent and is_narrow_band(samples, rate_hz):
        warnings.append("narrow band: no energy above 4 kHz")
    return Audio(samples, rate_hz, tuple(warnings), meter.silent, name)


def _refuse_what_is_not_finite(block: Samples, frames_before: int, stream: _Stream) -> None:
    finite = np.isfinite(block)
    if not finite.all():
        first = int(np.flatnonzero(~finite.all(axis=1))[0])
        raise AudioError(
            f"{stream.name}: found a sample that is not finite at "
            f"{(frames_before + first) / stream.rate_hz:.3f} s, expected numbers only; "
            "write the file anew from its source"
        )


def _stream_of_samples(samples: npt.ArrayLike, rate_hz: float) -> _Stream:
    """Samples in memory as a stream: integers scaled to ±1, one block."""
    name = "<samples>"
    x = np.asarray(samples)
    if not (np.isfinite(rate_hz) and rate_hz == int(rate_hz)):
        raise AudioError(f"{name}: found a sample rate of {rate_hz}, expected a whole number of Hz")
    if x.ndim not in (1, 2) or (x.ndim == 2 and not 0 < x.shape[1] <= max(x.shape[0], 1)):
        raise AudioError(f"{name}: found shape {x.shape}, expected (n,) or (n, channels); transpose them?")
    if x.dtype == np.uint8:
        x = (x.astype(np.float32) - 128) / 128
    elif x.dtype in (np.int8, np.int16, np.int32):
        x = (x / -float(np.iinfo(x.dtype).min)).astype(np.float32)
    elif x.dtype.kind != "f":
        raise AudioError(
            f"{name}: found samples of type {x.dtype}, expected floats of full scale 1 "
            "or integers of 8, 16 or 32 bits"
        )
    with np.errstate(over="ignore"):  # what overflows to infinity is refused as not finite
        x = x.astype(np.float32, copy=False)
    x = x[:, None] if x.ndim == 1 else x
    return _Stream(name, int(rate_hz), x.shape[1], iter([x]))


def _open(source: str | os.PathLike[str] | bytes | BinaryIO) -> tuple[str, BinaryIO]:
    """Name of a source, and its bytes as a file object at its beginning."""
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>", io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            raise AudioError(f"{path}: found no such file, expected an audio file; check the path") from None
        except IsADirectoryError:
            raise AudioError(f"{path}: found a folder, expected an audio file") from None
        except OSError as error:
            raise AudioError(f"{path}: found a file that cannot be opened ({error.strerror})") from None
        if path.is_file():
            return str(path), file
        with file:  # a pipe, which cannot go back
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


def _sound(name: str, file: BinaryIO) -> soundfile.SoundFile:
    head = file.read(64)
    file.seek(0)
    if not head:
        raise AudioError(f"{name}: found an empty file, expected {_READABLE}")
    try:
        return soundfile.SoundFile(file)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{name}: found {_what_it_is(head, error.error_string)}, expected {_READABLE}; "
            "convert it, for example with ffmpeg"
        ) from None
    except TypeError:  # soundfile goes by the names of files that have no header
        raise AudioError(
            f"{name}: found the name of a headerless file, expected {_READABLE}; "
            "convert it, or give its samples and rate"
        ) from None


def _what_it_is(head: bytes, reason: str) -> str:
    for offset, first_bytes, container in _CONTAINERS:
        if head[offset:].startswith(first_bytes):
            return f"{container} audio"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return f"text ({head[:24].decode('ascii')!r})"
    if "SF_INFO" in reason:
        return "a header without a sample rate or channels"
    return f"no audio that can be read ({reason.strip(' .')})"


def _stream_of_file(name: str, sound: soundfile.SoundFile) -> _Stream:
    stream = _Stream(name, sound.samplerate, sound.channels, iter(()))
    stream.blocks = _blocks(sound, stream)
    return stream


def _blocks(sound: soundfile.SoundFile, stream: _Stream) -> Iterator[Samples]:
    """The file's blocks; where it breaks off, what is there and a fault that says so."""
    claimed, read, broken = _claimed_frames(sound), 0, False
    size = max(1, _BLOCK_VALUES // sound.channels)
    got = size
    while got == size and not broken:
        block = np.full((size, sound.channels), np.nan, dtype=np.float32)
        try:
            got = len(sound.read(out=block))
        except soundfile.LibsndfileError:  # what was decoded before the error is in the block
            broken = True
            got = size - int(np.isnan(block[::-1, 0]).cumprod().sum())
        read += got
        yield block[:got]
    broken &= claimed > 0  # a FLAC that does not know its length always ends with an error
    if broken or read < claimed - sound.samplerate // 10 or "end-of-stream" in sound.extra_info.lower():
        there = f"{read / sound.samplerate:.2f} s"
        of = f" of {claimed / sound.samplerate:.2f} s" if claimed > read else ""
        stream.faults.append(f"cut short or damaged: used the {there}{of} that could be read")


def _claimed_frames(sound: soundfile.SoundFile) -> int:
    """How many frames the header claims, 0 if it does not know; libsndfile notes where a file is shorter."""
    frames, notes = int(sound.frames), sound.extra_info
    frames = frames if frames < _LENGTH_UNKNOWN else 0
    chunk = re.search(r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", notes, re.MULTILINE)
    if chunk and int(chunk[2]) < int(chunk[1]) < _LENGTH_UNKNOWN:
        return frames * int(chunk[1]) // max(int(chunk[2]), 1)
    ds64 = re.search(r"does not match value from 'ds64' chunk of (\d+)", notes)
    return max(frames, int(ds64[1])) if ds64 else frames
