"""The classifier of the cross-entropy systems: one vector of an utterance, and its log-scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor, nn

from emotrace.decoding.ctc import Decoding, Floats
from emotrace.models.architectures import System
from emotrace.models.heads.head import Head, Parts
from emotrace.models.layers.masking import masked_max, masked_mean
from emotrace.models.layers.recurrent import last_states
from emotrace.recipe import Recipe

POOLS = {"mean": masked_mean, "max": masked_max, "last": last_states}


@dataclass(frozen=True)
class CrossEntropyObjective:
    """Cross-entropy of utterances; the outputs are their log-scores."""

    is_per_frame: ClassVar[bool] = False
    output_name: ClassVar[Literal["log_scores"]] = "log_scores"
    decoding: ClassVar[Decoding] = "likelihood"

    def loss(
        self,
        output: Tensor,
        steps: Tensor,
        labels: Tensor,
        parts: Sequence[Parts],
        weights: Tensor,
        smoothing: float,
    ) -> Tensor:
        """Mean over utterances of the loss times its class weight, as Keras applies class weights.

        `steps` and `parts` are unused.
        """
        losses = F.cross_entropy(output, labels, reduction="none", label_smoothing=smoothing)
        return (losses * weights[labels]).mean()

    def log_scores(self, output: npt.ArrayLike, steps: npt.ArrayLike) -> Floats:
        """The outputs themselves, in double precision; `steps` are unused."""
        return np.asarray(output, dtype=np.float64)


class PooledHead(Head):
    """Features of each step → log-scores of the utterance: pooling over time, (dense,) dropout, output.

    Shape: (batch, step, feature), (batch,) true lengths → (batch, K).

    Args:
        pool: "mean", "max", or "last", the last state of each direction of a bidirectional layer
        dense: units of a dense layer with ReLU before the output; None: no such layer

    >>> import torch
    >>> head = PooledHead(128, labels=4, dropout=0.5, pool="mean")
    >>> head(torch.randn(2, 9, 128), torch.tensor([9, 4])).exp().sum(1).allclose(torch.ones(2))
    True
    """

    def __init__(self, features: int, labels: int, dropout: float, pool: str, dense: int | None = None):
        super().__init__()
        self.objective = CrossEntropyObjective()
        self.pool = POOLS[pool]
        self.dense = nn.Linear(features, dense) if dense else None
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(dense or features, labels)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Logarithms of the softmax."""
        x = self.pool(x, lengths)
        if self.dense is not None:
            x = self.dense(x).relu()
        return self.output(self.dropout(x)).float().log_softmax(1)


def build_pooled_head(
    pool: str, recipe: Recipe, system: System, features: int, labels: int, _: int
) -> PooledHead:
    """The classifier of a system.

    Systems without context layers have the recipe's dense layer, baselines that of their papers, which name
    no dropout.
    """
    fixed = system.literature
    dense = recipe.baseline(fixed.dense) if fixed and fixed.dense else None
    if system.context is None:
        dense = recipe.head.dense
    return PooledHead(features, labels, 0.0 if fixed else recipe.head.dropout, pool, dense)
