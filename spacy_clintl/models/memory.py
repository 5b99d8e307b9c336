"""Giving freed memory back to the system."""

import ctypes
import functools
import sys
from collections.abc import Callable


def release_free_memory() -> None:
    """Ask the C library to give back what is free.

    Activations of many sizes come and go among small objects that stay, and glibc keeps the holes
    between them: without this a long training holds three times the memory that it uses. Where the
    C library is another one, nothing happens.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
