"""Deltas and the 3-D spectrogram against a plain loop over equation 1."""

import math

import numpy as np
import pytest
import torch
from feature_oracles import delta_oracle, log_mel

from emotrace.features.deltas import deltas, stack_deltas


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_deltas_and_delta_deltas_are_equations_1_and_2(reach: int) -> None:
    x = np.random.default_rng(3).normal(size=(2, 17))
    expected = delta_oracle(x, reach)
    found = deltas(torch.as_tensor(x), reach)
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        deltas(found, reach).numpy(), delta_oracle(expected, reach), rtol=0, atol=1e-14
    )


def test_deltas_are_the_slope_of_a_straight_line_and_zero_on_a_plateau() -> None:
    line = deltas(torch.arange(20.0)[None] * 0.25)
    assert line[0, 3:17].tolist() == pytest.approx([0.25] * 14, abs=1e-6)
    assert not deltas(torch.full((1, 20), 7.0)).any()


def test_edges_repeat_at_the_true_length_of_each_utterance() -> None:
    rng = np.random.default_rng(4)
    static = torch.as_tensor(rng.normal(size=(4, 5, 30)))  # noise beyond the true lengths too
    lengths = torch.tensor([30, 1, 7, 18])
    image = stack_deltas(static, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = static[row, :, :length].numpy()
        once = delta_oracle(alone, 3)
        for channel, expected in enumerate((alone, once, delta_oracle(once, 3))):
            found = image[row, channel, :length].T.numpy()
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels_are_static_delta_and_delta_delta_by_frame_and_band(channels: int) -> None:
    static = torch.randn(2, 5, 20, generator=torch.Generator().manual_seed(5))
    image = stack_deltas(static, torch.tensor([20, 20]), channels=channels)
    once = deltas(static)
    assert image.shape == (2, channels, 20, 5)
    for channel, expected in enumerate((static, once, deltas(once))[:channels]):
        assert image[:, channel].transpose(1, 2).equal(expected)


@pytest.mark.parametrize("gain", [0.1, 0.5, 3.0])
def test_louder_speech_has_the_same_deltas(gain: float) -> None:
    noise = np.random.default_rng(7).normal(size=8000).astype(np.float32) * 0.1
    frames = torch.tensor([48])
    soft, loud = (stack_deltas(log_mel(samples), frames) for samples in (noise, gain * noise))
    # float32 stores a logarithm near 10 to 1e-6, and its argument to a few times that.
    shift = loud[:, 0] - soft[:, 0]
    torch.testing.assert_close(shift, torch.full_like(shift, 2 * math.log(gain)), rtol=0, atol=2e-5)
    torch.testing.assert_close(loud[:, 1:], soft[:, 1:], rtol=0, atol=1e-5)


def test_digital_silence_is_at_the_power_floor() -> None:
    image = stack_deltas(log_mel(np.zeros(4000)), torch.tensor([23]))
    assert image[:, 0].unique().tolist() == pytest.approx([math.log(1e-10)], abs=1e-6)
    assert image[:, 1:].abs().max() < 1e-6  # rounding of a weighted sum of seven floors of -23
