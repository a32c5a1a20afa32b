"""The 3-D log-Mel spectrogram by librosa."""

from __future__ import annotations

import librosa
import numpy as np
from peers.server import serve

PADDING = 56  # librosa centres the window of 400 samples in the DFT's 512


class LibrosaMel:
    """Static, delta and delta-delta log-Mel with the paper's settings."""

    def versions(self) -> dict[str, dict[str, str]]:
        """The versions of the measured packages."""
        return {"versions": {"librosa": librosa.__version__}}

    def features(self, samples: str, output: str | None = None) -> None:
        """Features of the samples in a .npy file, written to another one if named."""
        waveform = np.load(samples)
        emphasised = np.append(waveform[0], waveform[1:] - np.float32(0.97) * waveform[:-1])
        power = librosa.feature.melspectrogram(
            y=np.pad(emphasised, PADDING),
            sr=16_000,
            n_fft=512,
            win_length=400,
            hop_length=160,
            window=np.hamming(400),
            center=False,
            n_mels=40,
            htk=True,
            norm=None,
        )
        static = np.log(np.maximum(power, 1e-10))
        slope = librosa.feature.delta(static, width=7, mode="nearest")
        found = np.stack([static, slope, librosa.feature.delta(slope, width=7, mode="nearest")])
        if output:
            np.save(output, found)


if __name__ == "__main__":
    serve(LibrosaMel())
