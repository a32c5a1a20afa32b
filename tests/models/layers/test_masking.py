import pytest
import torch

from emotrace.models.layers.masking import length_mask, masked_max, masked_mean

LENGTHS = [7, 1, 4]


@pytest.fixture
def batch() -> torch.Tensor:
    return (
        torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(0)) - 3
    )  # mostly negative: padding of zero would be the maximum


def test_real_positions_are_those_before_the_length() -> None:
    assert length_mask(torch.tensor(LENGTHS), 7).tolist() == [
        [i < length for i in range(7)] for length in LENGTHS
    ]


def test_mean_and_maximum_use_real_positions_only(batch: torch.Tensor) -> None:
    means, maxima = (pool(batch, torch.tensor(LENGTHS)) for pool in (masked_mean, masked_max))
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(means[row], batch[row, :length].mean(0), rtol=0, atol=1e-6)
        assert maxima[row].equal(batch[row, :length].max(0).values)


@pytest.mark.parametrize("pool", [masked_mean, masked_max])
def test_no_gradient_reaches_padding(pool, batch: torch.Tensor) -> None:
    batch.requires_grad_()
    pool(batch, torch.tensor(LENGTHS)).square().sum().backward()
    for row, length in enumerate(LENGTHS):
        assert not batch.grad[row, length:].any()
        assert batch.grad[row, :length].any()
