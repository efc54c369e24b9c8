"""What is read of a list: rows, with their images or embeddings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import PairsError

PAIR = ("reference", "test")
LISTED = ("image",)
IDENTIFIERS: Mapping[tuple[str, ...], str] = {PAIR: "pair_id", LISTED: "image_id"}
"""The column that names a row; without it rows are named by their numbers."""

Image = Path | bytes | None


@dataclass(frozen=True, eq=False)
class Column:
    """Images of some rows, or embeddings.

    Attributes
    ----------
    names
        What the list calls them: paths as they are written there, or None.
    images
        Files, or the bytes of files; None where the row has none.
    embeddings
        Instead of images: float32, shape (rows, D).
    """

    names: Sequence[str | None]
    images: Sequence[Image]
    embeddings: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a list, one after another.

    Where a column asks for certain faces of its images, `faces` has them by its name.
    """

    identifiers: Sequence[str]
    columns: Mapping[str, Column]
    faces: Mapping[str, Sequence[int | None]] = field(
        default_factory=dict[str, Sequence[int | None]]
    )


def of_paths(texts: Sequence[str | None], begin: Path) -> Column:
    """Make a column of paths as a list has them."""
    return Column(texts, [begin / text if text else None for text in texts])


def legible(text: str) -> str:
    """Write the bytes of a file's name that are no UTF-8 as escapes, so that it can be kept."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def require_columns(path: Path, columns: tuple[str, ...], present: Sequence[str]) -> None:
    """Raise `PairsError` unless a list has these columns, each once."""
    if missing := [name for name in columns if name not in present]:
        raise PairsError(
            f"{path} has no column {' and '.join(missing)}; it has {', '.join(present) or 'none'}."
        )
    known = (IDENTIFIERS[columns], *columns)
    if several := [name for name in known if present.count(name) > 1]:
        raise PairsError(f"{path} has more than one column {' and '.join(several)}: rename others.")


def unreadable(path: Path, error: Exception) -> PairsError:
    """Say why a list, or a part of one, cannot be read."""
    reason = str(getattr(error, "strerror", None) or error).rstrip(".")
    return PairsError(f"{path} cannot be read: {reason}.")
