"""`FftConv2d` equals a plain convolution in its outputs and its gradients."""

import pytest
import torch
from torch import Tensor, nn

from emotrace.models.layers.fft_convolution import FftConv2d, correlation_matrices
from emotrace.models.layers.pcnse import LAYOUTS, ParallelConv


@pytest.mark.parametrize(("size", "taps"), [(20, 8), (40, 8), (38, 8), (7, 7), (5, 1)])
def test_the_matrices_compute_the_correlation_of_a_plain_loop(size: int, taps: int) -> None:
    values, kernel = torch.randn(size, dtype=torch.float64), torch.randn(taps, dtype=torch.float64)
    expected = [float(values[start : start + taps] @ kernel) for start in range(size - taps + 1)]
    transform, kernel_transform, inverse = correlation_matrices(size, taps)
    found = inverse @ ((transform @ values) * (kernel_transform @ kernel))
    assert found.tolist() == pytest.approx(expected)
    assert len(transform) == 1 + 3 * ((size - 1) // 2) + (size % 2 == 0)


def outputs_and_gradients(conv: nn.Conv2d, maps: Tensor) -> list[Tensor]:
    """Output, and gradients of maps, weight and bias for a fixed gradient of the output."""
    maps = maps.clone().requires_grad_()
    out = conv(maps)
    gradient = torch.randn(out.shape, generator=torch.Generator().manual_seed(7), dtype=out.dtype)
    out.backward(gradient)
    assert conv.weight.grad is not None
    assert conv.bias is not None
    assert conv.bias.grad is not None
    assert maps.grad is not None
    return [out.detach(), maps.grad, conv.weight.grad, conv.bias.grad]


@pytest.mark.parametrize("bands", [20, 38, 40])
def test_output_and_gradients_equal_those_of_the_plain_convolution(bands: int) -> None:
    torch.manual_seed(1)
    plain, fft = nn.Conv2d(6, 4, 8).double(), FftConv2d(6, 4, 8).double()
    fft.load_state_dict(plain.state_dict())
    maps = torch.randn(3, 6, 21, bands, dtype=torch.float64)
    for one, other in zip(outputs_and_gradients(fft, maps), outputs_and_gradients(plain, maps), strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() < 1e-12


def test_rounding_in_bfloat16_is_less_than_twice_that_of_the_plain_convolution() -> None:
    torch.manual_seed(1)
    plain, fft = nn.Conv2d(24, 8, 8), FftConv2d(24, 8, 8)
    fft.load_state_dict(plain.state_dict())
    maps = torch.randn(4, 24, 60, 20).relu()
    exact = plain(maps)
    with torch.autocast("cpu", torch.bfloat16):
        errors = [(conv(maps) - exact).square().mean().sqrt().item() for conv in (plain, fft)]
    assert errors[1] < 2 * errors[0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_conv_4_is_an_fft_convolution(layout: str) -> None:
    front = ParallelConv(layout, bands=40, width=8, reduction=2)
    assert [type(block.conv) for block in front.trunk] == [FftConv2d, nn.Conv2d, nn.Conv2d]
