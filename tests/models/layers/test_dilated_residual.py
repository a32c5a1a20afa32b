import numpy as np
import pytest
import torch
from torch import nn

from emotrace.models.layers.attention import SelfAttention
from emotrace.models.layers.dilated_residual import DilatedConv, DilatedResidual

PAPER_DILATIONS = (1, 2, 4, 8, 16, 32, 64, 128)


def dilated(x: np.ndarray, conv: nn.Conv1d, dilation: int, shift: int = 0) -> np.ndarray:
    """Equation 7, F(s) = sum of f(i) x(s - d i), with i counting into the past; x is (channel, step).

    `shift` is the number of steps by which a filter that is not causal lies later.
    """
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    size = weight.shape[2]
    out = np.repeat(bias[:, None], x.shape[1], axis=1)
    for s in range(x.shape[1]):
        for i in range(size):
            source = s - dilation * i + shift
            if 0 <= source < x.shape[1]:
                out[:, s] += weight[:, :, size - 1 - i] @ x[:, source]
    return out


def residual_network(
    drn: DilatedResidual, x: np.ndarray, dilations: tuple[int, ...], causal: bool
) -> np.ndarray:
    """One utterance (step, feature) through the blocks one by one: the output is the sum of all skips."""
    x = dilated(x.T, drn.enter, 1)
    total = np.zeros_like(x)
    for block, dilation in zip(drn.blocks, dilations, strict=True):
        y = x
        for conv in block.convs:
            y = np.maximum(dilated(y, conv.conv, dilation, 0 if causal else (dilation + 1) // 2), 0)
        total += y
        x = dilated(x, block.match, 1) + y
    return total.T


def reach(drn: DilatedResidual, steps: int, step: int) -> list[int]:
    """The input steps that change the output at `step`; with positive weights no paths cancel."""
    with torch.no_grad():
        for parameter in drn.parameters():
            parameter.abs_()
    x = torch.ones(1, steps, 2, dtype=torch.float64, requires_grad=True)
    drn(x, torch.tensor([steps]))[0, step].sum().backward()
    return x.grad[0].sum(1).nonzero().flatten().tolist()


def narrow(
    dilations: tuple[int, ...], stacks: int = 2, causal: bool = True, width: int = 3
) -> DilatedResidual:
    torch.manual_seed(0)
    return DilatedResidual(2, width, stacks, dilations, causal=causal).double().eval()


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
def test_a_causal_convolution_equals_equation_7(dilation: int) -> None:
    torch.manual_seed(1)
    layer = DilatedConv(3, dilation, causal=True).double()
    x = torch.randn(2, 3, 20, dtype=torch.float64)
    out = layer(x, torch.tensor([20, 11])).detach().numpy()
    for row, length in enumerate((20, 11)):
        expected = dilated(x[row, :, :length].numpy(), layer.conv, dilation)
        np.testing.assert_allclose(out[row, :, :length], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("stacks", [1, 2])
def test_the_network_is_the_sum_of_the_skips_of_its_blocks(stacks: int, causal: bool) -> None:
    drn = narrow((1, 2, 4), stacks, causal)
    x = torch.randn(3, 30, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    lengths = [30, 9, 1]  # noise beyond them
    out = drn(x, torch.tensor(lengths)).detach().numpy()
    for row, length in enumerate(lengths):
        expected = residual_network(drn, x[row, :length].numpy(), (1, 2, 4) * stacks, causal)
        np.testing.assert_allclose(out[row, :length], expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("stacks", "field"), [(1, 511), (2, 1021)])
def test_a_step_sees_itself_and_the_past_as_far_as_the_receptive_field(stacks: int, field: int) -> None:
    drn = narrow(PAPER_DILATIONS, stacks)
    assert drn.receptive_field == field
    assert reach(drn, 1100, 1050) == list(range(1050 - field + 1, 1051))


def test_without_causality_a_step_sees_as_far_into_the_future_as_into_the_past() -> None:
    drn = narrow(PAPER_DILATIONS, stacks=1, causal=False)
    visible = reach(drn, 1100, 550)
    assert visible == list(range(visible[0], visible[0] + 511))
    # Two adjacent taps have no centre, so the two layers of dilation 1 see one step further ahead.
    assert (550 - visible[0], visible[-1] - 550) == (254, 256)


def test_a_causal_network_never_sees_the_future() -> None:
    drn = narrow((1, 2, 4))
    x = torch.randn(1, 40, 2, dtype=torch.float64)
    later = x.clone()
    later[0, 17:] += 5
    before, after = (drn(y, torch.tensor([40]))[0] for y in (x, later))
    assert before[:17].equal(after[:17])
    assert (before[17] != after[17]).any()


def test_padding_never_changes_a_real_step_without_causality() -> None:
    drn = narrow((1, 2, 4), causal=False)
    x = torch.randn(1, 40, 2, dtype=torch.float64)
    other = x.clone()
    other[0, 17:] = 1e6
    before, after = (drn(y, torch.tensor([17]))[0, :17] for y in (x, other))
    assert before.equal(after)


def test_spatial_dropout_drops_whole_channels_over_all_steps() -> None:
    torch.manual_seed(3)
    drn = DilatedResidual(2, 64, 1, (1,), dropout=0.25)
    with torch.no_grad():
        for parameter in drn.parameters():
            parameter.abs_()  # so that zeros come from dropout, not from ReLU
    x, lengths = torch.rand(40, 12, 2), torch.tensor([12] * 40)
    dropped = drn(x, lengths) == 0
    assert dropped.any(1).equal(dropped.all(1))
    # 2560 channels, each dropped with probability 1/4: four standard deviations are .034
    assert dropped.any(1).float().mean().item() == pytest.approx(0.25, abs=0.034)
    assert not (drn.eval()(x, lengths) == 0).any()


def test_with_attention_the_network_has_as_many_parameters_as_in_the_paper() -> None:
    drn = DilatedResidual(832, width=128, stacks=2, dilations=PAPER_DILATIONS)
    parts = {
        "enter": 832 * 128 + 128,
        "blocks": 16 * (2 * (2 * 128 * 128 + 128) + 128 * 128 + 128),
    }
    assert {n: sum(p.numel() for p in m.parameters()) for n, m in drn.named_children()} == parts
    both = sum(p.numel() for p in [*drn.parameters(), *SelfAttention(128).parameters()])
    assert both == 1_472_640
