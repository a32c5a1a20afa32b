"""Bidirectional recurrent layers over the true length of each utterance."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from emotrace.models.layers.masking import length_mask

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class Bidirectional(nn.Module):
    """Stacked bidirectional LSTM or GRU layers (Hochreiter and Schmidhuber 1997; Cho et al. 2014).

    The backward direction starts at the last real step of each utterance: the utterance is reversed within
    its length, processed forwards, and reversed again. The result equals that of a packed sequence. In ONNX
    each layer is one node with true lengths, because the exporter unrolls recurrent layers and does not
    support packing.

    Shape: (batch, step, feature), (batch,) true lengths → (batch, step, 2 x units), the forward direction
    first; zero beyond the true lengths.

    >>> blstm = Bidirectional("lstm", 832, units=64, layers=2)
    >>> blstm(torch.randn(2, 9, 832), torch.tensor([9, 4])).shape, blstm.features_out
    (torch.Size([2, 9, 128]), 128)
    """

    def __init__(self, cell: str, features: int, units: int, layers: int = 1):
        super().__init__()
        sizes = [features] + [2 * units] * (layers - 1)
        self.forward_layers = nn.ModuleList(CELLS[cell](size, units, batch_first=True) for size in sizes)
        self.backward_layers = nn.ModuleList(CELLS[cell](size, units, batch_first=True) for size in sizes)
        self.features_out = 2 * units

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """States of both directions at each step."""
        for ahead, back in zip(self.forward_layers, self.backward_layers, strict=True):
            if torch.onnx.is_in_onnx_export():
                x = onnx_layer(x, lengths, ahead, back)
                continue
            later, _ = back(reverse_within(x, lengths))
            x = torch.cat([ahead(x)[0], reverse_within(later, lengths)], dim=2)
        return x * length_mask(lengths, x.shape[1])[..., None].to(x.dtype)


def reverse_within(x: Tensor, lengths: Tensor) -> Tensor:
    """Each utterance's real steps in reverse order; padding keeps its position. Its own inverse.

    Shape: (batch, step, feature) in and out; lengths: (batch,).

    >>> reverse_within(torch.tensor([[[1.0], [2.0], [3.0], [9.0]]]), torch.tensor([3])).flatten().tolist()
    [3.0, 2.0, 1.0, 9.0]
    """
    batch, steps, features = x.shape
    step = torch.arange(steps, device=x.device).expand(batch, steps)
    source = torch.where(length_mask(lengths, steps), lengths[:, None] - 1 - step, step)
    rows = source + steps * torch.arange(batch, device=x.device)[:, None]
    return x.reshape(batch * steps, features).index_select(0, rows.flatten()).view(batch, steps, features)


def onnx_layer(x: Tensor, lengths: Tensor, ahead: Any, back: Any) -> Tensor:
    """The ONNX node of a bidirectional layer; ONNX orders the gates differently.

    Args:
        ahead: PyTorch's layer of the forward direction
        back: PyTorch's layer of the backward direction

    Shape: (batch, step, feature), (batch,) → (batch, step, 2 x units).
    """
    operator, order = ("LSTM", (0, 3, 1, 2)) if ahead.mode == "LSTM" else ("GRU", (1, 0, 2))
    batch, steps, units = x.shape[0], x.shape[1], ahead.hidden_size

    def both(name: str) -> Tensor:
        weights = [getattr(layer, f"{name}_l0") for layer in (ahead, back)]
        return torch.stack(
            [torch.cat([w[gate * units : (gate + 1) * units] for gate in order]) for w in weights]
        )

    biases = torch.cat([both("bias_ih"), both("bias_hh")], dim=1)
    attributes: dict[str, Any] = {"direction": "bidirectional", "hidden_size": units}
    if operator == "GRU":
        attributes["linear_before_reset"] = 1
    states = torch.onnx.ops.symbolic(
        operator,
        (x.transpose(0, 1), both("weight_ih"), both("weight_hh"), biases, lengths.int()),
        attributes,
        dtype=x.dtype,
        shape=(steps, 2, batch, units),
    )
    return states.permute(2, 0, 1, 3).reshape(batch, steps, 2 * units)


def last_states(x: Tensor, lengths: Tensor) -> Tensor:
    """The final state of each direction of a bidirectional layer, which Keras returns by default.

    Shape: (batch, step, 2 x units), (batch,) true lengths → (batch, 2 x units).

    >>> x = torch.tensor([[[1.0, 6.0], [2.0, 5.0], [0.0, 0.0]]])
    >>> last_states(x, torch.tensor([2])).tolist()
    [[2.0, 6.0]]
    """
    units = x.shape[2] // 2
    last = (lengths - 1)[:, None, None].expand(-1, 1, units)
    return torch.cat([x[:, :, :units].gather(1, last)[:, 0], x[:, 0, units:]], dim=1)
