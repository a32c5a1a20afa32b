"""What a recording can be given as in Python, besides a path, and what is refused with which words."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from emotrace.audio.preprocessing import as_floats, check_rate
from emotrace.audio.quality import Samples
from emotrace.errors import AudioError

EXPECTED = "a path, bytes, a binary file object, a SoundFile or (samples, sample_rate_hz)"
NAME = "<samples>"


def samples_and_rate(pair: tuple[Any, ...]) -> tuple[Samples, float]:
    """Float samples of shape (sample, channel), and their rate.

    Raises:
        AudioError: if the pair is not (samples, sample_rate_hz)
    """
    if len(pair) != 2:
        raise AudioError(f"{NAME}: found a tuple of {len(pair)}, expected (samples, sample_rate_hz)")
    samples, rate_hz = pair
    if np.ndim(rate_hz) and not np.ndim(samples):
        raise AudioError(
            f"{NAME}: found (sample_rate_hz, samples), expected (samples, sample_rate_hz); swap them"
        )
    check_rate(rate_hz, NAME)
    floats = as_floats(samples, NAME)
    if floats.shape[1] > max(len(floats), 1):
        raise AudioError(
            f"{NAME}: found shape {floats.shape}, expected (n,) or (n, channels); transpose them?"
        )
    return floats, rate_hz


def unwrap(source: Any) -> Any:
    """The samples and rate, bytes or path in an audio entry of `datasets`; other sources as they are.

    >>> unwrap({"array": [0.0, 0.5], "sampling_rate": 16_000})
    ([0.0, 0.5], 16000)
    """
    if hasattr(source, "get_all_samples"):  # the decoder that newer versions of datasets give
        decoded = source.get_all_samples()
        return np.asarray(decoded.data).T, decoded.sample_rate
    if not isinstance(source, Mapping):
        return source
    samples = source.get("array", source.get("raw"))
    if samples is not None and "sampling_rate" in source:
        return samples, source["sampling_rate"]
    if source.get("bytes") is not None:
        return source["bytes"]
    if source.get("path") is not None:
        return source["path"]
    keys = ", ".join(map(str, source))
    raise AudioError(
        f"found a dictionary of {keys or 'nothing'}, expected array and sampling_rate, or bytes, or path"
    )


def check_file_object(source: Any) -> None:
    """Refuse what cannot be read as a binary file.

    Raises:
        AudioError: if the source is of another kind; the message says what it is
    """
    if isinstance(source, io.TextIOBase):
        raise AudioError("found a file object opened as text, expected a binary one; open it with mode 'rb'")
    if hasattr(source, "read"):
        return
    kind, advice = type(source).__name__, ""
    if isinstance(source, list):
        advice = "; call the recogniser for each source"
    elif hasattr(source, "__array__"):
        advice = "; give the rate too: (samples, sample_rate_hz)"
    raise AudioError(f"found a {kind}, expected {EXPECTED}{advice}")
