import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from emotrace.features.spectrogram import (
    LogMel,
    LogSpectrogram,
    deltas,
    mel_filters,
    spectrogram,
    whole_frames,
    windowed_dft,
)

librosa = pytest.importorskip("librosa")
soundfile = pytest.importorskip("soundfile")

Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def speech(data: Path) -> list[npt.NDArray[np.float32]]:
    """Every tenth recording of EmoDB, all of them at 16 kHz."""
    files = sorted((data / "emodb" / "wav").glob("*.wav"))
    if not files:
        pytest.skip(f"NO REAL SPEECH: no EmoDB under {data}")
    return [soundfile.read(file, dtype="float32")[0] for file in files[::10]]


def log_mel_oracle(samples: npt.ArrayLike, bands: int = 40) -> Floats:
    """Frame by frame, in double precision, with NumPy's window and FFT and librosa's triangles."""
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
    """Equation 1 as it is printed, index by index; frames beyond an edge are the edge frame."""
    bands, frames = x.shape
    slopes = np.zeros_like(x)
    for band in range(bands):
        for i in range(frames):
            for n in range(1, reach + 1):
                later, earlier = min(i + n, frames - 1), max(i - n, 0)
                slopes[band, i] += n * (x[band, later] - x[band, earlier])
            slopes[band, i] /= 2 * sum(n**2 for n in range(1, reach + 1))
    return slopes


def static_of(samples: npt.ArrayLike, bands: int = 40) -> torch.Tensor:
    waveform = torch.as_tensor(np.asarray(samples, dtype=np.float32))[None]
    return LogMel(bands)(waveform, torch.tensor([waveform.shape[1]]))[0]


@pytest.mark.parametrize("bands", [18, 40])
def test_mel_filters_are_librosas_htk_triangles(bands: int) -> None:
    theirs = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=bands, fmin=0, fmax=8000, htk=True, norm=None, dtype=np.float64
    )
    np.testing.assert_allclose(mel_filters(bands).numpy(), theirs, rtol=0, atol=1e-13)


def test_one_matrix_is_pre_emphasis_hamming_window_and_dft() -> None:
    x = np.random.default_rng(0).normal(size=401)
    real, imaginary = np.split(windowed_dft().numpy() @ x, 2)
    theirs = np.fft.rfft((x[1:] - 0.97 * x[:-1]) * np.hamming(400), n=512)
    np.testing.assert_allclose(real, theirs.real, rtol=0, atol=1e-11)
    np.testing.assert_allclose(-imaginary, theirs.imag, rtol=0, atol=1e-11)


def test_log_mel_of_real_speech_is_what_numpy_and_librosa_compute(
    speech: list[npt.NDArray[np.float32]],
) -> None:
    # In float32 a band 60 dB below the loudest keeps about four digits of its power; 3e-5 is the most seen.
    for samples in speech:
        ours = static_of(samples)[0].numpy()
        np.testing.assert_allclose(ours, log_mel_oracle(samples), rtol=0, atol=1e-4)


def test_five_seconds_of_frames_are_80240_samples() -> None:
    for samples, frames in ((80_240, 500), (80_239, 499), (80_399, 500), (80_400, 501)):
        assert static_of(np.zeros(samples)).shape == (1, 40, frames)
        assert whole_frames(torch.tensor([samples])).item() == frames


