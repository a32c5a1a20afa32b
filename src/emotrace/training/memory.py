"""Memory that is freed stays with the process, for the next step to use."""

from __future__ import annotations

import ctypes

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
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    return all(mallopt(parameter, value) for parameter, value in KEPT.items())
