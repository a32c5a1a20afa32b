"""The classifier of the cross-entropy systems: one vector of an utterance, and its log-scores."""

from __future__ import annotations

from torch import Tensor, nn

from emotrace.models.layers.masking import masked_max, masked_mean
from emotrace.models.layers.recurrent import last_states

POOLS = {"mean": masked_mean, "max": masked_max, "last": last_states}


class PooledHead(nn.Module):
    """Features of each step → log-scores of the utterance: pool over time, (dense,) dropout, output.

    Shape: (batch, step, feature), (batch,) → (batch, K).

    Args:
        pool: "mean", "max", or for what a bidirectional layer gives "last", either direction's last state

    >>> import torch
    >>> head = PooledHead(128, labels=4, dropout=0.5, pool="mean")
    >>> head(torch.randn(2, 9, 128), torch.tensor([9, 4])).exp().sum(1).allclose(torch.ones(2))
    True
    """

    def __init__(self, features: int, labels: int, dropout: float, pool: str, dense: int | None = None):
        super().__init__()
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
