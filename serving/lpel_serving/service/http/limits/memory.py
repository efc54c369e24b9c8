"""Letting the system have large blocks of memory back; of glibc alone, other libraries do so."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The parameters M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)."""
LARGE_BYTES = 4 * 2**20


def give_back_large_blocks() -> None:
    """Let every block of 4 MiB or more be the system's again as soon as it is freed.

    Answers have megabytes. glibc takes a block that large from the system by itself, but when the
    first one is freed it concludes that such blocks come and go, and from then on cuts all up to
    that size, at most 32 MiB, from heaps that it keeps: one for each thread, and hardly ever empty.
    What a hundred answers once took would stay with the process until its end. To set the
    threshold ends this learning; the other one is what it would be by then.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):  # another library may take these for others
        library.mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(_TRIM_THRESHOLD, 2 * LARGE_BYTES)
