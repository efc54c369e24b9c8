"""Progress reporting: the callbacks that long work calls."""

import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import monotonic

Advance = Callable[[int], None]
"""Called with how many more items are done."""

ReportProgress = Callable[[int, int], None]
"""Called with how many more items are done, and how many of them are errors."""

Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""Opened with a description of the work and the number of items."""

_SECONDS = 5
"""Between two lines of `printed`."""


def silent(what: str, total: int) -> AbstractContextManager[Advance]:  # noqa: ARG001
    """Show nothing."""
    return nullcontext(lambda done: None)  # noqa: ARG005


@contextmanager
def printed(what: str, total: int) -> Generator[Advance]:
    """Print on standard error when work begins, now and then how far it is, and when it is done."""
    begun = said = monotonic()
    done = 0

    def advance(more: int) -> None:
        nonlocal said, done
        done += more
        if monotonic() - said >= _SECONDS:
            said = monotonic()
            sys.stderr.write(f"{what}: {done:,} of {total:,}\n")

    sys.stderr.write(f"{what} …\n")
    yield advance
    sys.stderr.write(f"{what}: done in {monotonic() - begun:.0f} s\n")


@contextmanager
def one_step(progress: Progress, what: str) -> Generator[None]:
    """Report work that is done at once: when it begins, and when it is done."""
    with progress(what, 1) as advance:
        yield
        advance(1)
