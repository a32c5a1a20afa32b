"""Ways to damage a file: pure functions of its bytes and a random generator."""

import struct
from collections.abc import Callable, Sequence

import numpy as np

from fuzz.ogg import with_checksums

Generator = np.random.Generator
Mutation = Callable[[bytes, Generator], bytes]

FALSE_NUMBERS = (
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
HEADER = 128  # most headers are shorter; half of the damage is done there


def mutated(content: bytes, file_format: str, others: Sequence[bytes], random: Generator) -> bytes:
    """Damage the file in one to three ways; it may be spliced with one of `others`."""
    ways = [*ANY_FILE, *BY_FORMAT.get(file_format.split()[0], ())]
    for _ in range(int(random.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))):
        way = int(random.integers(len(ways) + 1))
        if way == len(ways):
            content = spliced(content, others[int(random.integers(len(others)))], random)
        else:
            content = ways[way](content, random)
    if content.startswith(b"OggS") and random.random() < 0.7:
        content = with_checksums(content)
    return content


def position(content: bytes, random: Generator) -> int:
    """A position to damage, half of the time in the header."""
    end = min(HEADER, len(content)) if random.random() < 0.5 else len(content)
    return int(random.integers(max(1, end)))


def span_of_bytes(content: bytes, random: Generator) -> tuple[int, int]:
    """First and one-past-last byte of a short or long span of bytes."""
    start = position(content, random)
    length = int(2 ** random.uniform(0, np.log2(max(2, len(content)))))
    return start, min(len(content), start + length)


def flip_bits(content: bytes, random: Generator) -> bytes:
    """Flip 1 to 16 bits."""
    damaged = bytearray(content)
    for _ in range(int(random.integers(1, 17)) if content else 0):
        damaged[position(content, random)] ^= 1 << int(random.integers(8))
    return bytes(damaged)


def noise(content: bytes, random: Generator) -> bytes:
    """Overwrite a span with random bytes."""
    start, stop = span_of_bytes(content, random)
    return content[:start] + random.bytes(stop - start) + content[stop:]


def zero(content: bytes, random: Generator) -> bytes:
    """Overwrite a span with zeros or ones."""
    start, stop = span_of_bytes(content, random)
    return content[:start] + (b"\0", b"\xff")[int(random.integers(2))] * (stop - start) + content[stop:]


def cut_end(content: bytes, random: Generator) -> bytes:
    """Keep the beginning."""
    return content[: position(content, random)]


def cut_out(content: bytes, random: Generator) -> bytes:
    """Remove a span."""
    start, stop = span_of_bytes(content, random)
    return content[:start] + content[stop:]


def double(content: bytes, random: Generator) -> bytes:
    """Repeat a span."""
    start, stop = span_of_bytes(content, random)
    return content[:stop] + content[start:]


def double_all(content: bytes, random: Generator) -> bytes:
    """Repeat the whole file two to eight times."""
    return content * int(random.integers(2, 9))


def insert(content: bytes, random: Generator) -> bytes:
    """Insert random bytes."""
    start = position(content, random)
    return content[:start] + random.bytes(int(random.integers(1, 65))) + content[start:]


def false_number(content: bytes, random: Generator) -> bytes:
    """Write a false number of 2, 4 or 8 bytes, in either byte order, somewhere."""
    size, letter = ((2, "H"), (4, "I"), (8, "Q"))[int(random.integers(3))]
    number = FALSE_NUMBERS[int(random.integers(len(FALSE_NUMBERS)))] % (1 << 8 * size)
    written = struct.pack("<>"[int(random.integers(2))] + letter, number)
    start = position(content, random)
    return content[:start] + written + content[start + size :]


def junk_behind(content: bytes, random: Generator) -> bytes:
    """Append random bytes."""
    return content + random.bytes(int(random.integers(1, 3_000)))


def junk_before(content: bytes, random: Generator) -> bytes:
    """Prepend random bytes, or an ID3 tag with a false length."""
    tag = b"ID3\x04\0\0" + bytes(random.integers(128, size=4, dtype=np.uint8))
    return (tag if random.random() < 0.5 else b"") + random.bytes(int(random.integers(1, 200))) + content


def header_only(content: bytes, random: Generator) -> bytes:
    """Keep a part of the header only."""
    return content[: int(random.integers(64))]


def spliced(content: bytes, other: bytes, random: Generator) -> bytes:
    """The beginning of this file, then the rest of another."""
    return content[: position(content, random)] + other[position(other, random) :]


def _order(content: bytes) -> str:
    """Byte order of numbers in RIFF, RIFX (big-endian) and AIFF."""
    return ">" if content[:4] in (b"RIFX", b"FORM") else "<"


def _overwrite(content: bytes, start: int, written: bytes) -> bytes:
    return content[:start] + written + content[start + len(written) :]


