"""Levels of short blocks of audio, and which blocks are audible."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotrace.audio.quality import SILENCE, Samples

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

BLOCK_S = 0.02  # a period of mains hum, which therefore has the same level in all blocks
LOUD_BLOCKS = 5  # so a click of less than 100 ms does not set the level
DIGITAL_SILENCE_DB = -200.0


@dataclass(frozen=True, slots=True)
class Pauses:
    """What counts as a pause.

    Attributes:
        silence_db: a block this many decibels below the level of its window is silent
        pause_s: the shortest pause that divides a recording
        margin_s: how much of a pause stays with the audio on either side of it
    """

    silence_db: float = 40.0
    pause_s: float = 0.5
    margin_s: float = 0.06


@dataclass(frozen=True, slots=True)
class Blocks:
    """Successive blocks of samples.

    Attributes:
        levels_db: standard deviation of each block's samples relative to full scale, shape (block,);
            `DIGITAL_SILENCE_DB` for digital silence
        lengths: samples of each block; the last may be shorter than the others
    """

    levels_db: Floats
    lengths: npt.NDArray[np.int64]

    @property
    def level_db(self) -> float:
        """Level of the whole: that of its `LOUD_BLOCKS`-th loudest block, or of the softest audible one."""
        audible = self.levels_db[~(self.levels_db <= DIGITAL_SILENCE_DB)]  # samples that are not finite too
        if not len(audible):
            return DIGITAL_SILENCE_DB
        return float(np.sort(audible)[-min(LOUD_BLOCKS, len(audible))])

    def audible(self, silence_db: float) -> Mask:
        """Which blocks are less than `silence_db` below `level_db`, and no digital silence."""
        threshold_db = max(self.level_db - silence_db, DIGITAL_SILENCE_DB)
        return ~(self.levels_db <= threshold_db)

    def first(self, count: int) -> "Blocks":
        """The first `count` blocks."""
        return Blocks(self.levels_db[:count], self.lengths[:count])


def measure_blocks(samples: Samples, block_samples: int) -> Blocks:
    """Measure the blocks of `block_samples` samples of a recording, shape (sample,), at least one sample.

    >>> measure_blocks(np.repeat([0.0, 0.5, -0.5, 0.0], 100).astype(np.float32), 200).levels_db.round()
    array([-12., -12.])
    """
    starts = np.arange(0, len(samples), block_samples)
    lengths = np.diff(starts, append=len(samples))
    x = samples.astype(np.float64)
    power = np.add.reduceat(x * x, starts) / lengths - (np.add.reduceat(x, starts) / lengths) ** 2
    levels_db = 10 * np.log10(np.maximum(power, 10 ** (DIGITAL_SILENCE_DB / 10)))
    extent = np.maximum.reduceat(samples, starts) - np.minimum.reduceat(samples, starts)
    return Blocks(np.where(extent <= SILENCE, DIGITAL_SILENCE_DB, levels_db), lengths)


def first_pause(audible: Mask, blocks: int) -> int | None:
    """Index of the first of at least `blocks` successive blocks that are silent, after an audible one.

    >>> first_pause(np.array([True, False, True, False, False]), 2), first_pause(np.array([True, False]), 2)
    (3, None)
    """
    indices = np.flatnonzero(audible)
    silent_after = np.diff(indices, append=len(audible)) - 1
    pauses = np.flatnonzero(silent_after >= blocks)
    return int(indices[pauses[0]]) + 1 if len(pauses) else None
