"""Galleries of images and heat-maps in rows and columns (figures 5.8, 5.9, 5.16 and 5.17)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.normalisation import min_max
from lpel_serving.report.figures.canvas import INK, QUIET, bare, new_figure
from lpel_serving.report.pictures import in_colour


def gallery_figure(
    rows: Sequence[Sequence[NDArray[Any]]],
    columns: Sequence[str] = (),
    labels: Sequence[str] = (),
    title: str = "",
) -> Any:
    """Draw a grid of pictures.

    Parameters
    ----------
    rows
        Images, uint8, shape (S, S, 3) or grey, (S, S, 1), and maps, float32, shape (H, W), which
        are scaled to [0, 1].
    columns
        What stands above each column.
    labels
        What stands beside each row, in one line or two.
    title
        Above everything.

    Returns
    -------
    matplotlib.figure.Figure
    """
    width = max(map(len, rows))
    above = 0.05 + (0.36 if columns else 0) + (0.3 if title else 0)
    lines = 2 if any("\n" in label for label in labels) else 1
    beside = 0.15 + 0.15 * lines if labels else 0.05
    figure = new_figure(1.3 * width + beside, 1.3 * len(rows) + above)
    grid = figure.subplots(len(rows), width, squeeze=False)
    for axis in grid.ravel():
        bare(axis)
    for axes, row in zip(grid, rows, strict=True):
        for axis, picture in zip(axes, row, strict=False):
            _draw(axis, picture)
    for axis, name in zip(grid[0], columns, strict=False):
        axis.set_title(name, fontsize=8, color=INK, parse_math=False)
    for axis, name in zip(grid[:, 0], labels, strict=False):
        axis.set_ylabel(name, fontsize=8, color=QUIET, parse_math=False)
    figure.suptitle(title, fontsize=10, color=INK, parse_math=False)
    top, left = 1 - above / figure.get_figheight(), beside / figure.get_figwidth()
    figure.subplots_adjust(left=left, right=0.99, bottom=0.01, top=top, wspace=0.05, hspace=0.05)
    return figure


def _draw(axis: Any, picture: NDArray[Any]) -> None:
    if picture.ndim == 3:
        axis.imshow(in_colour(picture), interpolation="nearest")
    else:
        values = min_max(picture.astype(np.float32), axes=(0, 1))
        axis.imshow(values, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
