"""Skipped files and list entries: counted by reason, named on request."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from lpel_serving.images.held import Photograph
from lpel_serving.support.errors import (
    DamagedImageError,
    ImageError,
    NotAnImageError,
    ParameterError,
    PhotographsError,
    UnreadableImageError,
)

Why = Literal[
    "hidden",
    "not_an_image",
    "no_part",
    "misplaced",
    "circular",
    "not_listed",
    "absent",
    "listed_twice",
    "with_itself",
    "unreadable",
    "damaged",
    "refused",
]
"""Why something is skipped."""

IN_WORDS: Mapping[Why, str] = {
    "hidden": "hidden",
    "not_an_image": "no image by content",
    "no_part": "no part of the list",
    "misplaced": "in no person's own folder",
    "circular": "a link back to a folder that it lies in",
    "not_listed": "not in the identity file",
    "absent": "listed and not there",
    "listed_twice": "listed more than once",
    "with_itself": "a photograph paired with itself",
    "unreadable": "cannot be read",
    "damaged": "damaged or truncated",
    "refused": "of an unsupported kind",
}

MOST_BAD = 0.1
"""Default of the share of photographs that may be unusable.

Collections from the web lose a few in a hundred, pages of errors saved under a picture's name among
them, and one file in a dozen should not end a small collection's run; a wrong folder, format or
disk loses nearly all. A tenth is far from both.
"""


@dataclass(frozen=True)
class PassedOver:
    """A skipped file or list entry.

    Attributes
    ----------
    name
        A path, or a line of a list.
    why
        The reason.
    message
        Details, where there are any.
    """

    name: str
    why: Why
    message: str = ""


def count_passed_over(passed: Iterable[PassedOver]) -> dict[Why, int]:
    """Count by reason, in the order of `IN_WORDS`; reasons that do not occur are left out."""
    counted = Counter(one.why for one in passed)
    return {why: counted[why] for why in IN_WORDS if counted[why]}


def in_words(passed: Iterable[PassedOver]) -> str:
    """Write the counts by reason, such as ``3 hidden, 1 no image by content``."""
    return ", ".join(
        f"{count:,} {IN_WORDS[why]}" for why, count in count_passed_over(passed).items()
    )


class Unusable:
    """Collects unusable photographs, up to a share of those that were wanted.

    Parameters
    ----------
    most
        The share, in [0, 1].
    names
        Whether the error about too many names them all, not only the first.

    Raises
    ------
    ParameterError
        If `most` is out of range.
    """

    def __init__(self, most: float = MOST_BAD, *, names: bool = False) -> None:
        if not 0 <= most <= 1:
            raise ParameterError(
                f"the share of bad photographs lies in 0..1; received {most}: 0.05 is one in 20."
            )
        self._most = most
        self._names = names
        self._found: dict[Photograph, PassedOver] = {}

    def add(self, path: Photograph, error: ImageError, why: Why | None = None) -> None:
        """Record why a photograph cannot be used; repeated calls count once."""
        self._found.setdefault(path, PassedOver(str(path), why or _why(error), str(error)))

    def __contains__(self, path: Photograph) -> bool:
        return path in self._found

    def found(self) -> tuple[PassedOver, ...]:
        """All that were collected so far."""
        return tuple(self._found.values())

    def check(self, wanted: Iterable[Photograph]) -> None:
        """Raise `PhotographsError` if too many of some photographs cannot be used."""
        paths = set(wanted)
        bad = [one for path, one in self._found.items() if path in paths]
        if len(bad) <= self._most * len(paths):
            return
        which = f"The first: {bad[0].message}"
        if self._names:
            which = "\n".join(["These:", *(one.message for one in bad)])
        raise PhotographsError(
            f"{len(bad):,} of {len(paths):,} photographs cannot be used ({in_words(bad)}), more "
            f"than the share of {self._most:.4g} that --most-bad allows: mend or remove them; "
            f"--list-passed-over names them all. {which.rstrip('.')}."
        )


def note(unusable: Unusable | None, path: Photograph, error: ImageError) -> None:
    """Record an unusable photograph, or raise its error if nothing collects them."""
    if unusable is None:
        raise error
    unusable.add(path, error)


def _why(error: ImageError) -> Why:
    match error:
        case UnreadableImageError():
            return "unreadable"
        case NotAnImageError():
            return "not_an_image"
        case DamagedImageError():
            return "damaged"
        case _:
            return "refused"
