"""Which products of a training are in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")  # of x86 and of ARM processors, as torch names them


def trains_in_bfloat16(precision: str, device: str) -> bool:
    """Whether products are in bfloat16: where the recipe asks for it and the device computes in it.

    A processor without such instructions converts back and forth, and takes more than twice as long as in
    single precision; so it trains in that.

    >>> trains_in_bfloat16("float32", "cpu")
    False
    """
    if precision != "bfloat16":
        return False
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    progress: Callable[[], Mapping[str, object]] = getattr(
        torch.cpu, "get_capabilities", dict
    )  # older: not told
    found = progress()
    return any(found.get(name) for name in INSTRUCTIONS)
