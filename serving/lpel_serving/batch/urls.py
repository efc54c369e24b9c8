"""URLs in lists, and in their place: nothing is fetched, and that is said once."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lpel_serving.batch.listed import Column, Rows
from lpel_serving.errors import PairsError

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/|(data):", re.IGNORECASE)
"""Two letters at least, since one is a disk of Windows; one slash, which is all that paths keep."""


def all_here(path: Path, rows: Iterator[Rows]) -> Iterator[Rows]:
    """Bring rows up to the first that names an image by a URL; count those, and say so at the end.

    Raises
    ------
    PairsError
        If there were any.
    """
    found: Counter[str] = Counter()
    for some in rows:
        found.update(scheme for column in some.columns.values() for scheme in _schemes(column))
        if not found:
            yield some
    if found:
        kinds = ", ".join(f"{number:,} by {scheme}:" for scheme, number in found.most_common())
        raise PairsError(
            f"{path} names {found.total():,} images by URLs ({kinds}), and lpel reads files of "
            "this machine alone: download them first, and list the paths of the files."
        )


def refuse_url(path: Path | None) -> None:
    """Raise `PairsError` if a list, or the folder of the images or results, is named by a URL."""
    if path is not None and (scheme := _scheme(str(path))) and not path.exists():
        raise PairsError(
            f"{path} is a URL ({scheme}:), and lpel reads and writes files of this machine alone: "
            "download it first, and name the path of the file."
        )


def _schemes(column: Column) -> Iterator[str]:
    """The schemes of a column's URLs; beside the bytes of a file a name is a name alone."""
    for name, image in zip(column.names, column.images, strict=False):  # embeddings: no images
        if isinstance(image, Path) and name and (scheme := _scheme(name)):
            yield scheme


def _scheme(text: str) -> str | None:
    found = _URL.match(text)
    return None if found is None else (found[1] or found[2]).lower()
