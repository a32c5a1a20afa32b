"""The tables from which systems are built."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotrace.models.architectures import SYSTEMS, System
from emotrace.models.back import CONTEXTS
from emotrace.models.emotion_model import build
from emotrace.models.front import FRONTS
from emotrace.models.heads.head import Head
from emotrace.models.heads.pooling import CrossEntropyObjective
from emotrace.models.heads.registry import HEADS
from emotrace.recipe import Recipe

SMALL = Recipe.model_validate({"front": {"width": 8}, "back": {"width": 16, "stacks": 1, "dilations": [1]}})


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_every_part_of_every_system_is_in_its_table(system: System) -> None:
    assert system.front is None or system.pretrained_encoder or system.front in FRONTS
    assert system.context is None or system.context in CONTEXTS
    assert system.head in HEADS


class FirstStepHead(Head):
    """Log-scores of an utterance from its first step."""

    def __init__(self, features: int, labels: int):
        super().__init__()
        self.objective = CrossEntropyObjective()
        self.output = nn.Linear(features, labels)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.output(x[:, 0]).log_softmax(1)


def test_a_new_head_and_a_new_system_are_one_row_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HEADS, "first", lambda _, __, features, labels, ___: FirstStepHead(features, labels))
    monkeypatch.setitem(SYSTEMS, "pcn-drn-first", System("pcn", "drn", attention=False, head="first"))
    network = build(SMALL, "pcn-drn-first", labels=3).eval()
    output, steps = network(torch.randn(2, 6000), torch.tensor([6000, 5000]))
    assert output.shape == (2, 3)
    assert network.objective.output_name == "log_scores"
    np.testing.assert_array_equal(network.objective.log_scores(output.detach(), steps), output.detach())


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_objective_scores_every_utterance_of_a_batch(name: str) -> None:
    network = build(SMALL, name, labels=3).eval()
    output, steps = network(torch.randn(2, 6000), torch.tensor([6000, 5000]))
    assert network.objective.is_per_frame == (output.ndim == 3)
    assert network.objective.log_scores(output.detach().numpy(), steps.numpy()).shape == (2, 3)
    labels, parts = torch.tensor([0, 2]), [[(0, 1.0)], [(2, 0.5), (None, 0.5)]]
    loss = network.objective.loss(output, steps, labels, parts, torch.ones(3), 0.0)
    assert loss.isfinite()
