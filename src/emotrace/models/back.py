"""The back end of a system: local features → context layers → self-attention → head."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from emotrace.models.architectures import System
from emotrace.models.heads.registry import HEADS
from emotrace.models.layers.attention import SelfAttention
from emotrace.models.layers.dilated_residual import DilatedResidual
from emotrace.models.layers.recurrent import Bidirectional
from emotrace.recipe import Recipe


class Back(nn.Module):
    """Features of each step → outputs of the head.

    Shape: (batch, step, feature), (batch,) true lengths → (batch, K) log-scores, or with CTC
    (batch, step, K + 1) log-posteriors.
    """

    def __init__(self, recipe: Recipe, system: System, features: int, labels: int, frames_per_step: float):
        super().__init__()
        width, settings = features, recipe.back
        self.context: DilatedResidual | Bidirectional | None = None
        if system.context is not None:
            self.context = CONTEXTS[system.context](recipe, system, features)
            width = self.context.features_out
        attends = system.attention
        self.attention = SelfAttention(width, settings.heads, settings.residual) if attends else None
        self.head = HEADS[system.head](recipe, system, width, labels, frames_per_step)

    def forward(self, local: Tensor, steps: Tensor) -> Tensor:
        """Log-posteriors or log-scores."""
        context = local if self.context is None else self.context(local, steps)
        if self.attention is not None:
            context = self.attention(context, steps)
        return self.head(context, steps)


def build_dilated_residual(recipe: Recipe, _: System, features: int) -> DilatedResidual:
    """The paper's dilated residual network."""
    back = recipe.back
    return DilatedResidual(features, back.width, back.stacks, back.dilations, back.dropout, back.causal)


def build_recurrent(cell: str, recipe: Recipe, system: System, features: int) -> Bidirectional:
    """Bidirectional layers: the recipe's, or the one layer of a baseline."""
    if system.literature is not None:
        return Bidirectional(cell, features, recipe.baseline(system.literature.units))
    return Bidirectional(cell, features, recipe.back.width // 2, recipe.back.layers)


# A builder takes the recipe, the system, and the number of features.
CONTEXTS: dict[str, Callable[[Recipe, System, int], DilatedResidual | Bidirectional]] = {
    "drn": build_dilated_residual,
    "blstm": partial(build_recurrent, "lstm"),
    "bgru": partial(build_recurrent, "gru"),
}
