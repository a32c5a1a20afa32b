"""A pipe in: a WAV stream or raw samples, taken as they arrive. Nothing is ever gone back to."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from emotrace.audio.preprocessing import as_floats
from emotrace.audio.quality import Samples
from emotrace.audio.raw import Encoding, Raw
from emotrace.audio.reading import AudioStream
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

_TYPES: dict[Encoding, str] = {
    "uint8": "u1",
    "int16": "<i2",
    "int24": "u1",  # three of them a sample
    "int32": "<i4",
    "float32": "<f4",
    "float64": "<f8",
}
_ENCODINGS: dict[tuple[int, int], Encoding] = {  # of WAV: format tag and bits a sample
    (1, 8): "uint8",
    (1, 16): "int16",
    (1, 24): "int24",
    (1, 32): "int32",
    (3, 32): "float32",
    (3, 64): "float64",
}
_EXTENSIBLE = 0xFFFE
_LENGTH_UNKNOWN = 0x7FFF0000  # what writes to a pipe claims nothing, or the most that a header can hold
_CHUNK_BYTES = 1 << 16
_FORMAT_BYTES = 40  # of the longest description of samples
_EXPECTED = "expected a WAV stream, or raw samples and their rate (--raw-rate HZ)"


def open_standard_input(file: BinaryIO, raw: Raw | None = None, name: str = "<stdin>") -> AudioStream:
    """A pipe as a `AudioStream` whose blocks come as they arrive.

    Args:
        file: read from where it stands to its end, without waiting for more than there is
        raw: what the samples are, for those without a header
        name: what errors call it

    Raises:
        AudioError: if it holds nothing, or neither WAV nor `raw` is given

    >>> import io
    >>> sound = open_standard_input(io.BytesIO(bytes(8_000)), Raw(16_000))
    >>> sound.rate_hz, sum(len(block) for block in sound.blocks)
    (16000, 4000)
    """
    claimed = None
    if raw is None:
        raw, claimed = _header(file, name)
    sound = AudioStream(name, raw.rate_hz, iter(()), file="-")
    sound.blocks = _blocks(file, raw, claimed, sound.warnings)
    return sound


def _header(file: BinaryIO, name: str) -> tuple[Raw, int | None]:
    """Read up to the samples: what they are, and how many bytes of them are claimed, None if not known."""
    head = _exactly(file, 12)
    if not head:
        raise AudioError(f"{name}: found nothing, {_EXPECTED}")
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise AudioError(f"{name}: found no WAV header (it begins {head[:8]!r}), {_EXPECTED}")
    raw = None
    while len(chunk := _exactly(file, 8)) == 8:
        kind, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if kind == b"data" and raw is not None:
            return raw, size if 0 < size < _LENGTH_UNKNOWN else None
        content = _exactly(file, min(size, _FORMAT_BYTES))
        if kind == b"fmt " and len(content) == min(size, _FORMAT_BYTES):
            raw = _format(content, name)
        _skip(file, size + size % 2 - len(content))
    raise AudioError(f"{name}: found a WAV header that breaks off, {_EXPECTED}; was the writer stopped?")


def _format(content: bytes, name: str) -> Raw:
    if len(content) >= 16:
        tag, channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", content[:16])
        if tag == _EXTENSIBLE and len(content) >= 26:
            tag = struct.unpack("<H", content[24:26])[0]
        if channels and (encoding := _ENCODINGS.get((tag, bits))):
            return Raw(rate_hz, encoding, channels)
        found = f"WAV format {tag} of {bits} bits and {channels} channels"
    else:
        found = "a WAV header without a format"
    raise AudioError(f"{name}: found {found}, expected PCM or floats; convert it, for example with ffmpeg")


def _blocks(
    file: BinaryIO, raw: Raw, claimed: int | None, warnings: list[RecognitionWarning]
) -> Iterator[Samples]:
    rest, read = b"", 0
    while claimed is None or read < claimed:
        wanted = _CHUNK_BYTES if claimed is None else min(_CHUNK_BYTES, claimed - read)
        if not (some := _available(file, wanted)):
            break
        read += len(some)
        rest += some
        whole = len(rest) // raw.frame_bytes * raw.frame_bytes
        if whole:
            yield _decoded(rest[:whole], raw)
        rest = rest[whole:]
    bytes_per_s = raw.frame_bytes * raw.rate_hz
    if claimed is not None and read < claimed - bytes_per_s // 10:
        text = (
            f"cut short or damaged: used the {read / bytes_per_s:.2f} s of {claimed / bytes_per_s:.2f} s "
            "that could be read"
        )
        warnings.append(RecognitionWarning("cut-short", text))


def _decoded(content: bytes, raw: Raw) -> Samples:
    values: npt.NDArray[np.generic] = np.frombuffer(content, dtype=_TYPES[raw.encoding])
    if raw.encoding == "int24":
        wide = np.zeros((len(values) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = values.reshape(-1, 3)
        values = wide.view("<i4").ravel()
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return as_floats(native.reshape(-1, raw.channels))


def _available(file: BinaryIO, most: int) -> bytes:
    """What there is, at most so much; waits for the first byte alone, where the file can."""
    content: bytes = file.read1(most) if hasattr(file, "read1") else file.read(most)
    return content


def _exactly(file: BinaryIO, count: int) -> bytes:
    """So many bytes, or fewer if the file ends."""
    return file.read(count)


def _skip(file: BinaryIO, count: int) -> None:
    while count > 0 and (some := file.read(min(count, _CHUNK_BYTES))):
        count -= len(some)
