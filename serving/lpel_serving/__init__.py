"""Explain why a siamese network called two faces the same or different, with onnxruntime.

The method is LPEL: local perturbations on the embedding layer. Its equations stand in
`similarity`, `relevance`, `perturbation`, `heatmap` and `mask`; `explanation` puts them together;
`Explainer` runs them on images with the models of a bundle. `methods` holds LPEL and all others
behind one protocol, `laboratory` measures whether they can be believed.
"""

from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.decision import Confidence, Decision, decide
from lpel_serving.images.crops import CentreCrop, Crop
from lpel_serving.methods.explanation import (
    Explanation,
    LpelExplanation,
    PairExplanation,
    explain_embeddings,
)
from lpel_serving.methods.method import FacePair, Method, find_method
from lpel_serving.report.document import document

__all__ = [
    "CentreCrop",
    "Confidence",
    "Crop",
    "Decision",
    "Explainer",
    "Explanation",
    "FacePair",
    "LpelExplanation",
    "Method",
    "PairExplanation",
    "decide",
    "document",
    "explain_embeddings",
    "find_method",
]
