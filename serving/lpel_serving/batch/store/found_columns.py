"""The faces that were found in an image, as numbers in a table: one row of six for each image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.folder.arrow import Table, from_vectors, pa
from lpel_serving.images.found import FoundFaces

WIDTH = 6
"""How many faces there were, which was taken, and its left, top, right and bottom; int32."""
NOTHING = -1
"""Six of these where no face was looked for, or the image could not be used."""

Numbers = NDArray[np.int32]


def nothing(n: int) -> Numbers:
    """Make the rows of so many images of which nothing is known, int32, shape (n, 6)."""
    return np.full((n, WIDTH), NOTHING, np.int32)


def numbers_of(found: FoundFaces | None) -> Numbers:
    """Write what was found in an image, int32, shape (6,)."""
    if found is None:
        return nothing(1)[0]
    box = found.box
    values = [found.count, found.taken, box.left, box.top, box.right, box.bottom]
    return np.array(values, np.int32)


def read_found(embedded: Table) -> Numbers:
    """Read it from the table of a chunk; an earlier version wrote none. int32, shape (N, 6)."""
    if "found" not in embedded.column_names:
        return nothing(len(embedded))
    return np.asarray(from_vectors(embedded["found"], WIDTH), np.int32)


def result_columns(role: str, found: Numbers) -> dict[str, Any]:
    """Make the columns of the results, with nulls where nothing is known."""
    unknown = found[:, 0] < 1
    boxes = pa.array(np.ascontiguousarray(found[:, 2:]).reshape(-1))
    box = pa.FixedSizeListArray.from_arrays(boxes, 4, mask=pa.array(unknown))
    return {
        f"{role}_faces": pa.array(found[:, 0], mask=unknown),
        f"{role}_face": pa.array(found[:, 1], mask=unknown),
        f"{role}_box": box,
    }
