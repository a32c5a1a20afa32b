import pytest
import torch
from torch import Tensor, nn

from emotrace.models.layers.spectrogram_cnn import KERNELS, SpectrogramConv


def narrow() -> SpectrogramConv:
    """A network with random weights and batch statistics, whose bias makes padding nonzero."""
    torch.manual_seed(0)
    network = SpectrogramConv(channels=1, bands=24, widths=(2, 3, 4)).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.3, 1)
    return network


def images(frames: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, 1, frames, 24, generator=torch.Generator().manual_seed(1))


def test_the_layers_have_the_sizes_of_the_papers() -> None:
    network = SpectrogramConv(channels=1, bands=200)
    convolutions = [block.conv for block in network.blocks]
    assert [(c.out_channels, c.kernel_size) for c in convolutions] == [
        (16, (12, 16)), (24, (8, 12)), (32, (5, 7)),
    ]  # fmt: skip
    counts = [sum(p.numel() for p in c.parameters()) for c in convolutions]
    assert counts == [16 * (192 + 1), 24 * (16 * 96 + 1), 32 * (24 * 35 + 1)]


@pytest.mark.parametrize("frames", [14, 15, 16, 23, 24, 297])
def test_eight_frames_make_a_step(frames: int) -> None:
    local, steps = narrow()(images(frames), torch.tensor([frames]))
    assert local.shape == (1, frames // 8, 3 * 4)
    assert steps.tolist() == [frames // 8] == [narrow().positions_out(frames)]


def test_even_kernels_pad_one_position_more_at_the_end_as_in_keras() -> None:
    network, x = narrow(), images(40)
    expected = x
    for block, (frames, bands) in zip(network.blocks, KERNELS, strict=True):
        around = ((bands - 1) // 2, bands // 2, (frames - 1) // 2, frames // 2)
        maps = nn.functional.conv2d(nn.functional.pad(expected, around), block.conv.weight, block.conv.bias)
        assert maps.shape[2:] == expected.shape[2:]
        expected = nn.functional.max_pool2d(block.norm.norm(maps).relu(), 2)
    local, _ = network(x, torch.tensor([40]))
    torch.testing.assert_close(local, expected.permute(0, 2, 3, 1).flatten(2), rtol=0, atol=1e-6)


def test_padding_and_batch_mates_never_change_an_utterance() -> None:
    network, lengths = narrow(), [40, 14, 33, 24]
    x = images(40, batch=4)
    for row, length in enumerate(lengths):
        x[row, :, length:] = 0  # as after the normalisation
    together, steps = network(x, torch.tensor(lengths))
    for row, length in enumerate(lengths):
        alone, steps_alone = network(x[row : row + 1, :, :length], torch.tensor([length]))
        assert steps[row] == steps_alone[0]
        torch.testing.assert_close(together[row, : steps[row]], alone[0], rtol=0, atol=1e-6)


def test_a_step_depends_on_frames_centred_on_its_own() -> None:
    """The unchanged input is the last of the same batch, since other batch sizes may round differently."""
    network = narrow()
    changed = images(120).repeat(121, 1, 1, 1)
    changed[range(120), :, range(120)] += 5
    after, _ = network(changed, torch.tensor([120] * 121))
    for step in range(5, 10):  # steps whose receptive field lies within the clip
        changing_frames = (after[:, step] != after[-1, step]).any(1).nonzero().flatten()
        middle = (changing_frames[0] + changing_frames[-1]).item() / 2
        assert middle == network.centre_of_first_step() + 8 * step
