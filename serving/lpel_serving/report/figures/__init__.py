"""Pictures: the one package that plots."""

from lpel_serving.report.figures.accuracy import accuracy_figure
from lpel_serving.report.figures.canvas import png
from lpel_serving.report.figures.curves import curve_figure, difference_figure
from lpel_serving.report.figures.gallery import gallery_figure
from lpel_serving.report.figures.pair import (
    COLUMNS,
    highlight,
    pair_figure,
    write_pair_figure,
)
from lpel_serving.report.figures.reliability import reliability_figure
from lpel_serving.report.figures.strip import strip_figure

__all__ = [
    "COLUMNS",
    "accuracy_figure",
    "curve_figure",
    "difference_figure",
    "gallery_figure",
    "highlight",
    "pair_figure",
    "png",
    "reliability_figure",
    "strip_figure",
    "write_pair_figure",
]
