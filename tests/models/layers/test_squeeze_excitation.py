import math

import numpy as np
import pytest
import torch

from emotrace.models.layers.conv_block import ConvBlock
from emotrace.models.layers.squeeze_excitation import SqueezeExcitation

LENGTHS = [6, 2, 5]


@pytest.fixture
def maps() -> torch.Tensor:
    """Three utterances, 8 channels, 6 frames, 3 bands; noise beyond the true lengths too."""
    return torch.randn(3, 8, 6, 3, generator=torch.Generator().manual_seed(0))


def weights(u: np.ndarray, w1: np.ndarray, w2: np.ndarray) -> list[float]:
    """Equations 4 and 5 for one utterance (channel, frame, band), number by number."""
    channels, frames, bands = u.shape
    z = [
        sum(u[c, i, j] for i in range(frames) for j in range(bands)) / (frames * bands)
        for c in range(channels)
    ]
    hidden = [max(0.0, sum(w1[k, c] * z[c] for c in range(channels))) for k in range(len(w1))]
    return [1 / (1 + math.exp(-sum(w2[c, k] * hidden[k] for k in range(len(w1))))) for c in range(channels)]


def test_channel_weights_equal_equations_4_and_5(maps: torch.Tensor) -> None:
    torch.manual_seed(1)
    block = SqueezeExcitation(8, reduction=2)
    w1, w2 = (layer.weight.detach().double().numpy() for layer in (block.squeeze, block.excite))
    s = block(5 * maps, torch.tensor(LENGTHS)).detach()
    for row, length in enumerate(LENGTHS):
        expected = weights(5 * maps[row, :, :length].double().numpy(), w1, w2)
        np.testing.assert_allclose(s[row].numpy(), expected, rtol=0, atol=1e-6)


def test_padding_never_changes_the_weights(maps: torch.Tensor) -> None:
    block = SqueezeExcitation(8, reduction=2)
    other = maps.clone()
    other[1, :, 2:] = 1e6
    lengths = torch.tensor(LENGTHS)
    assert block(maps, lengths).equal(block(other, lengths))


def test_each_channel_changes_the_weights_of_all(maps: torch.Tensor) -> None:
    torch.manual_seed(2)
    block = SqueezeExcitation(8, reduction=1)
    lengths = torch.tensor([6, 6, 6])
    other = maps.clone()
    other[:, 0] += 5
    assert (block(maps, lengths) != block(other, lengths)).all()


def test_a_block_scales_its_channels_as_in_equation_6(maps: torch.Tensor) -> None:
    torch.manual_seed(3)
    settings = {"same": True, "pool": None, "batch_norm": False, "momentum": 0.1, "eps": 1e-5}
    scaled, plain = (ConvBlock(8, 8, 1, reduction=r, **settings) for r in (2, None))
    plain.load_state_dict(scaled.state_dict(), strict=False)
    lengths = torch.tensor(LENGTHS)
    (found, _), (u, _) = scaled(maps, lengths), plain(maps, lengths)
    s = scaled.squeeze(u, lengths)
    torch.testing.assert_close(found, u * s[:, :, None, None], rtol=0, atol=1e-7)
    for row, length in enumerate(LENGTHS):
        assert not found[row, :, length:].any()


@pytest.mark.parametrize(
    ("channels", "reduction", "hidden"), [(64, 8, 8), (128, 8, 16), (64, 16, 4), (4, 8, 1)]
)
def test_the_bottleneck_has_the_reduced_number_of_channels_and_no_bias(
    channels: int, reduction: int, hidden: int
) -> None:
    shapes = {name: tuple(p.shape) for name, p in SqueezeExcitation(channels, reduction).named_parameters()}
    assert shapes == {"squeeze.weight": (hidden, channels), "excite.weight": (channels, hidden)}
