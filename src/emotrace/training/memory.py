"""Control of the C library's allocator: freed memory stays with the process during a training stage."""

from __future__ import annotations

import ctypes
from typing import Any

# Parameters of glibc's mallopt (malloc.h), and their values.
ALLOCATOR_OPTIONS = {
    -3: 2**30,  # M_MMAP_THRESHOLD: blocks below 1 GiB come from the heap
    -1: 2**31 - 1,  # M_TRIM_THRESHOLD: the end of the heap is not returned
    -2: 2**28,  # M_TOP_PAD: the heap grows by 256 MiB
}


def keep_freed_memory() -> bool:
    """Let the C library keep freed memory; whether the library is glibc and did so.

    Each step frees hundreds of MiB that the next step allocates again. If they are returned to the system,
    every page is cleared and mapped at its next use, which takes 40 % of a step of the paper's network.

    >>> keep_freed_memory() in (True, False)
    True
    """
    mallopt = glibc_function("mallopt")
    return mallopt is not None and all(mallopt(*option) for option in ALLOCATOR_OPTIONS.items())


def give_back_freed_memory() -> bool:
    """Let the C library return freed memory to the system; whether the library is glibc and did so.

    Stages use blocks of different sizes. Without this, a process that trains many folds grows to several
    times the memory that one fold needs.

    >>> give_back_freed_memory() in (True, False)
    True
    """
    malloc_trim = glibc_function("malloc_trim")
    return malloc_trim is not None and bool(malloc_trim(ctypes.c_size_t(0)))


def glibc_function(name: str) -> Any:
    """A function of the C library; None where there is no such function, as on other systems."""
    try:
        return getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
