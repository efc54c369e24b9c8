"""Suppresses other libraries' output on standard error."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def silenced() -> Generator[TextIO]:
    """Suppress output to standard error; yields a stream that still reaches it.

    Libraries of C write to the file descriptor itself, and so do programs that they start.
    """
    try:
        screen = os.dup(2)
    except OSError:  # standard error is closed
        screen = None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        way_out = nowhere if screen is None else screen
        with open(way_out, "w", encoding="utf-8", closefd=False) as stream:
            yield stream
    finally:
        if screen is not None:
            os.dup2(screen, 2)
            os.close(screen)
        if nowhere != 2:
            os.close(nowhere)
