"""Incremental preprocessing: mixing to mono, resampling and quality checks, whatever the chunks' sizes."""

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from emotrace.audio.quality import SHORT_S, BandMeter, LevelMeter, Samples
from emotrace.errors import AudioError
from emotrace.warning import RecognitionWarning

MINIMUM_S = 0.175  # 16 frames of 25 ms with a hop of 10 ms
BLOCK_S = 0.1  # resampled at a time
LATENCY_S = 0.2  # a block and the resampler's look-ahead

# A damaged header may claim any rate. At 1 Hz, each sample would become 16,000; at 4 GHz, the resampler's
# filter would take minutes and a block of 100 ms gigabytes.
_MIN_RATE_HZ = 1_000
_MAX_RATE_HZ = 1_000_000
_BLOCKS_AT_ONCE = 50  # mixed and checked together, if there are so many
_MAX_SAMPLE = 1e12  # squares of larger samples overflow the model's single precision
_NO_SAMPLES = np.zeros(0, dtype=np.float32)


class StreamPreprocessor:
    """Mixes, checks and resamples a recording chunk by chunk; the output does not depend on the chunks.

    Args:
        source_rate_hz: sample rate of the chunks
        rate_hz: sample rate of the output
        name: name of the recording in errors

    Raises:
        AudioError: if the source rate is not a whole number from 1 kHz to 1 MHz

    >>> preprocessor = StreamPreprocessor(48_000, 16_000)
    >>> second = np.stack([np.sin(np.arange(48_000) / 10)] * 2, axis=1).astype(np.float32)
    >>> samples = np.concatenate([preprocessor.push(second), preprocessor.flush()])
    >>> samples.shape, [str(warning) for warning in preprocessor.warnings()[:2]]
    ((16000,), ['resampled 48000 Hz to 16000 Hz', '2 channels mixed to mono'])
    """

    def __init__(self, source_rate_hz: float, rate_hz: int, name: str = "<samples>") -> None:
        check_rate(source_rate_hz, name)
        self.name, self.source_rate_hz, self.rate_hz = name, int(source_rate_hz), rate_hz
        self._resampler = (
            None if self.source_rate_hz == rate_hz else soxr.ResampleStream(self.source_rate_hz, rate_hz, 1)
        )
        self._block = max(1, round(BLOCK_S * self.source_rate_hz))
        self._waiting: list[Samples] = []
        self.channels = 0  # unknown before the first chunk
        self._levels, self._bands = LevelMeter(), BandMeter(rate_hz)
        self._samples_out = 0

    @property
    def duration_s(self) -> float:
        """Duration of the output so far in seconds."""
        return self._samples_out / self.rate_hz

    @property
    def silent(self) -> bool:
        """Whether the recording so far is digital silence."""
        return self._levels.silent

    def push(self, chunk: Samples) -> Samples:
        """Process a chunk, shape (sample, channel), and return the output that is ready, shape (sample,).

        Raises:
            AudioError: if a sample is not finite or far too large, or the number of channels changes
        """
        if not len(chunk):
            return _NO_SAMPLES
        self.channels = self.channels or chunk.shape[1]
        if chunk.shape[1] != self.channels:
            raise AudioError(
                f"{self.name}: found a chunk of {chunk.shape[1]} channels after chunks of {self.channels}, "
                "expected the same number of channels in all chunks"
            )
        self._waiting.append(chunk)
        if sum(map(len, self._waiting)) < self._block:
            return _NO_SAMPLES
        joined = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        whole = len(joined) // self._block * self._block
        self._waiting = [joined[whole:].copy()]  # a copy, so that the chunk can be freed
        step = _BLOCKS_AT_ONCE * self._block
        return np.concatenate(
            [self._process(joined[start : min(start + step, whole)]) for start in range(0, whole, step)]
        )

    def flush(self, minimum_s: float = MINIMUM_S) -> Samples:
        """End the recording and return the remaining output.

        Raises:
            AudioError: if the recording is empty, or shorter than `minimum_s`
        """
        rest = [self._process(np.concatenate(self._waiting))] if self._waiting else []
        if self._resampler is not None:
            rest.append(self._count_out(self._resampler.resample_chunk(_NO_SAMPLES, last=True)))
        if not self._samples_out:
            raise AudioError(f"{self.name}: found no samples, expected audio of at least {MINIMUM_S} s")
        if self._samples_out < round(minimum_s * self.rate_hz):
            raise AudioError(
                f"{self.name}: found {1000 * self.duration_s:.0f} ms of audio, "
                f"expected at least {1000 * minimum_s:.0f} ms; give a longer recording"
            )
        return np.concatenate([_NO_SAMPLES, *rest])

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
        reported = list(from_reader)
        damaged = any(warning.code == "damaged" for warning in reported)  # explains samples out of range
        levels = self._levels.warnings()
        found += [*reported, *(w for w in levels if not (damaged and w.code == "out-of-range"))]
        if self.duration_s < SHORT_S:
            text = f"short: {self.duration_s:.2f} s, and under {SHORT_S:g} s emotion is hard to tell"
            found.append(RecognitionWarning("short", text))
        if not self.silent and self._bands.narrow:
            found.append(RecognitionWarning("narrow-band", "narrow band: no energy above 4 kHz"))
        return tuple(found)

    def _process(self, blocks: Samples) -> Samples:
        """Check, mix and resample whole blocks or, at the end of the recording, a partial block."""
        finite = np.isfinite(blocks)
        if not finite.all():
            first = self._levels.frames + int(np.flatnonzero(~finite.all(axis=1))[0])
            raise AudioError(
                f"{self.name}: found a sample that is not finite at {first / self.source_rate_hz:.3f} s, "
                "expected finite numbers; write the file again from its source"
            )
        self._levels.push(blocks)
        if self._levels.peak > _MAX_SAMPLE:
            raise AudioError(
                f"{self.name}: found samples as large as {self._levels.peak:.1e}, expected -1 to 1; "
                "write the file again from its source"
            )
        mono = blocks[:, 0].copy() if self.channels == 1 else blocks.mean(axis=1, dtype=np.float32)
        if self._resampler is None:
            return self._count_out(mono)
        starts = range(0, len(mono), self._block)
        ready = [self._resampler.resample_chunk(mono[start : start + self._block]) for start in starts]
        return self._count_out(np.concatenate([_NO_SAMPLES, *ready]))

    def _count_out(self, samples: Samples) -> Samples:
        self._samples_out += len(samples)
        self._bands.push(samples)
        return samples


