"""One ONNX file that explains pairs of faces by itself, for services in any language."""

from lpel_export.explainer.build import (
    METHODS,
    build_explainer,
    build_template_explainer,
    chosen_method,
)
from lpel_export.explainer.simulation import chosen_fill

__all__ = [
    "METHODS",
    "build_explainer",
    "build_template_explainer",
    "chosen_fill",
    "chosen_method",
]
