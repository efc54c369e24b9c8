"""Progress reporting: the callbacks that long work calls."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Advance = Callable[[int], None]
"""Called with how many more items are done."""

ReportProgress = Callable[[int, int], None]
"""Called with how many more items are done, and how many of them are errors."""

Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""Opened with a description of the work and the number of items."""


def silent(what: str, total: int) -> AbstractContextManager[Advance]:  # noqa: ARG001
    """Show nothing."""
    return nullcontext(lambda done: None)  # noqa: ARG005
