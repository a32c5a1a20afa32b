"""Recurrent layers that read each utterance both ways over its true length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from emotrace.models.layers.masking import real

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}


class Bidirectional(nn.Module):
    """Stacked bidirectional LSTM or GRU layers (Hochreiter and Schmidhuber 1997; Cho et al. 2014).

    The backward direction starts at each utterance's own last step: the utterance is reversed within its
    length, read forwards, and reversed again, which gives the numbers of a packed sequence. In ONNX, which
    knows true lengths, a layer is one node (the exporter would unroll it, and cannot take packing).

    Shape: (batch, step, feature), (batch,) true lengths → (batch, step, 2 x units), the forward direction
    first; zero beyond the true lengths.

    >>> blstm = Bidirectional("lstm", 832, units=64, layers=2)
    >>> blstm(torch.randn(2, 9, 832), torch.tensor([9, 4])).shape, blstm.features_out
    (torch.Size([2, 9, 128]), 128)
    """

    def __init__(self, cell: str, features: int, units: int, layers: int = 1):
        super().__init__()
        sizes = [features] + [2 * units] * (layers - 1)
        self.ahead = nn.ModuleList(CELLS[cell](size, units, batch_first=True) for size in sizes)
        self.back = nn.ModuleList(CELLS[cell](size, units, batch_first=True) for size in sizes)
        self.features_out = 2 * units

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """What either direction has come to at each step."""
        for ahead, back in zip(self.ahead, self.back, strict=True):
            if torch.onnx.is_in_onnx_export():
                x = onnx_layer(x, lengths, ahead, back)
                continue
            later, _ = back(reversed_within(x, lengths))
            x = torch.cat([ahead(x)[0], reversed_within(later, lengths)], dim=2)
        return x * real(lengths, x.shape[1])[..., None].to(x.dtype)


def reversed_within(x: Tensor, lengths: Tensor) -> Tensor:
    """Each utterance's real steps in the opposite order; what stands beyond them stays. Its own inverse.

    Shape: (batch, step, feature) in and out; lengths: (batch,).

    >>> reversed_within(torch.tensor([[[1.0], [2.0], [3.0], [9.0]]]), torch.tensor([3])).flatten().tolist()
    [3.0, 2.0, 1.0, 9.0]
    """
    batch, steps, features = x.shape
    place = torch.arange(steps, device=x.device).expand(batch, steps)
    source = torch.where(real(lengths, steps), lengths[:, None] - 1 - place, place)
    rows = source + steps * torch.arange(batch, device=x.device)[:, None]
    return x.reshape(batch * steps, features).index_select(0, rows.flatten()).view(batch, steps, features)


def onnx_layer(x: Tensor, lengths: Tensor, ahead: Any, back: Any) -> Tensor:
    """The node of ONNX that does what a layer does; it has its gates in another order.

    Shape: (batch, step, feature), (batch,) → (batch, step, 2 x units).
    """
    kind, order = ("LSTM", (0, 3, 1, 2)) if ahead.mode == "LSTM" else ("GRU", (1, 0, 2))
    batch, steps, units = x.shape[0], x.shape[1], ahead.hidden_size

    def both(name: str) -> Tensor:
        weights = [getattr(layer, f"{name}_l0") for layer in (ahead, back)]
        return torch.stack(
            [torch.cat([w[gate * units : (gate + 1) * units] for gate in order]) for w in weights]
        )

    biases = torch.cat([both("bias_ih"), both("bias_hh")], dim=1)
    attributes: dict[str, Any] = {"direction": "bidirectional", "hidden_size": units}
    if kind == "GRU":
        attributes["linear_before_reset"] = 1
    found = torch.onnx.ops.symbolic(
        kind,
        (x.transpose(0, 1), both("weight_ih"), both("weight_hh"), biases, lengths.int()),
        attributes,
        dtype=x.dtype,
        shape=(steps, 2, batch, units),
    )
    return found.permute(2, 0, 1, 3).reshape(batch, steps, 2 * units)


def last_states(x: Tensor, lengths: Tensor) -> Tensor:
    """What each direction of a bidirectional layer has come to at its end, as Keras returns by default.

    Shape: (batch, step, 2 x units), (batch,) true lengths → (batch, 2 x units).

    >>> x = torch.tensor([[[1.0, 6.0], [2.0, 5.0], [0.0, 0.0]]])
    >>> last_states(x, torch.tensor([2])).tolist()
    [[2.0, 6.0]]
    """
    units = x.shape[2] // 2
    place = (lengths - 1)[:, None, None].expand(-1, 1, units)
    return torch.cat([x[:, :, :units].gather(1, place)[:, 0], x[:, 0, units:]], dim=1)
