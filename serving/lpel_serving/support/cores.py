"""How the processor's cores are divided among inferences."""

import os

AT_ONCE = 2
"""Inferences at the same time: a pair has two faces, and no core waits while a batch ends."""


def inference_threads() -> int:
    """Threads that an inference of onnxruntime's may use so that `AT_ONCE` fill all cores.

    Those that it starts are shared by all, and each caller is one more: on two cores there is none
    to start, and nothing to wait for between them.
    """
    return max(1, cores() - (AT_ONCE - 1))


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
