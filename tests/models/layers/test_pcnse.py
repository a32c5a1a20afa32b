from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.models.layers.frame_batch_norm import FrameBatchNorm
from emotrace.models.layers.pcnse import LAYOUTS, ParallelConv

# Sizes (frames, bands) of the input and output of Conv_4, Conv_5 and Conv_6 for 500 x 40.
SHAPES = {
    "branch-pool": [(250, 20), (243, 13), (243, 13), (243, 13), (243, 13), (243, 13)],
    "mid-pool": [(500, 40), (493, 33), (493, 33), (491, 31), (245, 15), (243, 13)],
    "inception": [(498, 38), (491, 31), (491, 31), (489, 29), (489, 29), (487, 27)],
}
STEPS = {
    "branch-pool": lambda frames: frames // 2 - 7,
    "mid-pool": lambda frames: (frames - 9) // 2 - 2,
    "inception": lambda frames: (frames - 13) // 2,
}


def narrow(layout: str, reduction: int | None = 2, batch_norm: bool = True, bands: int = 20) -> ParallelConv:
    """A narrow network whose batch normalisation is not the identity."""
    torch.manual_seed(0)
    network = ParallelConv(layout, bands, 4, reduction, batch_norm=batch_norm, momentum=0.3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return network


def images(lengths: list[int], bands: int = 20, extra: int = 0) -> Tensor:
    """Noise, with zeros beyond each true length."""
    x = torch.randn(len(lengths), 3, max(lengths) + extra, bands, generator=torch.Generator().manual_seed(1))
    for row, length in enumerate(lengths):
        x[row, :, length:] = 0
    return x


def one_by_one(network: ParallelConv, layout: str, utterances: list[Tensor], training: bool) -> list[Tensor]:
    """The network on utterances that were never padded, each (1, 3, frame, band), from torch's functions.

    Only the statistics of batch normalisation see all utterances, one after another in time.
    """

    def block(xs: list[Tensor], module: nn.Module, same: bool) -> list[Tensor]:
        conv = module.conv
        xs = [
            F.conv2d(x, conv.weight, conv.bias, padding=conv.kernel_size[0] // 2 if same else 0) for x in xs
        ]
        if module.norm is not None:
            norm = module.norm.norm
            joined = F.batch_norm(
                torch.cat(xs, dim=2),
                *(norm.running_mean.clone(), norm.running_var.clone(), norm.weight, norm.bias),
                training=training,
                eps=norm.eps,
            )
            xs = list(joined.split([x.shape[2] for x in xs], dim=2))
        xs = [x.relu() for x in xs]
        if module.squeeze is not None:
            w1, w2 = module.squeeze.squeeze.weight, module.squeeze.excite.weight
            xs = [x * (w2 @ (w1 @ x.mean((0, 2, 3))).relu()).sigmoid()[:, None, None] for x in xs]
        return xs

    def pool(xs: list[Tensor], size: int, stride: int) -> list[Tensor]:
        return [F.max_pool2d(x, size, stride) for x in xs]

    branches = [block(utterances, branch, True) for branch in network.branches]
    if layout == "branch-pool":
        branches = [pool(xs, 2, 2) for xs in branches]
    if layout == "inception":
        branches = [pool(xs, 3, 1) for xs in branches]
    xs = [torch.cat(maps, dim=1) for maps in zip(*branches, strict=True)]
    same = layout == "branch-pool"
    xs = block(block(xs, network.trunk[0], False), network.trunk[1], same)
    if layout == "mid-pool":
        xs = pool(xs, 2, 2)
    xs = block(xs, network.trunk[2], same)
    if layout == "inception":
        xs = pool(xs, 2, 2)
    # Bands in order, and within a band its channels.
    return [torch.cat([x[0, :, :, band].T for band in range(x.shape[3])], dim=1) for x in xs]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_500_frames_of_40_bands_become_243_steps_of_832_features(layout: str) -> None:
    network = ParallelConv(layout, bands=40, width=64, reduction=8).eval()
    shapes: list[tuple[int, ...]] = []
    for block in network.trunk:
        block.conv.register_forward_hook(lambda _, x, y: shapes.extend((x[0].shape, y.shape)))
    with torch.inference_mode():
        local, steps = network(torch.randn(1, 3, 500, 40), torch.tensor([500]))
    assert [shape[2:] for shape in shapes] == SHAPES[layout]
    assert [shape[1] for shape in shapes] == [192, 64, 64, 128, 128, 64]
    assert local.shape == (1, 243, 832)
    assert steps.tolist() == [243]
    assert network.features_out == 832


@pytest.mark.parametrize("layout", LAYOUTS)
def test_convolutions_have_the_parameters_of_table_4(layout: str) -> None:
    network = ParallelConv(layout, bands=40, width=64, reduction=None, batch_norm=False)
    counts = [sum(p.numel() for p in part.parameters()) for part in (network.branches, *network.trunk)]
    assert counts == [6_912, 786_496, 73_856, 73_792]
    assert sum(p.numel() for p in network.parameters()) == sum(counts)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_positions_out_is_the_number_of_steps(layout: str) -> None:
    network = ParallelConv(layout, bands=18, width=1, reduction=None, batch_norm=False).eval()
    lengths = torch.arange(16, 521)
    for frames in lengths.tolist():
        assert network.positions_out(frames) == STEPS[layout](frames) >= 1
    for frames in [*range(16, 40), *range(41, 521, 60), 499, 500, 520]:
        local, steps = network(torch.zeros(1, 3, frames, 18), torch.tensor([frames]))
        assert local.shape[1] == steps.item() == STEPS[layout](frames)
    _, steps = network(torch.zeros(len(lengths), 3, 520, 18), lengths)
    assert steps.tolist() == [STEPS[layout](frames) for frames in lengths.tolist()]


def test_16_frames_are_the_shortest_input_of_every_layout() -> None:
    networks = [narrow(layout).eval() for layout in LAYOUTS]
    for network in networks:
        local, steps = network(images([16]), torch.tensor([16]))
        assert local.shape[1] == steps.item() == 1
    assert min(network.positions_out(15) for network in networks) == 0


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("reduction", [2, None])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_padding_and_batch_mates_never_change_an_utterance(
    layout: str, reduction: int | None, batch_norm: bool
) -> None:
    network = narrow(layout, reduction, batch_norm).eval()
    lengths = [33, 16, 17, 40, 28]
    x = images(lengths, extra=5)
    local, steps = network(x, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        (alone,) = one_by_one(network, layout, [x[row : row + 1, :, :length]], training=False)
        assert steps[row] == len(alone)
        torch.testing.assert_close(local[row, : steps[row]], alone, rtol=0, atol=2e-6)


@pytest.mark.parametrize("reduction", [2, None])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_training_on_a_padded_batch_is_training_on_its_real_frames(
    layout: str, reduction: int | None
) -> None:
    """In double precision, where only rounding in the last digits differs."""
    lengths = [33, 20, 21, 40]
    x, results = images(lengths, extra=3).double(), []
    for padded in (True, False):
        network = narrow(layout, reduction).train().double()
        if padded:
            local, steps = network(x, torch.tensor(lengths))
            outputs = [row[:count] for row, count in zip(local, steps, strict=True)]
        else:
            alone = [x[row : row + 1, :, :length] for row, length in enumerate(lengths)]
            outputs = one_by_one(network, layout, alone, training=True)
        sum(out.square().mean() for out in outputs).backward()
        results.append((outputs, {name: p.grad for name, p in network.named_parameters()}))
    (found, found_gradients), (expected, expected_gradients) = results
    for found_row, expected_row in zip(found, expected, strict=True):
        torch.testing.assert_close(found_row, expected_row, rtol=0, atol=1e-12)
    for name, gradient in found_gradients.items():
        torch.testing.assert_close(gradient, expected_gradients[name], rtol=1e-9, atol=1e-12)


def test_batch_statistics_use_real_frames_only() -> None:
    torch.manual_seed(2)
    lengths = [9, 1, 4]
    x = torch.randn(3, 2, 9, 5) + 7  # noise beyond the lengths too
    norm = FrameBatchNorm(2, momentum=0.25, eps=1e-3).train()
    out = norm(x, torch.tensor(lengths))
    for channel in range(2):
        values = np.concatenate(
            [x[row, channel, :length].numpy().ravel() for row, length in enumerate(lengths)]
        )
        assert norm.norm.running_mean[channel].item() == pytest.approx(0.25 * values.mean(), abs=1e-6)
        running = 0.75 + 0.25 * values.var(ddof=1)
        assert norm.norm.running_var[channel].item() == pytest.approx(running, abs=1e-5)
        for row, length in enumerate(lengths):
            real = x[row, channel, :length].numpy()
            expected = (real - values.mean()) / np.sqrt(values.var() + 1e-3)
            np.testing.assert_allclose(
                out[row, channel, :length].detach().numpy(), expected, rtol=0, atol=5e-6
            )
            assert not out[row, channel, length:].any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_impulse_changes_the_steps_centred_on_its_frame(layout: str) -> None:
    network = ParallelConv(layout, bands=18, width=2, reduction=None, batch_norm=False).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_().add_(0.1)  # so that every frame in its receptive field changes a step
    frames = 70
    quiet = torch.full((1, 3, frames, 18), 0.1)
    clicks = quiet.repeat(frames, 1, 1, 1)
    clicks[range(frames), :, range(frames)] += 10
    lengths = torch.tensor([frames])
    with torch.inference_mode():
        moved = (network(clicks, lengths.repeat(frames))[0] - network(quiet, lengths)[0]).abs().amax(2) > 1e-3
    seen = [moved[:, step].nonzero().flatten().tolist() for step in range(moved.shape[1])]
    inner = [
        step for step, frames_seen in enumerate(seen) if frames_seen[0] > 0 and frames_seen[-1] < frames - 1
    ]
    assert len(inner) > 8
    for step in inner:
        assert seen[step] == list(range(seen[step][0], seen[step][-1] + 1))
        assert (seen[step][0] + seen[step][-1]) / 2 == network.centre_of_first_step() + 2 * step
    assert all(later == earlier + 1 for earlier, later in pairwise(inner))
