"""Fewer multiplications change nothing that a network says."""

import pytest
import torch

from emotrace.export.optimise import optimise_for_inference
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.layers.pcnse import LAYOUTS
from emotrace.recipe import Recipe


def lively(layout: str, batch_norm: bool = True) -> EmotionModel:
    """A narrow network with statistics as training leaves them."""
    torch.manual_seed(1)
    recipe = Recipe.model_validate(
        {"front": {"layout": layout, "width": 8, "batch_norm": batch_norm}, "back": {"width": 16}}
    )
    network = build(recipe, "pcnse-sadrn-ctc", 3)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("running_mean", "normalise.mean")):
                value.normal_()
            elif name.endswith(("running_var", "normalise.scale")):
                value.uniform_(0.3, 1.3)
            elif name.endswith("output.weight"):
                value.mul_(5)
    return network.eval()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("fft", [True, False])
def test_the_network_says_the_same_of_padded_batches(layout: str, fft: bool) -> None:
    network = lively(layout)
    waveform, lengths = 0.1 * torch.randn(3, 20_001), torch.tensor([20_001, 9_000, 2_800])
    with torch.inference_mode():
        wanted, steps = network(waveform, lengths)
        found, same = optimise_for_inference(network, fft=fft)(waveform, lengths)
    assert same.equal(steps)
    assert wanted.std() > 0.1
    for one, other, length in zip(found, wanted, steps, strict=True):
        assert (one[:length] - other[:length]).abs().max() < 1e-4


def test_a_network_without_batch_normalisation_has_fewer_products_too() -> None:
    network = lively("branch-pool", batch_norm=False)
    waveform, lengths = 0.1 * torch.randn(1, 20_001), torch.tensor([20_001])
    with torch.inference_mode():
        assert (
            optimise_for_inference(network)(waveform, lengths)[0] - network(waveform, lengths)[0]
        ).abs().max() < 1e-4


def test_the_network_itself_stays_as_it_was() -> None:
    network = lively("branch-pool")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimise_for_inference(network)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
