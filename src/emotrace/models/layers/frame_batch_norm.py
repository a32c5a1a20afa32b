"""Batch normalisation that ignores padding."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from emotrace.models.layers.masking import length_mask


class FrameBatchNorm(nn.Module):
    """Batch normalisation whose training statistics are those of real frames only.

    Shape: (batch, channel, frame, band) in and out; lengths: (batch,) in frames.

    >>> FrameBatchNorm(4)(torch.randn(2, 4, 9, 5), torch.tensor([9, 4])).shape
    torch.Size([2, 4, 9, 5])
    """

    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, eps=eps, momentum=momentum)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Normalised maps; in training mode zero beyond the true lengths."""
        if not self.training:
            return self.norm(x)
        batch, channels, frames, bands = x.shape
        selected = length_mask(lengths, frames).flatten().nonzero().squeeze(1)
        if len(selected) == batch * frames:
            return batch_norm(self.norm, x)
        # With the real frames packed, PyTorch's own kernel computes the statistics and their gradient.
        rows = x.permute(0, 2, 3, 1).reshape(batch * frames, bands, channels)
        packed = GatherRows.apply(rows, selected)[:, None].permute(0, 3, 1, 2)  # type: ignore[no-untyped-call]
        normed = batch_norm(self.norm, packed).permute(0, 2, 3, 1)[:, 0]
        unpacked = ScatterRows.apply(normed, selected, batch * frames)  # type: ignore[no-untyped-call]
        return unpacked.view(batch, frames, bands, channels).permute(0, 3, 1, 2)


def batch_norm(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """`norm` in training mode; where several processes train one model, with the statistics of all of them.

    PyTorch's `SyncBatchNorm` works on GPUs only.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return norm(x)
    with torch.autocast(x.device.type, enabled=False):
        maps = x.float()
        own_count = maps.new_full((1,), maps.numel() / maps.shape[1])
        sums = _sum(torch.cat([maps.sum((0, 2, 3)), own_count]))
        mean, count = sums[:-1] / sums[-1], sums[-1]
        deviation = maps - mean[:, None, None]
        variance = _sum(deviation.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            assert norm.running_mean is not None
            assert norm.running_var is not None
            assert norm.num_batches_tracked is not None
            assert norm.momentum is not None
            norm.running_mean.lerp_(mean, norm.momentum)
            norm.running_var.lerp_(variance * count / (count - 1), norm.momentum)
            norm.num_batches_tracked += 1
        scale = norm.weight * (variance + norm.eps).rsqrt()
        return (deviation * scale[:, None, None] + norm.bias[:, None, None]).to(x.dtype)


class SumOverProcesses(torch.autograd.Function):
    """The sum of a tensor over the processes; so is the gradient."""

    @staticmethod
    def forward(_: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def _sum(value: Tensor) -> Tensor:
    total: Tensor = SumOverProcesses.apply(value)  # type: ignore[no-untyped-call]
    return total


class GatherRows(torch.autograd.Function):
    """The selected rows of a tensor, each selected at most once.

    PyTorch's own gradient adds rows, which is slow; for distinct rows a copy is enough.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, selected: Tensor) -> Tensor:
        ctx.save_for_backward(selected)
        ctx.total = len(rows)
        return rows.index_select(0, selected)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (selected,) = ctx.saved_tensors
        return scatter_rows(gradient, selected, ctx.total), None


class ScatterRows(torch.autograd.Function):
    """The inverse of `GatherRows`: rows are put back at their indices, and all others are zero."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, selected: Tensor, total: int) -> Tensor:
        ctx.save_for_backward(selected)
        return scatter_rows(rows, selected, total)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (selected,) = ctx.saved_tensors
        return gradient.index_select(0, selected), None, None


def scatter_rows(rows: Tensor, selected: Tensor, total: int) -> Tensor:
    """`total` rows: `rows` at the indices `selected`, and zero at all others."""
    return rows.new_zeros(total, *rows.shape[1:]).index_copy_(0, selected, rows)
