"""Self-attention: Zhao et al. (2021), section 3.5, eqs. 8 and 9."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from emotrace.models.layers.masking import length_mask


class SelfAttention(nn.Module):
    """Scaled dot-product attention over an utterance's real steps: softmax(Q K^T / sqrt(d)) V.

    Q, K and V are products of the input with one matrix each. There are no biases and no position encoding,
    and the input is added to the output only where `residual` is set.

    Shape: (batch, step, width) in and out; lengths: (batch,).

    >>> SelfAttention(128)(torch.randn(2, 9, 128), torch.tensor([9, 4])).shape
    torch.Size([2, 9, 128])
    """

    def __init__(self, width: int, heads: int = 1, residual: bool = False):
        super().__init__()
        self.heads, self.residual = heads, residual
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Weighted mean of all real steps, for each step."""
        batch, steps, width = x.shape

        def split(y: Tensor) -> Tensor:  # "batch step (head width) -> batch head step width"
            return y.view(batch, steps, self.heads, width // self.heads).transpose(1, 2)

        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        similarity = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        mask = torch.where(length_mask(lengths, steps), 0.0, -math.inf)[:, None, None]
        weights = (similarity + mask.to(similarity.dtype)).softmax(3)
        context = (weights @ v).transpose(1, 2).reshape(batch, steps, width)
        return x + context if self.residual else context
