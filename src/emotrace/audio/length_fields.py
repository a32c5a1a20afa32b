"""Lengths in the headers of CAF, W64, RF64 and FLAC files that differ from what the file has.

libsndfile refuses such files, or reads only as much as the header claims. It reads all samples if it finds
the right length, so the wrong one is replaced while the file is read; the file stays as it is.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MIN_REST_BYTES = 4096  # shorter remainders are padding or tags
_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_CHUNKS = (  # what the names of chunks end in
    bytes.fromhex("f3acd3118cd100c04f8edb8a"),
    bytes.fromhex("2f91cf11a5d628db04c10000"),
)
_CAF_CODECS = (b"lpcm", b"alaw", b"ulaw")  # whose samples are counted by the size of the chunk
_MAX_CHUNKS = 1000
_FLAC_TAIL_BYTES = 1 << 18  # contains at least two frames of usual files
_FLAC_LENGTH_AT, _FLAC_LENGTH_MASK = 18, (1 << 36) - 1
_FLAC_FRAME = re.compile(rb"\xff[\xf8\xf9]")
_FLAC_HEADER_BYTES = 16


@dataclass(frozen=True, slots=True)
class Correction:
    """The right content of a length in a header.

    Attributes:
        at: position of its first byte
        content: its bytes
        claimed_share: the length in the file, relative to what is there; None if the file leaves it open
        stop: the byte after the samples, if libsndfile would read what follows as samples too
    """

    at: int
    content: bytes
    claimed_share: float | None
    stop: int | None = None

    def apply(self, content: bytes, at: int) -> bytes:
        """Bytes of the file that were read at a position, with the right length.

        >>> Correction(at=4, content=b"\\1\\2", claimed_share=0.5).apply(b"abcd", at=3)
        b'a\\x01\\x02d'
        """
        first, last = max(self.at, at), min(self.at + len(self.content), at + len(content))
        if first >= last:
            return content
        return content[: first - at] + self.content[first - self.at : last - self.at] + content[last - at :]


@dataclass(frozen=True, slots=True)
class _Samples:
    """Where a header says that the samples are.

    Attributes:
        begin: position of their first byte
        claimed: number of their bytes, None if the header leaves it open
        field: position of that number
        layout: of the number, as `struct` writes it
        added: what the number counts beside the samples
        alignment: number of bytes of which chunks start at a multiple
    """

    begin: int
    claimed: int | None
    field: int
    layout: str
    added: int = 0
    alignment: int = 1


def find_correction(file: BinaryIO, size: int) -> Correction | None:
    """The right length of a CAF, W64, RF64 or FLAC file; None if it is there already, and for other files.

    The file's position is not kept.
    """
    head = _read(file, 0, 16)
    if head.startswith(b"fLaC"):
        return _correct_flac(file, size)
    if head.startswith(b"caff"):
        samples, is_chunk = _caf_samples(file, size), _is_caf_chunk
    elif head == _W64_RIFF:
        samples, is_chunk = _w64_samples(file, size), _is_w64_chunk
    elif head.startswith((b"RF64", b"BW64")):
        samples, is_chunk = _rf64_samples(file, size), _is_riff_chunk
    else:
        return None
    if samples is None or samples.begin >= size:
        return None
    there = size - samples.begin
    if samples.claimed is not None and samples.claimed <= there:
        after = samples.begin + samples.claimed
        after += -after % samples.alignment
        if is_chunk(_read(file, after, 24), size - after):
            if head != _W64_RIFF:
                return None
            return Correction(0, b"", claimed_share=None, stop=samples.begin + samples.claimed)
        if after + MIN_REST_BYTES >= size:
            return None
    share = None if samples.claimed is None else samples.claimed / there
    return Correction(samples.field, struct.pack(samples.layout, there + samples.added), share)


def _caf_samples(file: BinaryIO, size: int) -> _Samples | None:
    at, codec = 8, b""
    for _ in range(_MAX_CHUNKS):
        head = _read(file, at, 12)
        if len(head) < 12:
            return None
        count = int(struct.unpack(">q", head[4:])[0])
        if head[:4] == b"desc":
            codec = _read(file, at + 20, 4)
        elif head[:4] == b"data":  # before the samples, the number of edits
            if codec not in _CAF_CODECS or count == -1:  # up to the end of the file, as the format allows
                return None
            return _Samples(at + 16, _bounded(count - 4), at + 4, ">q", added=4)
        at += 12 + count
        if count < 0 or at >= size:
            return None
    return None


def _w64_samples(file: BinaryIO, size: int) -> _Samples | None:
    at = 40
    for _ in range(_MAX_CHUNKS):
        head = _read(file, at, 24)
        if len(head) < 24:
            return None
        count = int(struct.unpack("<Q", head[16:])[0])
        if head.startswith(b"data"):
            return _Samples(at + 24, _bounded(count - 24), at + 16, "<Q", added=24, alignment=8)
        at += (count + 7) // 8 * 8
        if count < 24 or at >= size:
            return None
    return None


def _rf64_samples(file: BinaryIO, size: int) -> _Samples | None:
    at, field, claimed = 12, None, 0
    for _ in range(_MAX_CHUNKS):
        head = _read(file, at, 8)
        if len(head) < 8:
            return None
        count = int(struct.unpack("<I", head[4:])[0])
        if head[:4] == b"ds64" and len(sizes := _read(file, at + 16, 8)) == 8:
            field, claimed = at + 16, int(struct.unpack("<Q", sizes)[0])
        elif head[:4] == b"data" and field is not None:
            claimed = claimed if count == 0xFFFFFFFF else count
            return _Samples(at + 8, _bounded(claimed), field, "<Q", alignment=2)
        at += 8 + count + count % 2
        if at >= size:
            return None
    return None


def _bounded(count: int) -> int | None:
    """A number of bytes; None for the highest numbers, which writers to pipes use."""
    return max(0, count) if count < 1 << 60 else None


def _is_caf_chunk(head: bytes, room: int) -> bool:
    if len(head) < 12 or re.match(rb"[a-z]{4}", head) is None:
        return False
    return 0 <= int(struct.unpack(">q", head[4:12])[0]) <= room


def _is_w64_chunk(head: bytes, room: int) -> bool:
    return len(head) == 24 and head[4:16] in _W64_CHUNKS and int(struct.unpack("<Q", head[16:])[0]) <= room


def _is_riff_chunk(head: bytes, room: int) -> bool:
    """Whether there is a chunk, or another recording that was joined."""
    if head[8:12] == b"WAVE":
        return True
    if len(head) < 8 or re.match(rb"[A-Za-z0-9_ ]{4}", head) is None:
        return False
    return int(struct.unpack("<I", head[4:8])[0]) <= room


def _correct_flac(file: BinaryIO, size: int) -> Correction | None:
    """No length, in place of one that is less than the last frame states. The end shows one that is more."""
    info = _read(file, _FLAC_LENGTH_AT, 8)
    if len(info) < 8:
        return None
    fields = int.from_bytes(info, "big")
    claimed = fields & _FLAC_LENGTH_MASK
    block = int.from_bytes(_read(file, 8, 2), "big")
    found = 0
    tail_at = max(0, size - _FLAC_TAIL_BYTES)
    previous = -1
    for first, last in _flac_frames(_read(file, tail_at, size - tail_at), block):
        if first == previous:  # two frames that follow each other; a single one may be chance
            found = last
        previous = last
    if not 0 < claimed < found:
        return None
    without = (fields & ~_FLAC_LENGTH_MASK).to_bytes(8, "big")
    return Correction(_FLAC_LENGTH_AT, without, claimed / found)


def _flac_frames(content: bytes, block: int) -> Iterator[tuple[int, int]]:
    """The first sample of each frame, and that after its last one; RFC 9639, section 9.1."""
    for found in _FLAC_FRAME.finditer(content):
        head = content[found.start() : found.start() + _FLAC_HEADER_BYTES]
        if len(head) < 6:
            return
        size_code, rate_code = head[2] >> 4, head[2] & 15
        extra = 1 if head[4] < 0x80 else 8 - (head[4] ^ 0xFF).bit_length()  # bytes of the number
        at = 4 + extra
        size_bytes = {6: 1, 7: 2}.get(size_code, 0)
        end = at + size_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
        if size_code == 0 or rate_code == 15 or head[3] & 1 or not 1 <= extra <= 7 or len(head) <= end:
            continue
        if _crc8(head[:end]) != head[end]:
            continue
        number = head[4] if extra == 1 else head[4] & (0x7F >> extra)
        for byte in head[5:at]:
            number = number << 6 | byte & 0x3F
        if size_bytes:
            count = int.from_bytes(head[at : at + size_bytes], "big") + 1
        else:
            count = 192 if size_code == 1 else 576 << size_code - 2 if size_code < 6 else 256 << size_code - 8
        first = number if head[1] & 1 else number * block
        yield first, first + count


def _crc8(content: bytes) -> int:
    """The checksum of a frame's header: polynomial x⁸ + x² + x + 1.

    >>> _crc8(b"123456789")
    244
    """
    value = 0
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value << 1 ^ (0x107 if value & 0x80 else 0)
    return value


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)
