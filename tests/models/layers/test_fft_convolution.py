"""A convolution by points is the plain one, in what it gives and in what it learns."""

import pytest
import torch
from torch import Tensor, nn

from emotrace.models.layers.fft_convolution import FftConv2d, correlation_matrices
from emotrace.models.layers.pcnse import LAYOUTS, ParallelConv


@pytest.mark.parametrize(("size", "taps"), [(20, 8), (40, 8), (38, 8), (7, 7), (5, 1)])
def test_points_correlate_as_a_plain_loop_does(size: int, taps: int) -> None:
    values, kernel = torch.randn(size, dtype=torch.float64), torch.randn(taps, dtype=torch.float64)
    wanted = [float(values[start : start + taps] @ kernel) for start in range(size - taps + 1)]
    to_points, kernel_to_points, from_points = correlation_matrices(size, taps)
    found = from_points @ ((to_points @ values) * (kernel_to_points @ kernel))
    assert found.tolist() == pytest.approx(wanted)
    assert len(to_points) == 1 + 3 * ((size - 1) // 2) + (size % 2 == 0)


def learnt(conv: nn.Conv2d, maps: Tensor) -> list[Tensor]:
    """Output, and the gradients of maps, weight and bias from a fixed direction."""
    maps = maps.clone().requires_grad_()
    out = conv(maps)
    towards = torch.randn(out.shape, generator=torch.Generator().manual_seed(7), dtype=out.dtype)
    out.backward(towards)
    assert conv.weight.grad is not None
    assert conv.bias is not None
    assert conv.bias.grad is not None
    assert maps.grad is not None
    return [out.detach(), maps.grad, conv.weight.grad, conv.bias.grad]


@pytest.mark.parametrize("bands", [20, 38, 40])
def test_output_and_gradients_are_those_of_the_plain_convolution(bands: int) -> None:
    torch.manual_seed(1)
    plain, pointwise = nn.Conv2d(6, 4, 8).double(), FftConv2d(6, 4, 8).double()
    pointwise.load_state_dict(plain.state_dict())
    maps = torch.randn(3, 6, 21, bands, dtype=torch.float64)
    for one, other in zip(learnt(pointwise, maps), learnt(plain, maps), strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() < 1e-12


def test_rounding_in_bfloat16_is_less_than_twice_that_of_the_plain_convolution() -> None:
    torch.manual_seed(1)
    plain, pointwise = nn.Conv2d(24, 8, 8), FftConv2d(24, 8, 8)
    pointwise.load_state_dict(plain.state_dict())
    maps = torch.randn(4, 24, 60, 20).relu()
    exact = plain(maps)
    with torch.autocast("cpu", torch.bfloat16):
        errors = [(conv(maps) - exact).square().mean().sqrt().item() for conv in (plain, pointwise)]
    assert errors[1] < 2 * errors[0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_conv_4_is_trained_by_points(layout: str) -> None:
    front = ParallelConv(layout, bands=40, width=8, reduction=2)
    assert [type(block.conv) for block in front.trunk] == [FftConv2d, nn.Conv2d, nn.Conv2d]
