"""Log-Mel spectrograms and deltas in NumPy and librosa, written without the package's own code."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emotrace.features.log_mel import LogMel

Floats = npt.NDArray[np.float64]


def log_mel_oracle(samples: npt.ArrayLike, bands: int = 40) -> Floats:
    """Frame by frame, in double precision, with NumPy's window and FFT and librosa's triangles."""
    librosa = pytest.importorskip("librosa")
    x = np.asarray(samples, dtype=np.float64)
    emphasised = np.concatenate([x[:1], x[1:] - 0.97 * x[:-1]])
    triangles = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=bands, fmin=0, fmax=8000, htk=True, norm=None, dtype=np.float64
    )
    columns = []
    for i in range((len(x) - 400) // 160 + 1):
        frame = emphasised[160 * i : 160 * i + 400] * np.hamming(400)
        power = np.abs(np.fft.rfft(frame, n=512)) ** 2
        columns.append(np.log(np.maximum(triangles @ power, 1e-10)))
    return np.array(columns).T


def delta_oracle(x: Floats, reach: int) -> Floats:
    """Equation 1 as printed, index by index; frames beyond an edge repeat the edge frame."""
    bands, frames = x.shape
    slopes = np.zeros_like(x)
    for band in range(bands):
        for i in range(frames):
            for n in range(1, reach + 1):
                later, earlier = min(i + n, frames - 1), max(i - n, 0)
                slopes[band, i] += n * (x[band, later] - x[band, earlier])
            slopes[band, i] /= 2 * sum(n**2 for n in range(1, reach + 1))
    return slopes


def log_mel(samples: npt.ArrayLike, bands: int = 40) -> torch.Tensor:
    """The package's log-Mel spectrogram of one utterance, (1, band, frame)."""
    waveform = torch.as_tensor(np.asarray(samples, dtype=np.float32))[None]
    return LogMel(bands)(waveform, torch.tensor([waveform.shape[1]]))[0]
