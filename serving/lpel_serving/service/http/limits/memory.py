"""Returns large freed memory blocks to the system, which glibc does not do by itself."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""The parameters M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of mallopt(3)."""
LARGE_BYTES = 4 * 2**20


def give_back_large_blocks() -> None:
    """Return every block of 4 MiB or more to the system as soon as it is freed.

    Answers have megabytes. glibc maps blocks that large separately at first, but when one is freed
    it raises its threshold, and from then on takes all blocks up to that size, at most 32 MiB, from
    its heaps: one for each thread, and hardly ever empty. The memory of a hundred answers would
    stay with the process until its end. Setting the threshold ends this adaptation; the other
    parameter has the value that glibc would choose.
    """
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):  # other libraries may differ
        library.mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        library.mallopt(_TRIM_THRESHOLD, 2 * LARGE_BYTES)
