"""Chunks of any size, at any rate → mono at the model's rate: the same samples whatever the chunks."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import soxr

from emotrace.audio.quality import SHORT_S, BandMeter, LevelMeter, Samples
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

MINIMUM_S = 0.175  # 16 frames of 25 ms, one every 10 ms
BLOCK_S = 0.1  # what is resampled at a time
LATENCY_S = 0.2  # what is waited for: a block, and what the resampler looks ahead

_LEAST_RATE_HZ = 1_000  # a damaged header may claim 1 Hz, and so ask for 16,000 samples in place of one
_MOST_RATE_HZ = (
    1_000_000  # or 4 GHz, of which a resampler's filter takes minutes and a block of 100 ms gigabytes
)
_BLOCKS_AT_ONCE = 50  # are mixed and checked, where so many are there
_LOUDEST = 1e12  # squares of more overflow the model's single precision
_NOTHING = np.zeros(0, dtype=np.float32)


class StreamPreprocessor:
    """Mixes, checks and resamples a recording as it comes; what comes out knows no chunks.

    Args:
        source_rate_hz: samples a second of what comes
        rate_hz: the rate wanted
        name: what errors call the recording

    Raises:
        AudioError: if the rate is none

    >>> preprocessor = StreamPreprocessor(48_000, 16_000)
    >>> second = np.stack([np.sin(np.arange(48_000) / 10)] * 2, axis=1).astype(np.float32)
    >>> samples = np.concatenate([preprocessor.push(second), preprocessor.flush()])
    >>> samples.shape, [str(warning) for warning in preprocessor.warnings()[:2]]
    ((16000,), ['resampled 48000 Hz to 16000 Hz', '2 channels mixed to mono'])
    """

    def __init__(self, source_rate_hz: float, rate_hz: int, name: str = "<samples>") -> None:
        if not (np.isfinite(source_rate_hz) and source_rate_hz == int(source_rate_hz)):
            raise AudioError(
                f"{name}: found a sample rate of {source_rate_hz}, expected a whole number of Hz"
            )
        if not _LEAST_RATE_HZ <= source_rate_hz <= _MOST_RATE_HZ:
            raise AudioError(
                f"{name}: found a sample rate of {int(source_rate_hz)} Hz, expected {_LEAST_RATE_HZ} to "
                f"{_MOST_RATE_HZ} Hz; check the header or the rate given"
            )
        self.name, self.source_rate_hz, self.rate_hz = name, int(source_rate_hz), rate_hz
        self._resampler = (
            None if self.source_rate_hz == rate_hz else soxr.ResampleStream(self.source_rate_hz, rate_hz, 1)
        )
        self._block = max(1, round(BLOCK_S * self.source_rate_hz))
        self._waiting: list[Samples] = []
        self.channels = 0  # not known before the first chunk
        self._meter, self._bands = LevelMeter(), BandMeter(rate_hz)
        self._given = 0

    @property
    def duration_s(self) -> float:
        """Length of what was given back so far."""
        return self._given / self.rate_hz

    @property
    def silent(self) -> bool:
        """Whether all that was heard so far is digital silence."""
        return self._meter.silent

    def push(self, chunk: Samples) -> Samples:
        """Take in a chunk of shape (sample, channel); give back what is ready, of shape (sample,).

        Raises:
            AudioError: if a sample is not finite or far too large, or there are other channels than before
        """
        if not len(chunk):
            return _NOTHING
        self.channels = self.channels or chunk.shape[1]
        if chunk.shape[1] != self.channels:
            raise AudioError(
                f"{self.name}: found a chunk of {chunk.shape[1]} channels after chunks of {self.channels}, "
                "expected one number of channels all along"
            )
        self._waiting.append(chunk)
        if sum(map(len, self._waiting)) < self._block:
            return _NOTHING
        joined = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        whole = len(joined) // self._block * self._block
        self._waiting = [joined[whole:].copy()]  # a copy, so that the chunk can be forgotten
        most = _BLOCKS_AT_ONCE * self._block
        return np.concatenate(
            [self._take(joined[start : min(start + most, whole)]) for start in range(0, whole, most)]
        )

    def flush(self, minimum_s: float = MINIMUM_S) -> Samples:
        """The rest of the recording.

        Raises:
            AudioError: if it holds nothing, or is shorter than `minimum_s`
        """
        rest = [self._take(np.concatenate(self._waiting))] if self._waiting else []
        if self._resampler is not None:
            rest.append(self._gave(self._resampler.resample_chunk(_NOTHING, last=True)))
        if not self._given:
            raise AudioError(f"{self.name}: found no samples, expected audio of at least {MINIMUM_S} s")
        if self._given < round(minimum_s * self.rate_hz):
            raise AudioError(
                f"{self.name}: found {1000 * self.duration_s:.0f} ms of audio, "
                f"expected at least {1000 * minimum_s:.0f} ms; give a longer recording"
            )
        return np.concatenate([_NOTHING, *rest])

    def warnings(self, from_reader: Iterable[RecognitionWarning] = ()) -> tuple[RecognitionWarning, ...]:
        """Every warning about the recording, once it is complete.

        Args:
            from_reader: the warnings of whatever read the recording, which are put among these
        """
        found = []
        if self._resampler is not None:
            text = f"resampled {self.source_rate_hz} Hz to {self.rate_hz} Hz"
            found.append(RecognitionWarning("resampled", text))
        if self.channels > 1:
            found.append(RecognitionWarning("mixed-to-mono", f"{self.channels} channels mixed to mono"))
        found += [*from_reader, *self._meter.warnings()]
        if self.duration_s < SHORT_S:
            text = f"short: {self.duration_s:.2f} s, and under {SHORT_S:g} s emotion is hard to tell"
            found.append(RecognitionWarning("short", text))
        if not self.silent and self._bands.narrow:
            found.append(RecognitionWarning("narrow-band", "narrow band: no energy above 4 kHz"))
        return tuple(found)

    def _take(self, blocks: Samples) -> Samples:
        """What whole blocks, and at the end of a recording the rest of one, give at the rate wanted."""
        finite = np.isfinite(blocks)
        if not finite.all():
            first = self._meter.frames + int(np.flatnonzero(~finite.all(axis=1))[0])
            raise AudioError(
                f"{self.name}: found a sample that is not finite at {first / self.source_rate_hz:.3f} s, "
                "expected numbers only; write the file anew from its source"
            )
        self._meter.push(blocks)
        if self._meter.peak > _LOUDEST:
            raise AudioError(
                f"{self.name}: found samples as large as {self._meter.peak:.1e}, expected -1 to 1; "
                "write the file anew from its source"
            )
        mono = blocks[:, 0].copy() if self.channels == 1 else blocks.mean(axis=1, dtype=np.float32)
        if self._resampler is None:
            return self._gave(mono)
        starts = range(0, len(mono), self._block)
        ready = [self._resampler.resample_chunk(mono[start : start + self._block]) for start in starts]
        return self._gave(np.concatenate([_NOTHING, *ready]))

    def _gave(self, samples: Samples) -> Samples:
        self._given += len(samples)
        self._bands.push(samples)
        return samples


def as_floats(samples: npt.ArrayLike, name: str = "<samples>") -> Samples:
    """Samples of shape (n,) or (n, channels) as float32 of shape (n, channels), full scale ±1.

    Raises:
        AudioError: if they have another shape or are of a type that has no full scale

    >>> as_floats(np.array([-32768, 16384], dtype=np.int16)).ravel()
    array([-1. ,  0.5], dtype=float32)
    """
    x = np.asarray(samples)
    if x.ndim not in (1, 2) or (x.ndim == 2 and not x.shape[1]):
        raise AudioError(f"{name}: found shape {x.shape}, expected (n,) or (n, channels); transpose them?")
    if x.dtype == np.uint8:
        x = (x.astype(np.float32) - 128) / 128
    elif x.dtype in (np.int8, np.int16, np.int32):
        x = (x / -float(np.iinfo(x.dtype).min)).astype(np.float32)
    elif x.dtype.kind != "f":
        raise AudioError(
            f"{name}: found samples of type {x.dtype}, expected floats of full scale 1 "
            "or integers of 8, 16 or 32 bits"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is refused
        x = x.astype(np.float32, copy=False)
    return x[:, None] if x.ndim == 1 else x
