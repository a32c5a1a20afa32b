"""Masks and pools over the real positions of padded batches."""

from __future__ import annotations

import torch
from torch import Tensor


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """Which of `size` positions lie within each true length.

    Shape: (batch,) → (batch, size), bool.

    >>> length_mask(torch.tensor([1, 3]), 3).tolist()
    [[True, False, False], [True, True, True]]
    """
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def masked_mean(x: Tensor, lengths: Tensor) -> Tensor:
    """Mean over the real positions of the second axis.

    Shape: (batch, position, feature) → (batch, feature); lengths: (batch,).

    >>> masked_mean(torch.tensor([[[1.0], [3.0], [100.0]]]), torch.tensor([2])).tolist()
    [[2.0]]
    """
    weight = length_mask(lengths, x.shape[1]).to(x.dtype)[..., None]
    return (x * weight).sum(1) / lengths[:, None].to(x.dtype)


def masked_max(x: Tensor, lengths: Tensor) -> Tensor:
    """Maximum over the real positions of the second axis.

    Shape: (batch, position, feature) → (batch, feature); lengths: (batch,).

    >>> masked_max(torch.tensor([[[1.0], [3.0], [100.0]]]), torch.tensor([2])).tolist()
    [[3.0]]
    """
    padding = ~length_mask(lengths, x.shape[1])[..., None]
    return x.masked_fill(padding, -torch.inf).amax(1)
