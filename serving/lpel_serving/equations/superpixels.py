"""Superpixels: the cells of a regular grid on an image, their sums and order (section 4.2)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError

Map = NDArray[np.float32]


def grid_side(image_size: int, superpixel: int) -> int:
    """Count the superpixels along one side: 8 for 5-pixel ones on the thesis's 40-pixel images.

    Parameters
    ----------
    image_size
        Longer side of the decoder's images, on whose pixels superpixels are measured.
    superpixel
        Side of a superpixel; it divides `image_size`, and is smaller.

    Raises
    ------
    ParameterError
        If it does not.
    """
    if not 0 < superpixel < image_size or image_size % superpixel:
        sides = [s for s in range(1, image_size) if image_size % s == 0]
        raise ParameterError(
            f"superpixels of {superpixel} pixels do not tile an image of {image_size}; "
            f"sides that do: {', '.join(map(str, sides))}."
        )
    return image_size // superpixel


def superpixel_sums(values: Map, side: int) -> NDArray[np.float64]:
    """Sum a map over each superpixel, row by row.

    Parameters
    ----------
    values
        A signed map of any size, float32, shape (H, W). A pixel that lies in several superpixels
        counts in each with the share of it that lies there.
    side
        Superpixels along one side, K in all.

    Returns
    -------
    NDArray[np.float64]
        Shape (K,).
    """
    rows, columns = (strip_shares(length, side) for length in values.shape)
    return (rows @ values.astype(np.float64) @ columns.T).ravel()


def descending(sums: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Order superpixels from the highest sum to the lowest; ties are broken at random.

    Sums are first rounded to a billionth of the largest, so that smaller differences count as ties.
    """
    scale = float(np.abs(sums).max(initial=0))
    rounded = np.round(sums / scale, 9) if scale else sums
    return np.lexsort((rng.permutation(len(sums)), -rounded))


def labels(shape: Sequence[int], side: int) -> NDArray[np.int64]:
    """Number the superpixel of each pixel of an image of a height and width, shape (H, W).

    Its superpixels are as many down as across, so that they have the image's own proportions.
    """
    down, across = (np.arange(length) * side // length for length in shape[:2])
    return down[:, np.newaxis] * side + across


def strip_shares(length: int, side: int) -> NDArray[np.float64]:
    """Compute the share of each of `length` pixels in `side` strips, shape (side, length)."""
    edges = np.arange(side + 1) * length / side
    pixels = np.arange(length)
    upper = np.minimum(edges[1:, np.newaxis], pixels + 1)
    lower = np.maximum(edges[:-1, np.newaxis], pixels)
    return np.clip(upper - lower, 0, 1)
