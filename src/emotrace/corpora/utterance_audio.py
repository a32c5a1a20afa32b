"""Reads the audio of an utterance: a file, or a part of one."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from emotrace.audio.quality import is_silent
from emotrace.audio.reading import MINIMUM_S, SAMPLE_RATE_HZ, Audio, read_audio
from emotrace.corpora.utterance import Utterance
from emotrace.errors import AudioError

SHORTEST_S = 0.025  # one frame
SLACK_S = 0.1  # by which an utterance may exceed its file, because encoders pad and programs round


def read_utterance(utterance: Utterance) -> Audio:
    """The samples of an utterance, mono at 16 kHz.

    An utterance that is too short for a network is padded with silence, so that every utterance of a
    protocol counts.

    Raises:
        AudioError: the file cannot be read, ends before the utterance does, or the utterance is shorter than
            a frame; the message names it
    """
    audio = _read_whole_file(utterance)
    start = round(utterance.start_s * SAMPLE_RATE_HZ)
    stop = None if utterance.end_s is None else round(utterance.end_s * SAMPLE_RATE_HZ)
    samples = audio.samples[start:stop]
    if not len(samples):
        raise AudioError(
            f"{utterance.name} starts at {utterance.start_s:.3f} s, but its file lasts only "
            f"{audio.duration_s:.3f} s; leave it out of the corpus"
        )
    if utterance.end_s is not None and utterance.end_s > audio.duration_s + SLACK_S:
        raise AudioError(
            f"{utterance.name} ends at {utterance.end_s:.3f} s, but its file lasts only "
            f"{audio.duration_s:.3f} s; correct its end, or leave it out of the corpus"
        )
    if len(samples) < round(SHORTEST_S * SAMPLE_RATE_HZ):
        raise AudioError(
            f"{utterance.name}: found {1000 * len(samples) / SAMPLE_RATE_HZ:.1f} ms of audio, "
            f"expected at least {1000 * SHORTEST_S:.0f} ms; leave it out of the corpus"
        )
    missing = max(0, round(MINIMUM_S * SAMPLE_RATE_HZ) - len(samples))
    return replace(audio, samples=np.pad(samples, (0, missing)), silent=is_silent(samples))


def _read_whole_file(utterance: Utterance) -> Audio:
    """The whole file of an utterance; the last file is cached, since many utterances share one."""
    if isinstance(utterance.audio, tuple):
        return read_audio(utterance.audio, SAMPLE_RATE_HZ, minimum_s=0)
    path = Path(utterance.audio)
    try:
        changed_ns = path.stat().st_mtime_ns
    except (OSError, ValueError):  # `read_audio` reports what is wrong
        changed_ns = 0
    return _read_file(path, changed_ns)


@lru_cache(maxsize=1)
def _read_file(path: Path, _changed_ns: int) -> Audio:
    """A whole file; the time of its last change is part of the cache key."""
    return read_audio(path, SAMPLE_RATE_HZ, minimum_s=0)


def clear_audio_cache() -> None:
    """Free the memory of the file that was read last."""
    _read_file.cache_clear()
