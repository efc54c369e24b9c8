"""URLs in lists: nothing is fetched, and that is said once."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lpel_serving.batch.folder.listed import Column, Rows
from lpel_serving.support.errors import PairsError
from lpel_serving.support.urls import scheme_of


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


def _schemes(column: Column) -> Iterator[str]:
    """The schemes of a column's URLs; beside the bytes of a file a name is a name alone."""
    for name, image in zip(column.names, column.images, strict=False):  # embeddings: no images
        if isinstance(image, Path) and name and (scheme := scheme_of(name)):
            yield scheme
