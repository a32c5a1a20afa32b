"""Whether training multiplies in bfloat16."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

CPU_CAPABILITIES = ("avx512_bf16", "amx_bf16", "bf16")  # of x86 and ARM processors, as PyTorch names them


def trains_in_bfloat16(precision: str, device: str) -> bool:
    """Whether products are in bfloat16: the recipe sets it, and the device has instructions for it.

    A processor without such instructions converts every value, and is half as fast as in single precision.

    Args:
        precision: "float32" or "bfloat16", as the recipe sets it
        device: "cpu" or "cuda"

    >>> trains_in_bfloat16("float32", "cpu")
    False
    """
    if precision != "bfloat16":
        return False
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Older versions of PyTorch do not report capabilities.
    get_capabilities: Callable[[], Mapping[str, object]] = getattr(torch.cpu, "get_capabilities", dict)
    capabilities = get_capabilities()
    return any(capabilities.get(name) for name in CPU_CAPABILITIES)
