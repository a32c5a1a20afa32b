"""The audio of utterances: a file, or the part of it that an utterance occupies."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from emotrace.audio.reading import MINIMUM_S, SAMPLE_RATE_HZ, Audio, read_audio
from emotrace.corpora.utterance import Utterance
from emotrace.errors import AudioError


def read_utterance(utterance: Utterance) -> Audio:
    """The utterance's own part of its file, mono at 16 kHz.

    What is shorter than a network needs is followed by silence, so that a protocol's utterances all count.

    Raises:
        AudioError: a file or a part of it that cannot be used; the message names it.
    """
    audio = _read_whole(utterance)
    start = round(utterance.start_s * SAMPLE_RATE_HZ)
    stop = None if utterance.end_s is None else round(utterance.end_s * SAMPLE_RATE_HZ)
    samples = audio.samples[start:stop]
    if not len(samples):
        raise AudioError(
            f"{utterance.name}: found no sound from {utterance.start_s:.3f} s on, since its file lasts "
            f"{audio.duration_s:.3f} s; leave it out of the corpus"
        )
    missing = max(0, round(MINIMUM_S * SAMPLE_RATE_HZ) - len(samples))
    return replace(audio, samples=np.pad(samples, (0, missing)), silent=not samples.any())


def _read_whole(utterance: Utterance) -> Audio:
    """All of an utterance's file; one that holds the utterance before it too is not read again."""
    if isinstance(utterance.audio, tuple):
        return read_audio(utterance.audio, SAMPLE_RATE_HZ, minimum_s=0)
    path = Path(utterance.audio)
    try:
        changed_ns = path.stat().st_mtime_ns
    except (OSError, ValueError):  # what is wrong with it is for reading to say
        changed_ns = 0
    return _read_file(path, changed_ns)


@lru_cache(maxsize=1)
def _read_file(path: Path, _changed_ns: int) -> Audio:
    """A whole file as it was at a time, which is there to tell a file from what stood in its place before."""
    return read_audio(path, SAMPLE_RATE_HZ, minimum_s=0)


def forget_files() -> None:
    """Free the file that was read last."""
    _read_file.cache_clear()
