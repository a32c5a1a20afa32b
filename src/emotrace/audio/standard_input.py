"""Reading of standard input: a WAV stream or raw samples, as they arrive, without seeking."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from emotrace.audio.file_parts import LENGTH_UNKNOWN, is_chunk
from emotrace.audio.preprocessing import as_floats
from emotrace.audio.quality import Samples
from emotrace.audio.raw import Encoding, Raw
from emotrace.audio.reading import AudioStream
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

_TYPES: dict[Encoding, str] = {
    "uint8": "u1",
    "int16": "<i2",
    "int24": "u1",  # three per sample
    "int32": "<i4",
    "float32": "<f4",
    "float64": "<f8",
    "mulaw": "u1",
    "alaw": "u1",
}
_ENCODINGS: dict[tuple[int, int], Encoding] = {  # WAV's format tag and bits per sample
    (1, 8): "uint8",
    (1, 16): "int16",
    (1, 24): "int24",
    (1, 32): "int32",
    (3, 32): "float32",
    (3, 64): "float64",
    (6, 8): "alaw",
    (7, 8): "mulaw",
}
_EXTENSIBLE = 0xFFFE
_FORMS = (b"RIFF", b"RF64")
_CHUNK_BYTES = 1 << 16
_FORMAT_BYTES = 40  # of the longest format chunk
_EXPECTED = "expected a WAV stream, or raw samples and their rate (--raw-rate HZ)"


def open_standard_input(file: BinaryIO, raw: Raw | None = None, name: str = "<stdin>") -> AudioStream:
    """An `AudioStream` whose blocks are yielded as they arrive.

    Args:
        file: read from its current position to its end; a read returns the bytes that are available
        raw: format of the samples, if there is no WAV header
        name: name of the recording in errors

    Raises:
        AudioError: if the input is empty, or is not WAV and `raw` is None

    >>> import io
    >>> sound = open_standard_input(io.BytesIO(bytes(8_000)), Raw(16_000))
    >>> sound.rate_hz, sum(len(block) for block in sound.blocks)
    (16000, 4000)
    """
    claimed = None
    if raw is None:
        raw, claimed = _header(file, name)
    sound = AudioStream(name, raw.rate_hz, iter(()), file="-")
    sound.blocks = _blocks(file, raw, claimed, name, sound.warnings)
    return sound


def _header(file: BinaryIO, name: str, start: bytes = b"") -> tuple[Raw, int | None]:
    """Read the header, of which `start` was read already.

    Returns:
        the format, and the number of bytes of samples, None if it is unknown
    """
    head = start + file.read(12 - len(start))
    if not head:
        raise AudioError(f"{name}: found nothing, {_EXPECTED}")
    if head[:4] not in _FORMS or head[8:] != b"WAVE":
        raise AudioError(f"{name}: found no WAV header (it starts with {head[:8]!r}), {_EXPECTED}")
    raw = None
    while len(chunk := file.read(8)) == 8:
        kind, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if kind == b"data" and raw is not None:
            return raw, size if 0 < size < LENGTH_UNKNOWN else None
        content = file.read(min(size, _FORMAT_BYTES))
        if kind == b"fmt " and len(content) == min(size, _FORMAT_BYTES):
            raw = _format(content, name)
        _skip(file, size + size % 2 - len(content))
    raise AudioError(
        f"{name}: found an incomplete WAV header, {_EXPECTED}; check whether the writer was stopped"
    )


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
    raise AudioError(
        f"{name}: found {found}, expected PCM or float samples; convert it, for example with ffmpeg"
    )


def _blocks(
    file: BinaryIO, raw: Raw, claimed: int | None, name: str, warnings: list[RecognitionWarning]
) -> Iterator[Samples]:
    rest, read, first_claim = b"", 0, claimed
    while True:
        if claimed is not None and read >= claimed:
            following = file.read(8 + read % 2)[read % 2 :]
            if following[:4] in _FORMS:  # joined streams
                further, claimed = _further_claim(file, raw, following, name, warnings)
                if not further:
                    break
                claimed = None if claimed is None else read + claimed
            elif len(following) < 8 or is_chunk(following):
                break
            else:  # the header claims too little
                rest, read, claimed = rest + following, read + len(following), None
        wanted = _CHUNK_BYTES if claimed is None else min(_CHUNK_BYTES, claimed - read)
        if not (some := _available(file, wanted)):
            break
        read += len(some)
        rest += some
        whole = len(rest) // raw.frame_bytes * raw.frame_bytes
        if whole:
            yield decode_samples(rest[:whole], raw)
        rest = rest[whole:]
    bytes_per_s = raw.frame_bytes * raw.rate_hz
    read_s, first_claim_s = read / bytes_per_s, (first_claim or 0) / bytes_per_s
    if claimed is not None and read < claimed - bytes_per_s // 10:
        text = (
            f"cut short or damaged: used the {read_s:.2f} s of {claimed / bytes_per_s:.2f} s "
            "that could be read"
        )
        warnings.append(RecognitionWarning("cut-short", text))
    elif first_claim is not None and read > first_claim + _CHUNK_BYTES // 16:
        text = f"the header says {first_claim_s:.2f} s, and the stream has {read_s:.2f} s: used all of it"
        warnings.append(RecognitionWarning("header-length", text))


def _further_claim(
    file: BinaryIO, raw: Raw, start: bytes, name: str, warnings: list[RecognitionWarning]
) -> tuple[bool, int | None]:
    """Whether a header, of which `start` was read, has the same format; and the bytes that it claims."""
    try:
        further, claimed = _header(file, name, start)
    except AudioError:
        further, claimed = None, None
    if further != raw:
        text = "joined recordings of different rates or channels: used the first"
        warnings.append(RecognitionWarning("joined", text))
    return further == raw, claimed


def decode_samples(content: bytes, raw: Raw) -> Samples:
    r"""Decode samples without a header.

    Args:
        content: whole frames: samples of all channels
        raw: their format

    Returns:
        floats of full scale ±1, shape (sample, channel)

    >>> decode_samples(b"\x00\x40\x00\xc0", Raw(16_000)).ravel()
    array([ 0.5, -0.5], dtype=float32)
    """
    values: npt.NDArray[np.generic] = np.frombuffer(content, dtype=_TYPES[raw.encoding])
    if raw.encoding == "int24":
        wide = np.zeros((len(values) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = values.reshape(-1, 3)
        values = wide.view("<i4").ravel()
    elif raw.encoding in _EXPANDED:
        values = _EXPANDED[raw.encoding][values.astype(np.intp)]
    native = values.astype(values.dtype.newbyteorder("="), copy=False)
    return as_floats(native.reshape(-1, raw.channels))


def _expanded_mulaw() -> npt.NDArray[np.int16]:
    """The 16-bit samples of all codes of µ-law (ITU-T G.711).

    >>> _expanded_mulaw()[[0x00, 0x7F, 0x80, 0xFF]]
    array([-32124,      0,  32124,      0], dtype=int16)
    """
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = (((code & 0x0F).astype(int) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _expanded_alaw() -> npt.NDArray[np.int16]:
    """The 16-bit samples of all codes of A-law (ITU-T G.711).

    >>> _expanded_alaw()[[0x2A, 0x55, 0xAA, 0xD5]]
    array([-32256,     -8,  32256,      8], dtype=int16)
    """
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(int), (code & 0x0F).astype(int) << 4
    magnitude = np.where(exponent > 0, mantissa + 0x108 << np.maximum(exponent - 1, 0), mantissa + 8)
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_EXPANDED = {"mulaw": _expanded_mulaw(), "alaw": _expanded_alaw()}


def _available(file: BinaryIO, max_bytes: int) -> bytes:
    """Available bytes, at most `max_bytes`; waits only for the first one, if the file supports that."""
    content: bytes = file.read1(max_bytes) if hasattr(file, "read1") else file.read(max_bytes)
    return content


def _skip(file: BinaryIO, count: int) -> None:
    while count > 0 and (some := file.read(min(count, _CHUNK_BYTES))):
        count -= len(some)
