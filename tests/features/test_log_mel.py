"""The log-Mel spectrogram against NumPy and librosa."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from feature_oracles import log_mel, log_mel_oracle

from emotrace.features.dft import whole_frames, windowed_dft
from emotrace.features.log_mel import LogMel
from emotrace.features.mel import mel_filters

librosa = pytest.importorskip("librosa")
soundfile = pytest.importorskip("soundfile")


@pytest.fixture(scope="module")
def speech(data: Path) -> list[npt.NDArray[np.float32]]:
    """Every tenth recording of EmoDB, all of them at 16 kHz."""
    files = sorted((data / "emodb" / "wav").glob("*.wav"))
    if not files:
        pytest.skip(f"NO REAL SPEECH: no EmoDB under {data}")
    return [soundfile.read(file, dtype="float32")[0] for file in files[::10]]


@pytest.mark.parametrize("bands", [18, 40])
def test_mel_filters_equal_librosas_htk_triangles(bands: int) -> None:
    expected = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=bands, fmin=0, fmax=8000, htk=True, norm=None, dtype=np.float64
    )
    np.testing.assert_allclose(mel_filters(bands).numpy(), expected, rtol=0, atol=1e-13)


def test_one_matrix_is_pre_emphasis_hamming_window_and_dft() -> None:
    x = np.random.default_rng(0).normal(size=401)
    real, imaginary = np.split(windowed_dft().numpy() @ x, 2)
    expected = np.fft.rfft((x[1:] - 0.97 * x[:-1]) * np.hamming(400), n=512)
    np.testing.assert_allclose(real, expected.real, rtol=0, atol=1e-11)
    np.testing.assert_allclose(-imaginary, expected.imag, rtol=0, atol=1e-11)


def test_log_mel_of_real_speech_equals_numpy_and_librosa(speech: list[npt.NDArray[np.float32]]) -> None:
    # In float32 a band 60 dB below the loudest keeps four digits of its power; the largest error is 3e-5.
    for samples in speech:
        np.testing.assert_allclose(log_mel(samples)[0].numpy(), log_mel_oracle(samples), rtol=0, atol=1e-4)


def test_five_seconds_of_frames_are_80240_samples() -> None:
    for samples, frames in ((80_240, 500), (80_239, 499), (80_399, 500), (80_400, 501)):
        assert log_mel(np.zeros(samples)).shape == (1, 40, frames)
        assert whole_frames(torch.tensor([samples])).item() == frames


def test_batch_mates_and_padding_never_change_the_frames_of_an_utterance() -> None:
    rng = np.random.default_rng(1)
    waveform = torch.as_tensor(rng.normal(size=(4, 4000)), dtype=torch.float32)
    lengths = torch.tensor([4000, 2800, 3119, 3120])
    static, frames = LogMel(40)(waveform, lengths)
    assert frames.tolist() == [23, 16, 17, 18]
    for row in range(4):
        alone = log_mel_oracle(waveform[row, : lengths[row]].numpy())
        np.testing.assert_allclose(static[row, :, : frames[row]].numpy(), alone, rtol=0, atol=1e-4)


def test_frame_i_depends_on_samples_160i_to_160i_plus_399_and_the_one_before() -> None:
    quiet = np.random.default_rng(2).normal(size=2000) * 0.01
    before = log_mel(quiet)[0]
    for sample in (0, 158, 159, 399, 400, 559, 560, 1119, 1120, 1999):
        clicked = quiet.copy()
        clicked[sample] += 0.5
        changed = (log_mel(clicked)[0] != before).any(0).nonzero().flatten().tolist()
        assert changed == [i for i in range(11) if 160 * i - 1 <= sample <= 160 * i + 399]
