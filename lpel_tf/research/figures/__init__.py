"""Figures that experiments draw beyond those of the engine's own room of figures."""

from lpel_tf.research.figures.accuracy import accuracy_figure
from lpel_tf.research.figures.differences import difference_figure
from lpel_tf.research.figures.gallery import gallery_figure
from lpel_tf.research.figures.strip import strip_figure

__all__ = ["accuracy_figure", "difference_figure", "gallery_figure", "strip_figure"]
