"""Memory that is freed stays with the process, for the next step to use, until a stage has ended."""

from __future__ import annotations

import ctypes
from typing import Any

# Parameters of glibc's mallopt (malloc.h), and what they are set to.
KEPT = {
    -3: 2**30,  # M_MMAP_THRESHOLD: blocks below a GiB come from the heap
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: whose end is not given back
    -2: 2**28,  # M_TOP_PAD: and grows by 256 MiB
}


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed; whether it could be told so, which only glibc can.

    Each step frees what the next one takes again, hundreds of MiB. Given back to the system, every page is
    cleared and mapped anew at its first use, which takes two fifths of a step of the paper's network.

    >>> keep_freed_memory() in (True, False)
    True
    """
    mallopt = of_glibc("mallopt")
    return mallopt is not None and all(mallopt(parameter, value) for parameter, value in KEPT.items())


def give_back_freed_memory() -> bool:
    """Let the C library give back to the system what is free; whether it could be told so.

    Blocks of other sizes than before lie between those of a stage that has ended: without this a process that
    trains fold after fold grows to several times what a fold needs.

    >>> give_back_freed_memory() in (True, False)
    True
    """
    malloc_trim = of_glibc("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(ctypes.c_size_t(0)))


def of_glibc(name: str) -> Any:
    """A function of the C library; None where it has no such, as on another system."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
