import math

import numpy as np
import pytest
import torch

from emotrace.model.squeeze import SqueezeExcitation, ZeroBeyond

LENGTHS = [6, 2, 5]


@pytest.fixture
def maps() -> torch.Tensor:
    """Three utterances, 8 channels, 6 frames, 3 bands; noise beyond the true lengths too."""
    return torch.randn(3, 8, 6, 3, generator=torch.Generator().manual_seed(0))


def recalibrated(u: np.ndarray, w1: np.ndarray, w2: np.ndarray) -> np.ndarray:
    """Equations 4, 5 and 6 for one utterance (channel, frame, band), number by number."""
    channels, frames, bands = u.shape
    z = [
        sum(u[c, i, j] for i in range(frames) for j in range(bands)) / (frames * bands)
        for c in range(channels)
    ]
    hidden = [max(0.0, sum(w1[k, c] * z[c] for c in range(channels))) for k in range(len(w1))]
    s = [1 / (1 + math.exp(-sum(w2[c, k] * hidden[k] for k in range(len(w1))))) for c in range(channels)]
    return np.array(
        [[[s[c] * u[c, i, j] for j in range(bands)] for i in range(frames)] for c in range(channels)]
    )


def test_each_utterance_is_recalibrated_as_equations_3_to_6_say(maps: torch.Tensor) -> None:
    torch.manual_seed(1)
    block = SqueezeExcitation(8, reduction=2)
    w1, w2 = (layer.weight.detach().double().numpy() for layer in (block.squeeze, block.excite))
    out = block(maps * 5, torch.tensor(LENGTHS)).detach()
    for row, length in enumerate(LENGTHS):
        expected = recalibrated(maps[row, :, :length].double().numpy() * 5, w1, w2)
        np.testing.assert_allclose(out[row, :, :length].numpy(), expected, rtol=0, atol=5e-6)
        assert not out[row, :, length:].any()


def test_nothing_beyond_the_true_length_is_squeezed(maps: torch.Tensor) -> None:
    block = SqueezeExcitation(8, reduction=2)
    other = maps.clone()
    other[1, :, 2:] = 1e6
    lengths = torch.tensor(LENGTHS)
    assert block(maps, lengths).equal(block(other, lengths))


def test_what_one_channel_shows_weighs_the_others(maps: torch.Tensor) -> None:
    torch.manual_seed(2)
    block = SqueezeExcitation(8, reduction=1)
    lengths = torch.tensor([6, 6, 6])
    other = maps.clone()
    other[:, 0] += 5
    assert (block(maps, lengths) != block(other, lengths))[:, 1:].flatten(2).any(2).all()


@pytest.mark.parametrize(
    ("channels", "reduction", "hidden"), [(64, 8, 8), (128, 8, 16), (64, 16, 4), (4, 8, 1)]
)
def test_the_bottleneck_has_a_reduction_th_of_the_channels_and_no_bias(
    channels: int, reduction: int, hidden: int
) -> None:
    shapes = {name: tuple(p.shape) for name, p in SqueezeExcitation(channels, reduction).named_parameters()}
    assert shapes == {"squeeze.weight": (hidden, channels), "excite.weight": (channels, hidden)}


def test_without_recalibration_only_padding_changes(maps: torch.Tensor) -> None:
    out = ZeroBeyond()(maps, torch.tensor(LENGTHS))
    for row, length in enumerate(LENGTHS):
        assert out[row, :, :length].equal(maps[row, :, :length])
        assert not out[row, :, length:].any()