def riff_length(content: bytes, random: Generator) -> bytes:
    """State a false length of the file or of the samples, such as 4 GB."""
    where = 4 if random.random() < 0.3 else content.find((b"data", b"SSND")[content[:4] == b"FORM"]) + 4
    false_lengths = (0, 1, len(content) // 2, 2 * len(content), 0x7FFF0000, 2**31 - 1, 2**32 - 8, 2**32 - 1)
    return _overwrite(
        content,
        where,
        struct.pack(_order(content) + "I", false_lengths[int(random.integers(len(false_lengths)))]),
    )


def riff_format(content: bytes, random: Generator) -> bytes:
    """State a false codec, channel count, rate, byte rate, frame size or sample size."""
    fields = ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (12, "H"), (14, "H"))
    offset, letter = fields[int(random.integers(len(fields)))]
    usual = {
        0: (1, 2, 3, 6, 7, 17, 49, 65_534),
        2: (0, 1, 2, 3, 1_024, 65_535),
        14: (0, 1, 4, 8, 12, 24, 32, 64),
    }
    numbers = usual.get(offset, FALSE_NUMBERS) if random.random() < 0.7 else FALSE_NUMBERS
    number = numbers[int(random.integers(len(numbers)))] % (1 << (16 if letter == "H" else 32))
    start = content.find(b"fmt ") + 8 + offset
    return _overwrite(content, start, struct.pack(_order(content) + letter, number))


def riff_chunk(content: bytes, random: Generator) -> bytes:
    """Insert a chunk that is unknown, known, of odd length or of false length."""
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
    inside = random.bytes(int(random.integers(0, 200)))
    claimed = (
        len(inside) if random.random() < 0.6 else FALSE_NUMBERS[int(random.integers(len(FALSE_NUMBERS)))]
    )
    name = names[int(random.integers(len(names)))]
    chunk = name + struct.pack(_order(content) + "I", claimed) + inside
    start = (12, content.find(b"data"), len(content))[int(random.integers(3))]
    return content[:start] + chunk + content[start:]


def riff_samples(content: bytes, random: Generator) -> bytes:
    """Write samples that are not finite or far too large."""
    start = content.find(b"data") + 8 + 8 * int(random.integers(100))
    number = (np.nan, np.inf, -np.inf, 1e38, 1e-40, 1e13)[int(random.integers(6))]
    letter = "f" if random.random() < 0.5 else "d"
    return _overwrite(
        content, start, struct.pack(_order(content) + letter, number) * int(random.integers(1, 9))
    )


def riff_name(content: bytes, random: Generator) -> bytes:
    """State another type of RIFF."""
    names = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"LIST", b"riff")
    return names[int(random.integers(len(names)))] + content[4:]


def aiff_format(content: bytes, random: Generator) -> bytes:
    """State false channels, frames, sample size or rate (a number of 80 bits)."""
    fields = ((0, 2), (2, 4), (6, 2), (8, 10))
    offset, size = fields[int(random.integers(len(fields)))]
    number = FALSE_NUMBERS[int(random.integers(len(FALSE_NUMBERS)))] % (1 << 8 * min(size, 4))
    written = number.to_bytes(size, "big") if random.random() < 0.5 else random.bytes(size)
    return _overwrite(content, content.find(b"COMM") + 8 + offset, written)


def flac_format(content: bytes, random: Generator) -> bytes:
    """State false block sizes, rate, channels, sample size or length in the first block of metadata."""
    return _overwrite(content, 8 + int(random.integers(18)), random.bytes(int(random.integers(1, 6))))


def ogg_page(content: bytes, random: Generator) -> bytes:
    """Write false numbers in the header of a page: type, granule position, sequence number or sizes."""
    starts = [at for at in range(len(content)) if content.startswith(b"OggS", at)] or [0]
    start = starts[int(random.integers(len(starts)))]
    offset, size = ((5, 1), (6, 8), (6, 8), (14, 4), (18, 4), (26, 1), (27, 1))[int(random.integers(7))]
    number = FALSE_NUMBERS[int(random.integers(len(FALSE_NUMBERS)))] * (1 if random.random() < 0.7 else 2**31)
    return _overwrite(content, start + offset, (number % (1 << 8 * size)).to_bytes(size, "little"))


ANY_FILE: tuple[Mutation, ...] = (
    flip_bits, noise, zero, cut_end, cut_out, double, double_all, insert, false_number, false_number,
    junk_behind, junk_before, header_only,
)  # fmt: skip
_RIFF: tuple[Mutation, ...] = (
    riff_length, riff_length, riff_format, riff_format, riff_format, riff_chunk, riff_chunk,
    riff_samples, riff_name,
)  # fmt: skip


def long_length(content: bytes, random: Generator) -> bytes:
    """Replace the 64-bit size of the samples of a CAF or W64 file."""
    caf = content.startswith(b"caff")
    at = content.find(b"data") + (4 if caf else 16)
    size = int(random.choice([*map(float, FALSE_NUMBERS), -1.0, 2.0**62, float(random.integers(30_000))]))
    return content[:at] + struct.pack(">q" if caf else "<q", size) + content[at + 8 :]


BY_FORMAT: dict[str, tuple[Mutation, ...]] = {  # by the first word of the format's name
    **dict.fromkeys(("wav", "rifx", "rf64"), _RIFF),
    "aiff": (aiff_format, aiff_format, aiff_format, riff_length, riff_chunk),
    "flac": (flac_format, flac_format, flac_format),
    "caf": (long_length, long_length),
    "w64": (long_length, long_length),
    "vorbis": (ogg_page, ogg_page, ogg_page),
    "opus": (ogg_page, ogg_page, ogg_page),
}
