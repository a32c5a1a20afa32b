"""Decoding of files by libsndfile, block by block; damaged files up to the damage."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
import soundfile

from emotrace.audio.file_parts import LENGTH_UNKNOWN, Part, find_parts
from emotrace.audio.file_types import describe
from emotrace.audio.length_fields import Correction
from emotrace.audio.media import readable_formats
from emotrace.audio.quality import UNSCALED, Samples
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

_BLOCK_VALUES = 1 << 18
_TOLERANCE_S = 0.1  # by which a header may claim too much without a warning
_SAMPLE_DUMP = b"\xf0\x7e"  # refused, because libsndfile writes to stdout when one is damaged
_UNCOMPRESSED = frozenset(
    {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
)


@contextmanager
def open_decoder(
    name: str, file: BinaryIO, head: bytes, warnings: list[RecognitionWarning]
) -> Iterator[tuple[int, Iterator[Samples]]]:
    """The rate and the blocks of a file, with all recordings that are joined in it.

    Args:
        name: name of the recording in errors
        file: the file
        head: its first bytes
        warnings: gets warnings about damage and about headers that claim too little

    Raises:
        AudioError: if the file is not audio in a supported format
    """
    if head.startswith(_SAMPLE_DUMP):
        raise AudioError(f"{name}: found a MIDI sample dump, expected {readable_formats()}; convert it")
    parts = find_parts(file)
    first = next(parts)
    with _open_part(name, file, head, first, warnings) as decoder:
        yield (
            decoder.samplerate,
            _all_blocks(name, file, head, decoder, first.correction, parts, warnings),
        )


def _all_blocks(
    name: str,
    file: BinaryIO,
    head: bytes,
    first: soundfile.SoundFile,
    correction: Correction | None,
    further: Iterator[Part],
    warnings: list[RecognitionWarning],
) -> Iterator[Samples]:
    frames, count = 0, 1
    for block in blocks(first, warnings, has_length=correction is None):
        frames += len(block)
        yield block
    if correction is not None and correction.claimed_share is not None:
        _warn_of_length(frames / first.samplerate, correction.claimed_share, warnings)
    of_first = frames
    for part in further:
        try:
            with _open_part(name, file, head, part, warnings) as decoder:
                if (decoder.samplerate, decoder.channels) != (first.samplerate, first.channels):
                    text = f"joined recordings of different rates or channels: used the first {count}"
                    warnings.append(RecognitionWarning("joined", text))
                    return
                count += 1
                for block in blocks(decoder, warnings):
                    frames += len(block)
                    yield block
        except AudioError:
            text = f"cut short or damaged: recording {count + 1} in this file cannot be read"
            warnings.append(RecognitionWarning("cut-short", text))
            return
    if count > 1:
        text = (
            f"the header says {of_first / first.samplerate:.2f} s, and more follows, as in joined recordings"
            f": used all {frames / first.samplerate:.2f} s"
        )
        warnings.append(RecognitionWarning("joined", text))


def _open_part(
    name: str, file: BinaryIO, head: bytes, part: Part, warnings: list[RecognitionWarning]
) -> soundfile.SoundFile:
    file.seek(part.start)
    try:
        # With a descriptor, libsndfile reads by itself, and threads do not wait for the interpreter lock.
        # On systems other than POSIX, Python's descriptors may be invalid in libsndfile.
        unchanged = part.start == 0 and part.stop is None and part.correction is None
        has_descriptor = isinstance(file, io.FileIO) and os.name == "posix"
        handle = (
            file.fileno()
            if has_descriptor and unchanged
            else _SeekableFile(file, part.start, part.stop, part.correction)
        )
        decoder = soundfile.SoundFile(handle, closefd=False)
        if part.samples_at is None or decoder.subtype not in _UNCOMPRESSED:
            return decoder
        claimed_s = decoder.frames / decoder.samplerate
        decoder.close()
        whole_decoder = soundfile.SoundFile(
            _SeekableFile(file, part.samples_at, part.stop),
            samplerate=decoder.samplerate,
            channels=decoder.channels,
            format="RAW",
            subtype=decoder.subtype,
            endian=decoder.endian if decoder.endian != "FILE" else _byte_order(head),
        )
        warnings.append(_header_length(claimed_s, whole_decoder.frames / decoder.samplerate))
        return whole_decoder
    except soundfile.LibsndfileError as error:
        found, advice = describe(head, error.error_string)
        raise AudioError(f"{name}: found {found}, expected {readable_formats()}; {advice}") from None


def _header_length(claimed_s: float, found_s: float) -> RecognitionWarning:
    text = f"the header says {claimed_s:.2f} s, and the file has {found_s:.2f} s: used all of it"
    return RecognitionWarning("header-length", text)


def _cut_short(claimed_s: float, found_s: float) -> RecognitionWarning:
    total = f" of {claimed_s:.2f} s" if claimed_s > found_s else ""
    text = f"cut short or damaged: used the {found_s:.2f} s{total} that could be read"
    return RecognitionWarning("cut-short", text)


def _warn_of_length(found_s: float, claimed_share: float, warnings: list[RecognitionWarning]) -> None:
    """Add a warning of a header that claims another length than the file has."""
    claimed_s = claimed_share * found_s
    if claimed_share < 1:
        warnings.append(_header_length(claimed_s, found_s))
    elif claimed_s > found_s + _TOLERANCE_S:
        warnings.append(_cut_short(claimed_s, found_s))


def _byte_order(head: bytes) -> str:
    big = head[:4] in (b"FORM", b"RIFX", b".snd")
    return "BIG" if big else "LITTLE"


class _SeekableFile:
    """Part of a file for libsndfile, which seeks to impossible positions if a header is damaged.

    An impossible seek makes `tell` return -1, as in C; an exception would make Python print a traceback. The
    object has no `name`, because soundfile treats files named `.raw` as files without a header.
    """

    def __init__(
        self, file: BinaryIO, start: int = 0, stop: int | None = None, correction: Correction | None = None
    ) -> None:
        self._file, self._start, self._correction = file, start, correction
        self._stop = file.seek(0, io.SEEK_END) if stop is None else stop
        self._seek_failed = False
        file.seek(start)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> None:
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._stop}[whence]
        try:
            if base + offset < self._start:
                raise ValueError("position before the start")
            self._file.seek(base + offset)
        except (OSError, OverflowError, ValueError):
            self._seek_failed = True

    def tell(self) -> int:
        seek_failed, self._seek_failed = self._seek_failed, False
        return -1 if seek_failed else self._file.tell() - self._start

    def read(self, count: int) -> bytes:
        at = self._file.tell()
        content = self._file.read(max(0, min(count, self._stop - at)))
        return content if self._correction is None else self._correction.apply(content, at)


def blocks(
    sound: soundfile.SoundFile, warnings: list[RecognitionWarning], has_length: bool = True
) -> Iterator[Samples]:
    """The file's blocks; if the file is damaged, the blocks before the damage, and a warning.

    Args:
        sound: the file
        warnings: gets warnings about damage
        has_length: whether its header has a length that says how much should be there
    """
    claimed = _claimed_frames(sound) if has_length else 0
    read, broken, peak = sound.tell() if sound.seekable() else 0, False, 0.0
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
        if got and sound.subtype not in _UNCOMPRESSED:
            peak = max(peak, float(block[:got].max()), -float(block[:got].min()))
        yield block[:got]
    broken &= claimed > 0  # a FLAC file without a length always ends with an error
    missing_s = (claimed - read) / sound.samplerate
    if broken or missing_s > _TOLERANCE_S or "end-of-stream" in sound.extra_info.lower():
        warnings.append(_cut_short(claimed / sound.samplerate, read / sound.samplerate))
    if peak > UNSCALED:
        text = f"damaged: samples reach {peak:.0f} times full scale; get the file again from its source"
        warnings.append(RecognitionWarning("damaged", text))


def _claimed_frames(sound: soundfile.SoundFile) -> int:
    """Frames according to the header, 0 if it has no length; libsndfile notes if the file is shorter."""
    frames, notes = int(sound.frames), sound.extra_info
    frames = frames if frames < LENGTH_UNKNOWN else 0
    chunk = re.search(r"^\s*(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)", notes, re.MULTILINE)
    if chunk and int(chunk[2]) < int(chunk[1]) < LENGTH_UNKNOWN:
        return frames * int(chunk[1]) // max(int(chunk[2]), 1)
    ds64 = re.search(r"does not match value from 'ds64' chunk of (\d+)", notes)
    return max(frames, int(ds64[1])) if ds64 else frames
