"""The format of samples without a header. Imports nothing else, so that the CLI can list formats quickly."""

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["uint8", "int16", "int24", "int32", "float32", "float64", "mulaw", "alaw"]

_BYTES: dict[Encoding, int] = {
    "uint8": 1,
    "int16": 2,
    "int24": 3,
    "int32": 4,
    "float32": 4,
    "float64": 8,
    "mulaw": 1,
    "alaw": 1,
}


@dataclass(frozen=True, slots=True)
class Raw:
    """The format of samples without a header: little-endian, channels interleaved.

    Attributes:
        rate_hz: samples per second and channel
        encoding: type of a sample
        channels: number of channels

    >>> Raw(16_000, "int24", channels=2).frame_bytes
    6
    """

    rate_hz: int
    encoding: Encoding = "int16"
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return _BYTES[self.encoding] * self.channels
