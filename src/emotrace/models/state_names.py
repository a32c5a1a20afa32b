"""Former names of tensors in weight files, which are still read."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

RENAMED_PREFIXES = {
    "front.pcnse.": "front.convolutions.",
    "back.drn.": "back.context.",
    "back.recurrent.ahead.": "back.context.forward_layers.",
    "back.recurrent.back.": "back.context.backward_layers.",
    "back.ctc.": "back.head.",
    "back.pooled.": "back.head.",
    "back.dense.": "back.head.dense.",
    "functionals.share": "functionals.fusion_weight",
}


def with_current_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a weight file under the names that `EmotionModel.state_dict` has today.

    >>> import torch
    >>> list(with_current_names({"back.ctc.output.bias": torch.zeros(5), "back.head.x": torch.zeros(1)}))
    ['back.head.output.bias', 'back.head.x']
    """
    return {_current_name(name): tensor for name, tensor in weights.items()}


def _current_name(name: str) -> str:
    for old, new in RENAMED_PREFIXES.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name
