"""Quality checks of recordings, computed block by block: silence, clipping, scale and bandwidth."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from emotrace.warning import RecognitionWarning

Samples = npt.NDArray[np.float32]

FULL_SCALE = 0.99  # the highest 8-bit sample is 127/128
UNSCALED = 2.0  # lossy codecs overshoot less; higher peaks are integers that were read as floats
SILENCE = 2.0**-15  # one 16-bit step between the lowest and the highest sample
SHORT_S = 1.0
NARROW_HZ = (100.0, 4_000.0, 4_200.0)
# On EmoDB and RAVDESS, speech is above -32 dB, and the same speech resampled to 8 kHz below -50 dB.
NARROW_DB = -42.0
LEVEL_DB = 0.5
_LEVELS = 800  # histogram bins on either side of 0 dB
_FRAME = 512
_FRAMES_AT_ONCE = 128
_HANN = np.hanning(_FRAME).astype(np.float32)


def is_silent(samples: Samples) -> bool:
    """Whether samples, at least one, are digital silence: constant within one step of 16 bits.

    >>> is_silent(np.full(4, 0.5, dtype=np.float32)), is_silent(np.array([0, 0.01], dtype=np.float32))
    (True, False)
    """
    return float(samples.max()) - float(samples.min()) <= SILENCE


@dataclass(slots=True)
class LevelMeter:
    """Measures levels, over the blocks of a recording before channels are mixed.

    >>> meter = LevelMeter()
    >>> meter.push(np.array([[0.5], [1.0], [1.0], [1.0], [1.0], [0.2]], dtype=np.float32))
    >>> meter.clipped, meter.peak
    (4, 1.0)
    """

    frames: int = 0
    channels: int = 0
    clipped: int = 0
    peak: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf
    _tail: Samples = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    def push(self, block: Samples) -> None:
        """Process a block of finite samples, shape (sample, channel); their sizes make no difference."""
        self.frames += len(block)
        self.channels = block.shape[1]
        if not len(block):
            return
        highest, lowest = float(block.max()), float(block.min())
        self.peak = max(self.peak, highest, -lowest)
        joined = np.concatenate([self._tail, block]) if self._tail.size else block
        if self.peak >= FULL_SCALE:  # the tail was counted already, except for runs that continue here
            self.clipped += _flat_tops(joined) - _flat_tops(self._tail)
        self._tail = joined[-4:].copy()
        if self.channels > 1:
            mono = block.mean(axis=1)
            highest, lowest = float(mono.max()), float(mono.min())
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)

    @property
    def silent(self) -> bool:
        """Whether the samples are constant after mixing the channels."""
        return self.highest - self.lowest <= SILENCE

    def warnings(self) -> list[RecognitionWarning]:
        """Warnings about silence, scale and clipping in the samples so far."""
        found = []
        if self.silent:
            cancel = self.channels > 1 and self.peak > 2 * max(abs(self.lowest), abs(self.highest), SILENCE)
            found.append(
                RecognitionWarning("channels-cancel", "silent: the channels cancel each other when mixed")
                if cancel
                else RecognitionWarning("silence", "digital silence")
            )
        if self.peak > UNSCALED:
            text = f"samples reach {self.peak:.0f}, expected -1 to 1: divide them by their full scale"
            found.append(RecognitionWarning("out-of-range", text))
        elif self.clipped:
            percent = 100 * self.clipped / (self.frames * self.channels)
            text = f"clipped: {self.clipped} samples ({percent:.2g} %) stand at full scale"
            found.append(RecognitionWarning("clipped", text))
        return found


def _flat_tops(block: Samples) -> int:
    """Number of samples in runs of three or more equal samples at full scale."""
    if len(block) < 3:
        return 0
    flat = (np.abs(block[1:-1]) >= FULL_SCALE) & (block[1:-1] == block[:-2]) & (block[1:-1] == block[2:])
    member = np.zeros(block.shape, dtype=bool)
    for shift in (0, 1, 2):
        member[shift : len(block) - 2 + shift] |= flat
    return int(member.sum())


class BandMeter:
    """Detects mono recordings with practically no energy above 4 kHz, such as telephone speech.

    It compares the 99th percentile of the frames' levels above 4.2 kHz with the highest level below 4 kHz, so
    that a single hiss marks a recording as wide-band. Levels are counted in bins of half a decibel, so memory
    does not depend on the duration.

    >>> noise, tone = BandMeter(16_000), BandMeter(16_000)
    >>> noise.push(np.random.default_rng(1).normal(size=16_000).astype(np.float32))
    >>> tone.push(np.sin(0.2 * np.arange(16_000)).astype(np.float32))
    >>> noise.narrow, tone.narrow
    (False, True)
    """

    def __init__(self, sample_rate_hz: int) -> None:
        hz = np.fft.rfftfreq(_FRAME, 1 / sample_rate_hz)
        first, after, high = np.searchsorted(hz, NARROW_HZ)
        self._low, self._high = slice(first, after), slice(high, None)
        self._reaches_high = high < len(hz)
        self._loudest_below = 0.0
        self._levels_above = np.zeros(2 * _LEVELS, dtype=np.int64)
        self._waiting: list[Samples] = []

    def push(self, samples: Samples) -> None:
        """Process samples, shape (sample,)."""
        self._waiting.append(samples)
        if sum(map(len, self._waiting)) >= _FRAMES_AT_ONCE * _FRAME:
            self._measure()

    def _measure(self) -> None:
        samples = np.concatenate([np.zeros(0, dtype=np.float32), *self._waiting])
        whole = len(samples) // _FRAME * _FRAME
        self._waiting = [samples[whole:].copy()]
        frames = samples[:whole].reshape(-1, _FRAME)
        for start in range(0, len(frames), _FRAMES_AT_ONCE):
            spectrum = np.fft.rfft(frames[start : start + _FRAMES_AT_ONCE] * _HANN)
            power = spectrum.real**2 + spectrum.imag**2
            self._loudest_below = max(self._loudest_below, float(power[:, self._low].sum(axis=1).max()))
            above = np.maximum(power[:, self._high].sum(axis=1, dtype=np.float64), 1e-300)
            levels = np.floor(10 * np.log10(above) / LEVEL_DB).astype(int) + _LEVELS
            np.add.at(self._levels_above, np.clip(levels, 0, 2 * _LEVELS - 1), 1)

    @property
    def narrow(self) -> bool:
        """Whether the samples so far have practically no energy above 4 kHz."""
        self._measure()
        counted = self._levels_above.cumsum()
        if not self._reaches_high or not counted[-1]:
            return False
        level = int(np.searchsorted(counted, np.ceil(0.99 * (counted[-1] - 1)) + 1))
        loudest_above = 10 ** ((level - _LEVELS + 0.5) * LEVEL_DB / 10)
        return bool(loudest_above < 10 ** (NARROW_DB / 10) * self._loudest_below)
