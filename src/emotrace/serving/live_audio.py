"""Audio of a live stream: samples without a header, or Opus packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from emotrace.audio import media
from emotrace.audio.quality import Samples
from emotrace.audio.raw import Encoding, Raw
from emotrace.audio.standard_input import decode_samples
from emotrace.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

_OPUS_HZ = 48_000  # of decoded Opus, whatever its source


class StartMessage(BaseModel):
    """The first message of a live stream.

    >>> StartMessage(type="start", rate_hz=8000).encoding
    'int16'
    """

    model_config = ConfigDict(extra="forbid")

    type: Literal["start"]
    rate_hz: int = Field(ge=1_000, le=1_000_000)
    encoding: Encoding | Literal["opus"] = "int16"
    channels: int = Field(1, ge=1, le=32)
    frames: bool = False
    token: str | None = None

    @property
    def decoded_rate_hz(self) -> int:
        """The rate of the samples after decoding."""
        return _OPUS_HZ if self.encoding == "opus" else self.rate_hz


class LiveAudio:
    """Messages → samples. Samples that a message cuts in two are kept until the next one.

    >>> audio = LiveAudio(StartMessage(type="start", rate_hz=16000))
    >>> audio.add(bytes(3_201))
    >>> audio.waiting_s, audio.take().shape, audio.total_s
    (0.1, (1600, 1), 0.1)
    """

    def __init__(self, start: StartMessage) -> None:
        self.total_s = 0.0
        self._rate_hz = start.decoded_rate_hz
        self._rest = b""
        self._waiting: list[Samples] = []
        self._raw: Raw | None = None
        self._opus: AudioCodecContext | None = None
        if start.encoding == "opus":
            self._opus = _opus_decoder(start.channels)
        else:
            self._raw = Raw(start.rate_hz, start.encoding, start.channels)

    @property
    def waiting_s(self) -> float:
        """Seconds of audio that `take` would give."""
        return sum(map(len, self._waiting)) / self._rate_hz

    def add(self, content: bytes) -> None:
        """Add a message.

        Raises:
            AudioError: if it is no Opus packet
        """
        if self._opus is not None:
            samples = self._decode_opus(content)
        else:
            assert self._raw is not None
            content = self._rest + content
            whole = len(content) // self._raw.frame_bytes * self._raw.frame_bytes
            self._rest = content[whole:]
            samples = decode_samples(content[:whole], self._raw) if whole else None
        if samples is not None and len(samples):
            self._waiting.append(samples)
            self.total_s += len(samples) / self._rate_hz

    def take(self) -> Samples:
        """The samples since the last call, shape (sample, channel)."""
        waiting, self._waiting = self._waiting, []
        return np.concatenate(waiting) if waiting else np.zeros((0, 1), dtype=np.float32)

    def _decode_opus(self, packet: bytes) -> Samples | None:
        import av

        assert self._opus is not None
        try:
            frames = self._opus.decode(av.Packet(packet))
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(
                f"<stream>: found a message that is no Opus packet ({error}), expected one packet a message"
            ) from None
        pieces = [frame.to_ndarray() for frame in frames]
        if not pieces:
            return None
        planar = np.concatenate(pieces, axis=1)
        return np.ascontiguousarray(planar.T, dtype=np.float32)


def _opus_decoder(channels: int) -> AudioCodecContext:
    if not media.is_installed():
        raise MissingExtraError(
            '<stream>: found Opus, expected samples; run the service with pip install "emotrace[media]"'
        )
    if channels > 2:
        raise AudioError(f"<stream>: found Opus of {channels} channels, expected 1 or 2")
    import av

    av.logging.set_level(av.logging.PANIC)
    decoder: AudioCodecContext = av.CodecContext.create("opus", "r")
    decoder.sample_rate = _OPUS_HZ
    decoder.layout = "mono" if channels == 1 else "stereo"
    return decoder
