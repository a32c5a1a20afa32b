"""Where the recordings in a file lie, if its headers say less than the file has.

A WAV header counts bytes in 32 bits, so a file of more than 4 GiB claims too little; a recorder that crashed
leaves sizes of 0; and files that are joined with `cat` have a header that counts the first one only.
"""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from emotrace.audio.length_fields import MIN_REST_BYTES, Correction, find_correction

LENGTH_UNKNOWN = 0x7FFF0000  # writers to pipes put the highest possible length into the header
_KNOWN_CHUNKS = frozenset({b"LIST", b"id3 ", b"ID3 ", b"bext", b"cue ", b"iXML", b"_PMX", b"fact", b"(c) "})
_SCAN_BYTES = 1 << 20
_STARTS = {  # first bytes of a file, and of a recording in it
    b"fLaC": re.compile(rb"fLaC[\x00\x80]\x00\x00\x22"),
    b"OggS": re.compile(rb"OggS\x00[\x02\x06]"),
}
_LONGEST_START = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One recording of a file.

    Attributes:
        start: its first byte
        stop: the byte after it, None for the end of the file
        samples_at: first byte of the samples, if the header claims less than there is; None if it is right
        correction: the right length, if the header has a wrong one that can be replaced
    """

    start: int = 0
    stop: int | None = None
    samples_at: int | None = None
    correction: Correction | None = None


def find_parts(file: BinaryIO) -> Iterator[Part]:
    """The recordings of a file, at least one. Later ones are searched only when they are asked for.

    The file's position is not kept.
    """
    size = file.seek(0, io.SEEK_END)
    head = _read(file, 0, 12)
    correction = find_correction(file, size)
    if correction is not None and _is_one_recording(file, head):
        yield Part(stop=correction.stop, correction=correction)
    elif head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX", b"FORM"):
        yield from _chunked_parts(file, size)
    elif head.startswith((b"ID3", b"\xff")):
        yield from _mpeg_parts(file, size)
    elif head.startswith(b".snd"):
        yield _au_part(head, size)
    elif head[:4] in _STARTS:
        yield Part()
        for start, stop in pairwise([*_further_starts(file, _STARTS[head[:4]]), size]):
            yield Part(start, stop)
    else:
        yield Part()


def _is_one_recording(file: BinaryIO, head: bytes) -> bool:
    """Whether no other recording follows in a file that has more than its header says."""
    return head[:4] not in _STARTS or next(_further_starts(file, _STARTS[head[:4]]), None) is None


def is_chunk(head: bytes) -> bool:
    """Whether 8 bytes after the samples start another chunk of a WAV file, and not more samples.

    >>> is_chunk(b"LIST\\x1a\\0\\0\\0"), is_chunk(b"\\0\\1\\0\\2\\0\\0\\0\\0")
    (True, False)
    """
    return head[:4] in _KNOWN_CHUNKS or re.fullmatch(rb"[A-Za-z0-9_ ]{4}", head[:4]) is not None


def _chunked_parts(file: BinaryIO, size: int) -> Iterator[Part]:
    """Parts of WAV, RF64 and AIFF files."""
    start = 0
    while (found := _samples_of(file, start, size)) is not None:
        begin, claimed = found
        end = begin + claimed
        if end + MIN_REST_BYTES >= size:
            break
        rest = _read(file, end + claimed % 2, 12)
        if rest[:4] in (b"RIFF", b"RF64", b"FORM") and rest[8:] in (b"WAVE", b"AIFF", b"AIFC"):
            yield Part(start, end)
            start = end + claimed % 2
            continue
        if not (_chunks_reach_the_end(file, end, size) or _chunks_reach_the_end(file, end + 1, size)):
            wrapped = end + (size - end) // 2**32 * 2**32
            yield Part(start, wrapped if wrapped > end else size, begin)
            return
        break
    yield Part(start, size if start else None)


def _samples_of(file: BinaryIO, start: int, size: int) -> tuple[int, int] | None:
    """First byte of the samples, and the number of bytes that the header claims; None without samples."""
    order = ">" if _read(file, start, 4) in (b"FORM", b"RIFX") else "<"
    at, of_ds64 = start + 12, 0
    for _ in range(1000):  # chunks
        head = _read(file, at, 8)
        if len(head) < 8:
            return None
        count: int = struct.unpack(f"{order}I", head[4:])[0]
        if head[:4] in (b"data", b"SSND"):
            offset = 8 if head[:4] == b"SSND" else 0
            claimed = of_ds64 if of_ds64 and count == 0xFFFFFFFF else count
            return at + 8 + offset, max(0, claimed - offset)
        if head[:4] == b"ds64" and len(sizes := _read(file, at + 8, 16)) == 16:
            of_ds64 = int(struct.unpack("<Q", sizes[8:])[0])
        at += 8 + count + count % 2
        if at >= size:
            return None
    return None


def _chunks_reach_the_end(file: BinaryIO, at: int, size: int) -> bool:
    """Whether there are chunks from `at` to the end of the file."""
    order = ">" if _read(file, 0, 4) in (b"FORM", b"RIFX") else "<"
    for _ in range(1000):
        if size - at < 8:
            return True
        head = _read(file, at, 8)
        if head[:4] in _KNOWN_CHUNKS:
            return True
        if not is_chunk(head):
            return False
        at += 8 + int(struct.unpack(f"{order}I", head[4:])[0])
        at += at % 2
        if at > size:
            return False
    return True


def _au_part(head: bytes, size: int) -> Part:
    """The part of an AU file, in which nothing follows the samples."""
    begin, claimed = struct.unpack(">II", head[4:12].ljust(8, b"\0"))
    short = claimed < LENGTH_UNKNOWN and begin >= 24 and begin + claimed + MIN_REST_BYTES < size
    return Part(0, size, begin) if short else Part()


def _mpeg_parts(file: BinaryIO, size: int) -> Iterator[Part]:
    """Parts of an MP3 file: the first frame of each tells how many bytes belong to it."""
    start = 0
    for _ in range(1000):
        frame = _next_frame(file, _after_tag(file, start))
        stop = None if frame is None else _claimed_stop(_read(file, frame, 64), frame)
        if stop is None or stop + MIN_REST_BYTES >= size:
            break
        following = _next_frame(file, _after_tag(file, stop))
        if following is None or following + MIN_REST_BYTES >= size:
            break
        yield Part(start, following)
        start = following
    yield Part(start, size if start else None)


def _after_tag(file: BinaryIO, at: int) -> int:
    """The position after ID3 tags."""
    while True:
        head = _read(file, at, 10)
        if head.startswith(b"TAG"):
            at += 128
        elif head.startswith(b"ID3") and len(head) == 10:
            at += 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        else:
            return at


def _next_frame(file: BinaryIO, at: int) -> int | None:
    """Position of the first of two MP3 frames, a little after `at`; None if there are none."""
    content = _read(file, at, 2 * MIN_REST_BYTES)
    for found in re.finditer(rb"\xff(?=[\xe2\xe3\xf2\xf3\xfa\xfb])", content):
        length = _frame_bytes(content[found.start() : found.start() + 4])
        if length and _frame_bytes(content[found.start() + length : found.start() + length + 4]):
            return at + found.start()
    return None


def _frame_bytes(head: bytes) -> int:
    """Length of the layer III frame with this header; 0 if it is none.

    >>> _frame_bytes(b"\\xff\\xfb\\x90\\x00"), _frame_bytes(b"RIFF")
    (417, 0)
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return 0
    version, rate_index, padding = head[1] >> 3 & 3, head[2] >> 2 & 3, head[2] >> 1 & 1
    rates = ((1, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0) if version == 3 else
             (1, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0))  # fmt: skip
    kilobits = rates[head[2] >> 4]
    if rate_index == 3 or kilobits in (0, 1):
        return 0
    rate_hz = (44_100, 48_000, 32_000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    return (144_000 if version == 3 else 72_000) * kilobits // rate_hz + padding


def _claimed_stop(frame: bytes, at: int) -> int | None:
    """The end of an MP3 recording according to its first frame; None if that does not tell."""
    mono = frame[3] >> 6 == 3
    side_bytes = (17 if mono else 32) if frame[1] >> 3 & 3 == 3 else (9 if mono else 17)
    tag = frame[4 + side_bytes :]
    if tag[:4] not in (b"Xing", b"Info") or len(tag) < 16 or tag[7] & 3 != 3:
        return None
    return at + int(struct.unpack(">I", tag[12:16])[0])


def _further_starts(file: BinaryIO, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Where recordings start after the first one. Streams of one Ogg file start together at its beginning."""
    at, tail, previous = 0, b"", 0
    while chunk := _read(file, at, _SCAN_BYTES):
        content = tail + chunk
        for found in pattern.finditer(content):
            position = at - len(tail) + found.start()
            if position - previous >= MIN_REST_BYTES // 4:
                yield position
            previous = max(previous, position)
        tail = content[-(_LONGEST_START - 1) :]
        at += len(chunk)


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
