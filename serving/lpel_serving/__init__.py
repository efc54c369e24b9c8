"""Explain why a siamese network called two faces the same or different, with onnxruntime.

The method is LPEL: local perturbations on the embedding layer. Its equations stand in
`similarity`, `relevance`, `perturbation`, `heatmap` and `mask`; `explanation` puts them together;
`Explainer` runs them on images with the models of a bundle.
"""

from lpel_serving.crops import CentreCrop, Crop
from lpel_serving.explainer import Explainer
from lpel_serving.explanation import Explanation, PairExplanation, explain_embeddings

__all__ = [
    "CentreCrop",
    "Crop",
    "Explainer",
    "Explanation",
    "PairExplanation",
    "explain_embeddings",
]
