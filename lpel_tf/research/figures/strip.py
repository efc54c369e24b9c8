"""The images along a deletion curve, as superpixels are hidden (figures 5.13 and 5.15)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.faithfulness.deletion_curve import prefixes
from lpel_serving.methods.measured.replacement import Replacement
from lpel_serving.report.figures.canvas import INK, bare, new_figure
from lpel_serving.report.pictures import in_colour


def strip_figure(
    change: Replacement,
    order: NDArray[np.int64],
    shown: Sequence[int],
    similarities: Sequence[float],
    title: str = "",
) -> Any:
    """Draw the images after several numbers of replaced superpixels.

    Parameters
    ----------
    change
        How they are replaced; if in both images, there is a row for each.
    order
        Superpixels, most important first, shape (K,).
    shown
        How many are replaced in each column.
    similarities
        What the network says in each column.
    title
        Above everything.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = change.images_per_step
    above = 0.68 if title else 0.38
    figure = new_figure(1.25 * len(shown), 1.2 * rows + above + 0.05)
    grid = figure.subplots(rows, len(shown), squeeze=False)
    sets = prefixes(order, np.array(shown))
    for column, (chosen, count, similarity) in enumerate(
        zip(sets, shown, similarities, strict=True)
    ):
        for axis, image in zip(grid[:, column], change.images(chosen), strict=True):
            axis.imshow(in_colour(image), interpolation="nearest")
            bare(axis)
        grid[0, column].set_title(f"{count}\n{similarity:.2f}", fontsize=7.5, color=INK)
    figure.suptitle(title, fontsize=9, color=INK, parse_math=False)
    figure.subplots_adjust(
        left=0.01, right=0.99, bottom=0.02, top=1 - above / figure.get_figheight(), wspace=0.05
    )
    return figure
