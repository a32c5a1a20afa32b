"""What is wrong with a recording that can still be used, heard block by block as it is read."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

FULL_SCALE = 0.99  # the highest sample of 8 bits is 127/128
UNSCALED = 2.0  # beyond what overshoots of lossy codecs reach: integers read as floats
SILENCE = 2.0**-15  # one step of 16 bits from lowest to highest sample
SHORT_S = 1.0
NARROW_HZ = (100.0, 4_000.0, 4_200.0)
# Speech lies above -32 dB, the same speech through 8 kHz below -50 dB, on EmoDB and RAVDESS.
NARROW_DB = -42.0


@dataclass(slots=True)
class Meter:
    """Hears the blocks of a recording before they are mixed, and tells of levels.

    >>> meter = Meter()
    >>> meter.hear(np.array([[0.5], [1.0], [1.0], [1.0], [1.0], [0.2]], dtype=np.float32))
    >>> meter.clipped, meter.peak
    (4, 1.0)
    """

    frames: int = 0
    channels: int = 0
    clipped: int = 0
    peak: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf

    def hear(self, block: Samples) -> None:
        """Take in a block of shape (sample, channel), every sample finite."""
        self.frames += len(block)
        self.channels = block.shape[1]
        if not len(block):
            return
        self.peak = max(self.peak, float(block.max()), -float(block.min()))
        self.clipped += _flat_tops(block) if self.peak >= FULL_SCALE else 0
        mono = block.mean(axis=1)
        self.lowest = min(self.lowest, float(mono.min()))
        self.highest = max(self.highest, float(mono.max()))

    @property
    def silent(self) -> bool:
        """Whether nothing but a constant is left once the channels are mixed."""
        return self.highest - self.lowest <= SILENCE

    def warnings(self) -> list[str]:
        """What the levels give cause to say."""
        found = []
        if self.silent:
            cancel = self.channels > 1 and self.peak > 2 * max(abs(self.lowest), abs(self.highest), SILENCE)
            found.append("silent: the channels cancel each other when mixed" if cancel else "digital silence")
        if self.peak > UNSCALED:
            found.append(f"samples reach {self.peak:.0f}, expected -1 to 1: divide them by their full scale")
        elif self.clipped:
            share = 100 * self.clipped / (self.frames * self.channels)
            found.append(f"clipped: {self.clipped} samples ({share:.2g} %) stand at full scale")
        return found


def _flat_tops(block: Samples) -> int:
    """Number of samples in stretches of three or more that are equal and at full scale."""
    flat = (np.abs(block[1:-1]) >= FULL_SCALE) & (block[1:-1] == block[:-2]) & (block[1:-1] == block[2:])
    member = np.zeros(block.shape, dtype=bool)
    for shift in (0, 1, 2):
        member[shift : len(block) - 2 + shift] |= flat
    return int(member.sum())


def is_narrow_band(samples: Samples, sample_rate_hz: int) -> bool:
    """Whether speech has next to nothing above 4 kHz, as through a telephone.

    Compares the loudest frames above 4.2 kHz with the loudest below 4 kHz: a hiss anywhere is enough.

    >>> noise = np.random.default_rng(1).normal(size=16_000).astype(np.float32)
    >>> tone = np.sin(0.2 * np.arange(16_000)).astype(np.float32)
    >>> is_narrow_band(noise, 16_000), is_narrow_band(tone, 16_000)
    (False, True)
    """
    frame = 512
    hz = np.fft.rfftfreq(frame, 1 / sample_rate_hz)
    low, high = (hz >= NARROW_HZ[0]) & (hz < NARROW_HZ[1]), hz >= NARROW_HZ[2]
    if not high.any() or len(samples) < frame:
        return False
    window = np.hanning(frame).astype(np.float32)
    below, above = [], []
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    for start in range(0, len(frames), 2048):
        power = np.abs(np.fft.rfft(frames[start : start + 2048] * window)) ** 2
        below.append(power[:, low].sum(axis=1))
        above.append(power[:, high].sum(axis=1))
    loudest_below = float(np.concatenate(below).max())
    loudest_above = float(np.percentile(np.concatenate(above), 99))
    return bool(loudest_above < 10 ** (NARROW_DB / 10) * loudest_below)
