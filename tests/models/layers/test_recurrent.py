from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from emotrace.models.layers.recurrent import CELLS, Bidirectional, last_states, reverse_within

LENGTHS = torch.tensor([5, 11, 1, 8])


def batch(features: int = 6) -> Tensor:
    """Four utterances, with values far from zero beyond their lengths."""
    return torch.randn(4, 11, features, generator=torch.Generator().manual_seed(1)) + 3


def packed(network: Bidirectional, cell: str, x: Tensor, lengths: Tensor) -> Tensor:
    """PyTorch's bidirectional layers with the same weights, on a packed sequence."""
    sizes = x.shape[2], network.features_out // 2, len(network.forward_layers)
    reference = CELLS[cell](*sizes, bidirectional=True, batch_first=True)
    weights = {}
    for layer, (ahead, back) in enumerate(zip(network.forward_layers, network.backward_layers, strict=True)):
        for suffix, part in (("", ahead), ("_reverse", back)):
            weights.update(
                {f"{name.removesuffix('0')}{layer}{suffix}": w for name, w in part.state_dict().items()}
            )
    reference.load_state_dict(weights)
    sequence = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(reference(sequence)[0], batch_first=True)[0]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_both_directions_equal_pytorchs_packed_layers(cell: str, layers: int) -> None:
    torch.manual_seed(0)
    network = Bidirectional(cell, 6, units=5, layers=layers)
    x = batch().requires_grad_()
    found, expected = network(x, LENGTHS), packed(network, cell, x, LENGTHS)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_padding_and_batch_mates_never_change_an_utterance(cell: str) -> None:
    torch.manual_seed(0)
    network = Bidirectional(cell, 6, units=5, layers=2).eval()
    together = network(batch(), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = network(batch()[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row, :length], alone[0], rtol=0, atol=1e-6)
        assert not together[row, length:].any()


def test_each_step_depends_on_its_whole_utterance_and_on_nothing_else() -> None:
    network = Bidirectional("lstm", 6, units=5)
    x = batch().requires_grad_()
    for row, length in enumerate(LENGTHS.tolist()):
        for step in range(length):
            gradient = torch.autograd.grad(network(x, LENGTHS)[row, step].sum(), x)[0].abs().sum(2)
            assert (gradient[row, :length] > 0).all()
            assert gradient.count_nonzero() == length


def test_reversing_twice_changes_nothing() -> None:
    x = batch()
    once = reverse_within(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        assert torch.equal(once[row, :length], x[row, :length].flip(0))
    assert torch.equal(reverse_within(once, LENGTHS), x)


def test_last_states_are_the_final_states_of_the_cells() -> None:
    network = Bidirectional("lstm", 6, units=5)
    found = last_states(network(batch(), LENGTHS), LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        x = batch()[row : row + 1, :length]
        ends = [network.forward_layers[0](x)[1][0][0, 0], network.backward_layers[0](x.flip(1))[1][0][0, 0]]
        torch.testing.assert_close(found[row], torch.cat(ends), rtol=0, atol=1e-6)


def test_layers_have_the_expected_number_of_weights() -> None:
    network = Bidirectional("lstm", 832, units=64, layers=2)
    inputs = [832, 128, 128]
    assert network.features_out == 128
    expected = sum(2 * 4 * 64 * (size + 64 + 2) for size, _ in pairwise(inputs))
    assert sum(p.numel() for p in network.parameters()) == expected
