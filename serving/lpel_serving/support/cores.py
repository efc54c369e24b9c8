"""How the processor's cores are divided among inferences."""

import os

AT_ONCE = 2
"""Inferences that run at the same time: two, so that no core waits while a batch ends."""


def inference_threads() -> int:
    """Threads that an inference of onnxruntime's may use so that `AT_ONCE` fill all cores.

    onnxruntime's own threads are shared by all inferences, and each caller is one more: on two
    cores there are none to start, and so no waiting between threads.
    """
    return max(1, cores() - (AT_ONCE - 1))


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