def test_the_linear_spectrogram_is_the_log_power_of_numpys_fft_up_to_4_khz() -> None:
    samples = np.random.default_rng(8).normal(size=4001)
    frames = np.lib.stride_tricks.sliding_window_view(samples, 640)[::160] * np.hamming(640)
    power = np.abs(np.fft.rfft(frames, 800)[:, :200]) ** 2
    static, count = LogSpectrogram()(
        torch.as_tensor(samples, dtype=torch.float32)[None], torch.tensor([4001])
    )
    assert count.item() == len(frames) == static.shape[2] == 22
    np.testing.assert_allclose(static[0].T.exp().numpy(), power, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("hz", [200, 1000, 3980])
def test_a_tone_is_loudest_in_the_bin_of_its_frequency(hz: int) -> None:
    tone = torch.sin(2 * math.pi * hz * torch.arange(4000) / 16_000)[None]
    static, _ = LogSpectrogram()(tone, torch.tensor([4000]))
    assert (static[0].argmax(0) == hz // 20).all()


def test_frames_are_those_of_the_true_length_whatever_the_batch_holds() -> None:
    rng = np.random.default_rng(1)
    waveform = torch.as_tensor(rng.normal(size=(4, 4000)), dtype=torch.float32)
    lengths = torch.tensor([4000, 2800, 3119, 3120])
    static, frames = LogMel(40)(waveform, lengths)
    assert frames.tolist() == [23, 16, 17, 18]
    for row in range(4):
        alone = log_mel_oracle(waveform[row, : lengths[row]].numpy())
        np.testing.assert_allclose(static[row, :, : frames[row]].numpy(), alone, rtol=0, atol=1e-4)


def test_frame_i_hears_samples_160i_to_160i_plus_399_and_the_one_before() -> None:
    quiet = np.random.default_rng(2).normal(size=2000) * 0.01
    before = static_of(quiet)[0]
    for sample in (0, 158, 159, 399, 400, 559, 560, 1119, 1120, 1999):
        clicked = quiet.copy()
        clicked[sample] += 0.5
        changed = (static_of(clicked)[0] != before).any(0).nonzero().flatten().tolist()
        assert changed == [i for i in range(11) if 160 * i - 1 <= sample <= 160 * i + 399]


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_deltas_and_delta_deltas_are_equations_1_and_2(reach: int) -> None:
    x = np.random.default_rng(3).normal(size=(2, 17))
    once = delta_oracle(x, reach)
    ours = deltas(torch.as_tensor(x), reach)
    np.testing.assert_allclose(ours.numpy(), once, rtol=0, atol=1e-14)
    np.testing.assert_allclose(deltas(ours, reach).numpy(), delta_oracle(once, reach), rtol=0, atol=1e-14)


def test_deltas_are_the_slope_of_a_straight_line_and_nothing_on_a_plateau() -> None:
    line = deltas(torch.arange(20.0)[None] * 0.25)
    assert line[0, 3:17].tolist() == pytest.approx([0.25] * 14, abs=1e-6)
    assert not deltas(torch.full((1, 20), 7.0)).any()


def test_each_utterance_of_a_batch_repeats_its_own_edges() -> None:
    rng = np.random.default_rng(4)
    static = torch.as_tensor(rng.normal(size=(4, 5, 30)))
    lengths = torch.tensor([30, 1, 7, 18])  # what stands beyond is noise, as in a real batch
    image = spectrogram(static, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = static[row, :, :length].numpy()
        once = delta_oracle(alone, 3)
        for channel, theirs in enumerate((alone, once, delta_oracle(once, 3))):
            ours = image[row, channel, :length].T.numpy()
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_spectrogram_is_static_delta_and_delta_delta_by_frame_and_band(channels: int) -> None:
    static = torch.randn(2, 5, 20, generator=torch.Generator().manual_seed(5))
    image = spectrogram(static, torch.tensor([20, 20]), channels=channels)
    once = deltas(static)
    assert image.shape == (2, channels, 20, 5)
    for channel, expected in enumerate((static, once, deltas(once))[:channels]):
        assert image[:, channel].transpose(1, 2).equal(expected)


@pytest.mark.parametrize("gain", [0.1, 0.5, 3.0])
def test_louder_speech_has_the_same_deltas(gain: float) -> None:
    noise = np.random.default_rng(7).normal(size=8000).astype(np.float32) * 0.1
    frames = torch.tensor([48])
    soft, loud = (spectrogram(static_of(samples), frames) for samples in (noise, gain * noise))
    # float32 holds a logarithm near 10 to 1e-6, and its argument to a few times that.
    shift = loud[:, 0] - soft[:, 0]
    torch.testing.assert_close(shift, torch.full_like(shift, 2 * math.log(gain)), rtol=0, atol=2e-5)
    torch.testing.assert_close(loud[:, 1:], soft[:, 1:], rtol=0, atol=1e-5)


def test_digital_silence_lies_on_the_floor() -> None:
    image = spectrogram(static_of(np.zeros(4000)), torch.tensor([23]))
    assert image[:, 0].unique().tolist() == pytest.approx([math.log(1e-10)], abs=1e-6)
    assert image[:, 1:].abs().max() < 1e-6  # rounding of a weighted sum of seven floors of -23
