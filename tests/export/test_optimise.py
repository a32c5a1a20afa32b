"""Optimisation for inference never changes the outputs of a network."""

import pytest
import torch

from emotrace.export.optimise import optimise_for_inference
from emotrace.models.emotion_model import EmotionModel, build
from emotrace.models.layers.pcnse import LAYOUTS
from emotrace.recipe import Recipe


def random_network(layout: str, batch_norm: bool = True) -> EmotionModel:
    """A narrow network with random weights and statistics."""
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
def test_outputs_on_padded_batches_stay_equal(layout: str, fft: bool) -> None:
    network = random_network(layout)
    waveform, lengths = 0.1 * torch.randn(3, 20_001), torch.tensor([20_001, 9_000, 2_800])
    with torch.inference_mode():
        expected, steps = network(waveform, lengths)
        found, same = optimise_for_inference(network, fft=fft)(waveform, lengths)
    assert same.equal(steps)
    assert expected.std() > 0.1
    for one, other, length in zip(found, expected, steps, strict=True):
        assert (one[:length] - other[:length]).abs().max() < 1e-4


def test_a_network_without_batch_normalisation_is_optimised_too() -> None:
    network = random_network("branch-pool", batch_norm=False)
    waveform, lengths = 0.1 * torch.randn(1, 20_001), torch.tensor([20_001])
    with torch.inference_mode():
        assert (
            optimise_for_inference(network)(waveform, lengths)[0] - network(waveform, lengths)[0]
        ).abs().max() < 1e-4


def test_the_network_itself_is_not_changed() -> None:
    network = random_network("branch-pool")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimise_for_inference(network)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad for parameter in network.parameters())
