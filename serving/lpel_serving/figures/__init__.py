"""Pictures: the one package that plots."""

from lpel_serving.figures.curves import curve_figure, difference_figure
from lpel_serving.figures.pair import (
    COLUMNS,
    displayable,
    highlight,
    pair_figure,
    write_pair_figure,
)
from lpel_serving.figures.strip import strip_figure

__all__ = [
    "COLUMNS",
    "curve_figure",
    "difference_figure",
    "displayable",
    "highlight",
    "pair_figure",
    "strip_figure",
    "write_pair_figure",
]
