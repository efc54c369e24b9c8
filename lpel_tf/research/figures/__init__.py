"""Figures of experiments, beyond those of `lpel_serving.report.figures`."""

from lpel_tf.research.figures.accuracy import accuracy_figure
from lpel_tf.research.figures.differences import difference_figure
from lpel_tf.research.figures.gallery import gallery_figure
from lpel_tf.research.figures.isolated import (
    IsolatedRow,
    isolated,
    isolated_figure,
    row_by_prototype,
)
from lpel_tf.research.figures.strip import strip_figure

__all__ = [
    "IsolatedRow",
    "accuracy_figure",
    "difference_figure",
    "gallery_figure",
    "isolated",
    "isolated_figure",
    "row_by_prototype",
    "strip_figure",
]
