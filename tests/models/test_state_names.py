"""Weight files written before tensors were renamed."""

import pytest
import torch

from emotrace.models.architectures import SYSTEMS
from emotrace.models.emotion_model import build
from emotrace.models.state_names import RENAMED_PREFIXES, with_current_names
from emotrace.recipe import Recipe


def former_name(name: str, system: str) -> str:
    """The name that a tensor of a system had in version 0.1."""
    head = "back.ctc." if system.endswith("ctc") else "back.pooled."
    context = "back.drn." if "drn" in system else "back.recurrent."
    current = {
        "front.convolutions.": "front.pcnse.",
        "back.head.dense.": "back.dense." if system == "blstm-ctc" else f"{head}dense.",
        "back.head.": head,
        "back.context.forward_layers.": "back.recurrent.ahead.",
        "back.context.backward_layers.": "back.recurrent.back.",
        "back.context.": context,
        "functionals.fusion_weight": "functionals.share",
    }
    for new, old in current.items():
        if name.startswith(new):
            return old + name.removeprefix(new)
    return name


@pytest.mark.parametrize("system", SYSTEMS)
def test_weights_under_former_names_load_into_every_system(system: str) -> None:
    recipe = Recipe.model_validate({"functionals_l2": 1.0, "front": {"width": 8}, "back": {"width": 16}})
    weights = build(recipe, system, labels=3).state_dict()
    former = {former_name(name, system): tensor for name, tensor in weights.items()}
    assert any(name.startswith(tuple(RENAMED_PREFIXES)) for name in former)
    network = build(recipe, system, labels=3)
    network.load_state_dict(with_current_names(former))
    assert all(tensor.equal(weights[name]) for name, tensor in network.state_dict().items())


def test_current_names_do_not_change() -> None:
    weights = build(Recipe(), "pcnse-sadrn-ctc", labels=3).state_dict()
    assert list(with_current_names(weights)) == list(weights)
    assert with_current_names({"functionals.share": torch.ones(())}) == {
        "functionals.fusion_weight": torch.ones(())
    }
