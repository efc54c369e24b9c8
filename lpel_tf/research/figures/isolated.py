"""EMSNN's figure (3.3): original, reconstruction, highlighted, isolated, by several methods."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.mask import mask
from lpel_serving.report.figures import highlight
from lpel_serving.report.pictures import displayable, enlarged, in_colour
from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_tf.research.emsnn.by_prototype import ByPrototype
from lpel_tf.research.figures.gallery import gallery_figure

_AROUND = 205
"""Grey, which isolated parts of dark and of bright pictures both stand out from."""


@dataclass(frozen=True, eq=False)
class IsolatedRow:
    """What a row shows.

    Attributes
    ----------
    original
        The test image, uint8, shape (H, W, C).
    reconstructions
        By some methods, each from its own decoder, uint8.
    maps
        By methods, those that have a reconstruction and others: float32, shape (h, w).
    label
        Beside it.
    """

    original: Pixels
    reconstructions: Mapping[str, Pixels]
    maps: Mapping[str, SignedMap]
    label: str = ""


def isolated(image: Pixels, chosen: NDArray[np.bool_]) -> Pixels:
    """Show what a mask selects alone, on grey.

    Parameters
    ----------
    image
        uint8, shape (H, W, 3).
    chosen
        bool, shape (h, w), of any size: it is enlarged to the image, pixel by pixel.
    """
    return np.where(enlarged(chosen, image)[:, :, np.newaxis], image, np.uint8(_AROUND))


def row_by_prototype(
    original: Pixels,
    embedding: Floats,
    maps: ByPrototype,
    decoders: Mapping[str, Callable[[Floats], Floats]],
    another: str,
    label: str = "",
) -> IsolatedRow:
    """A test image with its maps, the control last.

    Parameters
    ----------
    original, embedding
        The image, uint8, and its embedding, shape (D,).
    maps
        Of some methods.
    decoders
        That of each method.
    another
        What the class is called whose prototype the control is explained by.
    label
        Beside the row.
    """
    return IsolatedRow(
        original,
        {name: displayable(decode(embedding[np.newaxis])[0]) for name, decode in decoders.items()},
        {**maps.own, **{f"{name}, {another}": values for name, values in maps.another.items()}},
        label,
    )


def isolated_figure(rows: Sequence[IsolatedRow]) -> Any:
    """Draw the rows; all show the same methods.

    A method that reconstructs has three columns, another one two.

    Returns
    -------
    matplotlib.figure.Figure
    """
    columns = ["original"]
    for name in rows[0].maps:
        drawn = [f"{name}:\nreconstruction"] if name in rows[0].reconstructions else []
        columns += [*drawn, f"{name}:\nhighlighted", f"{name}:\nisolated"]
    labels = [row.label for row in rows] if any(row.label for row in rows) else ()
    return gallery_figure([_pictures(row) for row in rows], columns, labels)


def _pictures(row: IsolatedRow) -> list[NDArray[Any]]:
    original = in_colour(row.original)
    shown: list[NDArray[Any]] = [original]
    for name, values in row.maps.items():
        if name in row.reconstructions:
            shown.append(row.reconstructions[name])
        chosen = mask(values)
        shown += [highlight(original, chosen), isolated(original, chosen)]
    return shown
