"""The engine (numpy, onnxruntime, no TensorFlow): equations, methods, command line, batch, HTTP.

The rooms, from the bottom to the top: `support`; `equations`, each once; `images`; `verification`;
`bundle`; `methods`, LPEL among them; `engine`, where `Explainer` is; `faithfulness`, which measures
whether a map shows what the decision rests on; `report`, what is said and shown; and the three ways
in: `batch`, `service`, `commands`. Each imports those before it alone.
"""

from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.decision import Confidence, Decision, decide
from lpel_serving.images.crops import CentreCrop, Crop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.subject import SUBJECTS, Subject
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.methods.decoded.lpel import explain_embeddings
from lpel_serving.methods.explanation import Explanation, LpelExplanation, PairExplanation
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.report.document import document
from lpel_serving.support.errors import (
    BundleError,
    EmbeddingError,
    ImageError,
    LpelError,
    OutputError,
    PairsError,
    ParameterError,
    ProviderError,
)

__all__ = [
    "SUBJECTS",
    "BundleError",
    "CentreCrop",
    "Confidence",
    "Crop",
    "Decision",
    "EmbeddingError",
    "Explainer",
    "Explanation",
    "FacePair",
    "ImageError",
    "LpelError",
    "LpelExplanation",
    "Method",
    "OutputError",
    "PairExplanation",
    "PairsError",
    "ParameterError",
    "ProviderError",
    "Subject",
    "decide",
    "document",
    "explain_embeddings",
    "find_method",
    "list_faces",
]