def check_rate(rate_hz: Any, name: str = "<samples>") -> None:
    """Check that a sample rate is a whole number of Hz in the supported range.

    >>> check_rate(None)
    Traceback (most recent call last):
    emotrace.errors.AudioError: <samples>: found a sample rate of None, expected a whole number of Hz

    Raises:
        AudioError: if it is not
    """
    real = isinstance(rate_hz, Real) and math.isfinite(rate_hz)
    if not real or rate_hz != int(rate_hz):
        raise AudioError(f"{name}: found a sample rate of {rate_hz!s:.40}, expected a whole number of Hz")
    if not _MIN_RATE_HZ <= rate_hz <= _MAX_RATE_HZ:
        raise AudioError(
            f"{name}: found a sample rate of {int(rate_hz)} Hz, expected {_MIN_RATE_HZ} to "
            f"{_MAX_RATE_HZ} Hz; check the header or the rate given"
        )


def as_floats(samples: npt.ArrayLike, name: str = "<samples>") -> Samples:
    """Convert samples of shape (n,) or (n, channels) to float32 of shape (n, channels), full scale ±1.

    Raises:
        AudioError: if the shape is different, or the type has no full scale

    >>> as_floats(np.array([-32768, 16384], dtype=np.int16)).ravel()
    array([-1. ,  0.5], dtype=float32)
    """
    if isinstance(samples, bytes | bytearray) or (isinstance(samples, memoryview) and samples.format == "B"):
        raise AudioError(
            f"{name}: found bytes without the type of their samples, expected an array; "
            "for 16-bit samples give numpy.frombuffer(samples, numpy.int16)"
        )
    try:
        x = np.asarray(samples)
    except (TypeError, ValueError, RuntimeError) as error:
        raise AudioError(
            f"{name}: found a {type(samples).__name__} that is no array ({str(error).splitlines()[0]}), "
            "expected samples of shape (n,) or (n, channels)"
        ) from None
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
    with np.errstate(over="ignore", invalid="ignore"):  # infinite samples are refused later
        x = x.astype(np.float32, copy=False)
    return x[:, None] if x.ndim == 1 else x
