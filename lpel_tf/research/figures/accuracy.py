"""Figure of deletion and insertion: accuracy as pixels are removed, or are the only ones kept."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.report.figures.canvas import INK, OTHERS, QUIET, SUBJECT, new_figure, quiet


def accuracy_figure(
    curves: Mapping[str, Mapping[str, NDArray[np.float64]]], levels: Sequence[int], subject: str
) -> Any:
    """Draw one chart for each game.

    Parameters
    ----------
    curves
        By game and by method, accuracies in [0, 1], shape (levels,).
    levels
        Percentages of pixels.
    subject
        The method that the figure is about.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(9.0, 3.6)
    grid = figure.subplots(1, len(curves), squeeze=False)
    for axis, (game, by_name) in zip(grid[0], curves.items(), strict=True):
        for place, (name, values) in enumerate(by_name.items()):
            ours = name == subject
            axis.plot(
                levels,
                values,
                color=SUBJECT if ours else OTHERS[place % len(OTHERS)],
                linewidth=2.4 if ours else 1.2,
                label=name,
            )
        axis.set_title(game, fontsize=9, color=INK)
        axis.set_xlabel("% of the test image's pixels", fontsize=8, color=QUIET)
        axis.set_ylabel("accuracy", fontsize=8, color=QUIET)
        axis.legend(fontsize=7, frameon=False, labelcolor=INK)
        quiet(axis)
    figure.subplots_adjust(left=0.07, right=0.98, top=0.9, bottom=0.14, wspace=0.22)
    return figure
