"""Ways to damage a file: pure functions of its bytes and a source of chance."""

import struct
from collections.abc import Callable, Sequence

import numpy as np

from fuzz.ogg import resealed

Chance = np.random.Generator
Mutation = Callable[[bytes, Chance], bytes]

LIES = (
    0,
    1,
    2,
    3,
    7,
    8,
    255,
    999,
    32_767,
    65_535,
    65_536,
    10**6,
    2**24 - 1,
    2**31 - 1,
    2**31,
    2**32 - 2,
    2**32 - 1,
)
HEADER = 128  # most headers end before, and half of the damage is done to them


def mutated(content: bytes, kind: str, others: Sequence[bytes], chance: Chance) -> bytes:
    """The file, damaged in one to three ways; `others` are files that it may be spliced with."""
    ways = [*ANY_FILE, *OF_KIND.get(kind.split()[0], ())]
    for _ in range(int(chance.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        way = int(chance.integers(len(ways) + 1))
        if way == len(ways):
            content = spliced(content, others[int(chance.integers(len(others)))], chance)
        else:
            content = ways[way](content, chance)
    if content.startswith(b"OggS") and chance.random() < 0.7:
        content = resealed(content)
    return content


def place(content: bytes, chance: Chance) -> int:
    """Where to do damage: every other time in the header."""
    end = min(HEADER, len(content)) if chance.random() < 0.5 else len(content)
    return int(chance.integers(max(1, end)))


def stretch(content: bytes, chance: Chance) -> tuple[int, int]:
    """First and one-past-last byte of a stretch, short or long."""
    start = place(content, chance)
    length = int(2 ** chance.uniform(0, np.log2(max(2, len(content)))))
    return start, min(len(content), start + length)


def flip_bits(content: bytes, chance: Chance) -> bytes:
    """Turn 1 to 16 bits over."""
    damaged = bytearray(content)
    for _ in range(int(chance.integers(1, 17)) if content else 0):
        damaged[place(content, chance)] ^= 1 << int(chance.integers(8))
    return bytes(damaged)


def noise(content: bytes, chance: Chance) -> bytes:
    """Put chance bytes over a stretch."""
    start, stop = stretch(content, chance)
    return content[:start] + chance.bytes(stop - start) + content[stop:]


def zero(content: bytes, chance: Chance) -> bytes:
    """Put zeros, or all ones, over a stretch."""
    start, stop = stretch(content, chance)
    return content[:start] + (b"\0", b"\xff")[int(chance.integers(2))] * (stop - start) + content[stop:]


def cut_end(content: bytes, chance: Chance) -> bytes:
    """Keep the beginning."""
    return content[: place(content, chance)]


def cut_out(content: bytes, chance: Chance) -> bytes:
    """Take a stretch out."""
    start, stop = stretch(content, chance)
    return content[:start] + content[stop:]


def double(content: bytes, chance: Chance) -> bytes:
    """Have a stretch twice."""
    start, stop = stretch(content, chance)
    return content[:stop] + content[start:]


def double_all(content: bytes, chance: Chance) -> bytes:
    """Have all of it twice, or up to eight times."""
    return content * int(chance.integers(2, 9))


def insert(content: bytes, chance: Chance) -> bytes:
    """Put chance bytes in between."""
    start = place(content, chance)
    return content[:start] + chance.bytes(int(chance.integers(1, 65))) + content[start:]


def lie(content: bytes, chance: Chance) -> bytes:
    """Write a number that headers trip over, of 2, 4 or 8 bytes, in either order, somewhere."""
    size, letter = ((2, "H"), (4, "I"), (8, "Q"))[int(chance.integers(3))]
    number = LIES[int(chance.integers(len(LIES)))] % (1 << 8 * size)
    written = struct.pack("<>"[int(chance.integers(2))] + letter, number)
    start = place(content, chance)
    return content[:start] + written + content[start + size :]


def junk_behind(content: bytes, chance: Chance) -> bytes:
    """Append chance bytes."""
    return content + chance.bytes(int(chance.integers(1, 3_000)))


def junk_before(content: bytes, chance: Chance) -> bytes:
    """Begin with chance bytes, or with an ID3 tag that lies about its length."""
    tag = b"ID3\x04\0\0" + bytes(chance.integers(128, size=4, dtype=np.uint8))
    return (tag if chance.random() < 0.5 else b"") + chance.bytes(int(chance.integers(1, 200))) + content


def header_only(content: bytes, chance: Chance) -> bytes:
    """Keep so little that it is header alone."""
    return content[: int(chance.integers(64))]


def spliced(content: bytes, other: bytes, chance: Chance) -> bytes:
    """The beginning of this file, then the rest of another."""
    return content[: place(content, chance)] + other[place(other, chance) :]


def _order(content: bytes) -> str:
    """Order of the bytes of numbers in RIFF (RIFX: the great end first) and in AIFF."""
    return ">" if content[:4] in (b"RIFX", b"FORM") else "<"


def _overwrite(content: bytes, start: int, written: bytes) -> bytes:
    return content[:start] + written + content[start + len(written) :]


def riff_length(content: bytes, chance: Chance) -> bytes:
    """Lie about the length of the file, or of the samples: 4 GB, say."""
    where = 4 if chance.random() < 0.3 else content.find((b"data", b"SSND")[content[:4] == b"FORM"]) + 4
    claims = (0, 1, len(content) // 2, 2 * len(content), 0x7FFF0000, 2**31 - 1, 2**32 - 8, 2**32 - 1)
    return _overwrite(
        content, where, struct.pack(_order(content) + "I", claims[int(chance.integers(len(claims)))])
    )


def riff_format(content: bytes, chance: Chance) -> bytes:
    """Lie about the kind of samples, channels, rate, bytes a second, bytes a frame or bits a sample."""
    fields = ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (12, "H"), (14, "H"))
    offset, letter = fields[int(chance.integers(len(fields)))]
    usual = {
        0: (1, 2, 3, 6, 7, 17, 49, 65_534),
        2: (0, 1, 2, 3, 1_024, 65_535),
        14: (0, 1, 4, 8, 12, 24, 32, 64),
    }
    numbers = usual.get(offset, LIES) if chance.random() < 0.7 else LIES
    number = numbers[int(chance.integers(len(numbers)))] % (1 << (16 if letter == "H" else 32))
    start = content.find(b"fmt ") + 8 + offset
    return _overwrite(content, start, struct.pack(_order(content) + letter, number))


def riff_chunk(content: bytes, chance: Chance) -> bytes:
    """Put a chunk before the samples or at the end: unknown, known, of odd length, or one that lies."""
    names = (
        b"LIST",
        b"junk",
        b"fact",
        b"cue ",
        b"bext",
        b"smpl",
        b"PEAK",
        b"id3 ",
        b"data",
        b"fmt ",
        b"\0\xff\n ",
    )
    inside = chance.bytes(int(chance.integers(0, 200)))
    claimed = len(inside) if chance.random() < 0.6 else LIES[int(chance.integers(len(LIES)))]
    name = names[int(chance.integers(len(names)))]
    chunk = name + struct.pack(_order(content) + "I", claimed) + inside
    start = (12, content.find(b"data"), len(content))[int(chance.integers(3))]
    return content[:start] + chunk + content[start:]


def riff_samples(content: bytes, chance: Chance) -> bytes:
    """Put numbers that are none, or far too large, among the samples."""
    start = content.find(b"data") + 8 + 8 * int(chance.integers(100))
    number = (np.nan, np.inf, -np.inf, 1e38, 1e-40, 1e13)[int(chance.integers(6))]
    letter = "f" if chance.random() < 0.5 else "d"
    return _overwrite(
        content, start, struct.pack(_order(content) + letter, number) * int(chance.integers(1, 9))
    )


def riff_name(content: bytes, chance: Chance) -> bytes:
    """Call it another kind of RIFF."""
    names = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"LIST", b"riff")
    return names[int(chance.integers(len(names)))] + content[4:]


def aiff_format(content: bytes, chance: Chance) -> bytes:
    """Lie about channels, frames, bits or rate, a number of 80 bits."""
    fields = ((0, 2), (2, 4), (6, 2), (8, 10))
    offset, size = fields[int(chance.integers(len(fields)))]
    number = LIES[int(chance.integers(len(LIES)))] % (1 << 8 * min(size, 4))
    written = number.to_bytes(size, "big") if chance.random() < 0.5 else chance.bytes(size)
    return _overwrite(content, content.find(b"COMM") + 8 + offset, written)


def flac_format(content: bytes, chance: Chance) -> bytes:
    """Lie about block sizes, rate, channels, bits or length in the first block of metadata."""
    return _overwrite(content, 8 + int(chance.integers(18)), chance.bytes(int(chance.integers(1, 6))))


def ogg_page(content: bytes, chance: Chance) -> bytes:
    """Lie in the header of a page: kind, position (in the last one the length), place, sizes."""
    starts = [at for at in range(len(content)) if content.startswith(b"OggS", at)] or [0]
    start = starts[int(chance.integers(len(starts)))]
    offset, size = ((5, 1), (6, 8), (6, 8), (14, 4), (18, 4), (26, 1), (27, 1))[int(chance.integers(7))]
    number = LIES[int(chance.integers(len(LIES)))] * (1 if chance.random() < 0.7 else 2**31)
    return _overwrite(content, start + offset, (number % (1 << 8 * size)).to_bytes(size, "little"))


ANY_FILE: tuple[Mutation, ...] = (
    flip_bits, noise, zero, cut_end, cut_out, double, double_all, insert, lie, lie,
    junk_behind, junk_before, header_only,
)  # fmt: skip
_RIFF: tuple[Mutation, ...] = (
    riff_length, riff_length, riff_format, riff_format, riff_format, riff_chunk, riff_chunk,
    riff_samples, riff_name,
)  # fmt: skip
OF_KIND: dict[str, tuple[Mutation, ...]] = {  # by the first word of the kind's name
    **dict.fromkeys(("wav", "rifx", "rf64"), _RIFF),
    "aiff": (aiff_format, aiff_format, aiff_format, riff_length, riff_chunk),
    "flac": (flac_format, flac_format, flac_format),
    "vorbis": (ogg_page, ogg_page, ogg_page),
    "opus": (ogg_page, ogg_page, ogg_page),
}
