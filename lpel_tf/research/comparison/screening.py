"""Screening: altered images are embedded by the int8 form of the embedder, nearly 3 times as fast.

How far it is from the float32 one is measured on a sample of altered images, and curves are
confirmed on a tenth of the pairs. The pairs' own embeddings, local features and all that methods
compute of them are the shipped bundle's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.fill import Fill
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_tf.research.comparison.summary import Scores
from lpel_tf.research.measures.correlation.effects import Hiding, each_measured

SAMPLE = 3
"""Coalitions of each fill of each pair of the sample."""


def agreement(
    exact: Networks, quick: Networks, pairs: Sequence[FacePair], seed: int
) -> dict[str, float]:
    """How far two embedders are apart on altered images, as JSON values.

    Returns
    -------
    dict[str, float]
        The number of images; mean and least cosine of both embeddings of an image; the largest
        difference of its similarity to the pair's reference.
    """
    cosines: list[NDArray[np.float32]] = []
    similarities: list[NDArray[np.float32]] = []
    for fill in (Fill("normal"), Fill("mean"), Fill("blur")):
        hiding = Hiding("test", fill, SAMPLE)
        both = (each_measured(one, pairs, hiding, seed) for one in (exact, quick))
        for a, b in zip(*both, strict=True):
            cosines.append(cosine_similarity(a.embeddings, b.embeddings))
            similarities.append(
                a.change.similarities(a.embeddings) - b.change.similarities(b.embeddings)
            )
    each = np.concatenate(cosines)
    return {
        "images": len(each),
        "mean cosine": float(each.mean()),
        "least cosine": float(each.min()),
        "largest difference of a similarity": float(np.abs(np.concatenate(similarities)).max()),
    }


def confirmed(screened: Scores, again: Scores, names: Sequence[str]) -> Mapping[str, Any]:
    """Compare the scores of some methods with those of fewer pairs, measured again in float32."""
    apart = {
        name: np.subtract(again[name], screened[name][: len(again[name])])
        for name in names
        if name in again
    }
    pairs = max((len(one) for one in apart.values()), default=0)
    return {
        "pairs": pairs,
        "methods": list(apart),
        "largest difference of a pair": max(float(np.abs(one).max()) for one in apart.values()),
        "largest difference of a mean": max(abs(float(one.mean())) for one in apart.values()),
    }
