"""Figures, by matplotlib; no other package of the engine plots."""

from lpel_serving.report.figures.canvas import png
from lpel_serving.report.figures.curves import curve_figure
from lpel_serving.report.figures.pair import (
    COLUMNS,
    highlight,
    pair_figure,
    write_pair_figure,
)
from lpel_serving.report.figures.reliability import reliability_figure

__all__ = [
    "COLUMNS",
    "curve_figure",
    "highlight",
    "pair_figure",
    "png",
    "reliability_figure",
    "write_pair_figure",
]
