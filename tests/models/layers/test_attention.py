import math

import numpy as np
import pytest
import torch
from torch import nn

from emotrace.models.layers.attention import SelfAttention

LENGTHS = [6, 1, 4]


@pytest.fixture
def sequences() -> torch.Tensor:
    """Three utterances, 6 steps, 8 features; noise beyond the true lengths too."""
    return torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def attention(heads: int = 1, residual: bool = False) -> SelfAttention:
    torch.manual_seed(1)
    return SelfAttention(8, heads, residual).double()


def attended(x: np.ndarray, wq: np.ndarray, wk: np.ndarray, wv: np.ndarray) -> np.ndarray:
    """Equations 8 and 9 for one utterance: a row of `x` is a step."""
    q, k, v = x @ wq.T, x @ wk.T, x @ wv.T
    weights = np.exp(q @ k.T / math.sqrt(k.shape[1]))
    return weights / weights.sum(axis=1, keepdims=True) @ v


def test_one_head_equals_equations_8_and_9_over_the_real_steps(sequences: torch.Tensor) -> None:
    module = attention()
    weights = [layer.weight.detach().numpy() for layer in (module.query, module.key, module.value)]
    out = module(sequences, torch.tensor(LENGTHS)).detach()
    for row, length in enumerate(LENGTHS):
        expected = attended(sequences[row, :length].numpy(), *weights)
        np.testing.assert_allclose(out[row, :length].numpy(), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_several_heads_equal_pytorchs_attention(heads: int, sequences: torch.Tensor) -> None:
    module = attention(heads)
    reference = nn.MultiheadAttention(8, heads, bias=False, batch_first=True).double()
    with torch.no_grad():
        reference.in_proj_weight.copy_(
            torch.cat([module.query.weight, module.key.weight, module.value.weight])
        )
        reference.out_proj.weight.copy_(torch.eye(8))
    padding = torch.arange(6) >= torch.tensor(LENGTHS)[:, None]
    expected, _ = reference(sequences, sequences, sequences, key_padding_mask=padding)
    torch.testing.assert_close(module(sequences, torch.tensor(LENGTHS)), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("heads", [1, 4])
def test_padding_has_no_weight(heads: int, sequences: torch.Tensor) -> None:
    module = attention(heads)
    sequences.requires_grad_()
    out = module(sequences, torch.tensor(LENGTHS))
    sum(out[row, :length].square().sum() for row, length in enumerate(LENGTHS)).backward()
    for row, length in enumerate(LENGTHS):
        assert not sequences.grad[row, length:].any()
        assert sequences.grad[row, :length].any(1).all()
    assert out.isfinite().all()


def test_the_order_of_steps_does_not_matter(sequences: torch.Tensor) -> None:
    module, order, lengths = attention(), torch.tensor([3, 5, 0, 1, 4, 2]), torch.tensor([6, 6, 6])
    shuffled = module(sequences[:, order], lengths)
    torch.testing.assert_close(shuffled, module(sequences, lengths)[:, order], rtol=0, atol=1e-14)


def test_a_residual_adds_the_input(sequences: torch.Tensor) -> None:
    lengths = torch.tensor([6, 6, 6])
    assert attention(residual=True)(sequences, lengths).equal(sequences + attention()(sequences, lengths))


def test_attention_has_three_square_matrices_and_no_bias() -> None:
    shapes = [tuple(p.shape) for p in SelfAttention(128).parameters()]
    assert shapes == [(128, 128)] * 3
