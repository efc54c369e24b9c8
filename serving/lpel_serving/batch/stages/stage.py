"""What an engine is given to do, and what it tells of it."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lpel_serving.support.errors import WithdrawnError


@dataclass(frozen=True)
class Done:
    """One piece of work that was done, its results on the disk.

    Attributes
    ----------
    piece
        Its number.
    rows
        Rows of the result, or images.
    errors
        How many of them are errors.
    embedded
        Crops that went through the embedder.
    """

    piece: int
    rows: int
    errors: int
    embedded: int = 0


Stopped = Callable[[], bool]
"""Whether the work is to be given up."""

Work = Callable[[int, Stopped], Done]
"""Does a piece of work, by its number; safe to call from several threads."""


class Stage(Protocol):
    """Work in numbered pieces, which may be done in any order and anywhere; it can be pickled.

    A piece writes its own results, whole or not at all, and to do it again writes the same bytes.
    """

    def open(self) -> Work:
        """Load what is needed to do pieces."""
        ...


class StageRunner(Protocol):
    """Has pieces of work done."""

    def run(self, stage: Stage, pieces: Sequence[int]) -> Generator[Done]:
        """Do pieces, and tell of each as soon as it is done; when closed, give up what is left."""
        ...


def give_up_if(stopped: Stopped) -> None:
    """Raise `WithdrawnError` if the work is to be given up."""
    if stopped():
        raise WithdrawnError("the job was stopped.")
