"""Tells the C library's allocator to keep what is freed: the pages of a fresh large tensor cost more than
the arithmetic on it.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""The numbers of two of mallopt's parameters, as in glibc's `malloc.h`."""


def keep_memory() -> bool:
    """Has freed blocks of up to 1 GiB wait for the next tensor and not go back to the system.

    For the whole process, and for good; it may hold on to as much memory as it once used at a time.
    Call it at the start: often worth a factor of two and more on large tensors. False where the C library
    has no `mallopt` (it is of glibc), or refuses.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = mallopt(M_MMAP_THRESHOLD, 2**30) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    return bool(kept)
