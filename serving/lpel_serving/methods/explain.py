"""Explains a decided pair by any method: adds decoded images, masks and agreement to both maps."""

import numpy as np

from lpel_serving.equations.decision import Decision
from lpel_serving.equations.mask import DEFAULT_EPSILON, mask
from lpel_serving.methods.both_ways import Steps, explain_both_ways
from lpel_serving.methods.explanation import (
    Explanation,
    LpelExplanation,
    PairExplanation,
    put_together,
)
from lpel_serving.methods.method import FacePair, Method, is_control
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels, SignedMap


def explain_by(
    method: Method,
    networks: Networks,
    crops: tuple[Pixels, Pixels],
    embeddings: Floats,
    decision: Decision,
    *,
    epsilon: float = DEFAULT_EPSILON,
    seed: int = 0,
) -> PairExplanation:
    """Explain the network's decision on one pair, then again with the roles exchanged.

    Parameters
    ----------
    method
        Any explanation method; LPEL's explanations contain its steps too.
    networks
        The networks that it runs.
    crops
        Reference and test, uint8, shape (S, S, 3).
    embeddings
        Their embeddings, float32, shape (2, D).
    decision
        The network's.
    epsilon
        Threshold of the mask (Eq. 4.7), on the map scaled to [0, 1].
    seed
        Seed of the method's randomness, the same both ways.

    Raises
    ------
    EmbeddingError
        If the method does not return a finite map.
    ParameterError
        If the method cannot explain such a pair.
    """
    pair = FacePair(*crops, embeddings[0], embeddings[1], decision.similar)
    found = explain_both_ways(method, pair, networks, np.random.default_rng(seed))
    if found.steps is None:
        of_reference, of_test = networks.decode(embeddings) if networks.decodes else (None, None)
        errors = found.errors or (None, None)
        images, maps = (of_test, of_reference), (found.forward, found.swapped)
        forward, swapped = (
            Explanation(image, values, mask(values, epsilon), errors=error)
            for image, values, error in zip(images, maps, errors, strict=True)
        )
    else:
        forward = _with_steps(found.forward, found.steps[0], epsilon)
        swapped = _with_steps(found.swapped, found.steps[1], epsilon)
    return put_together(crops, embeddings, decision, forward, swapped, control=is_control(method))


def _with_steps(values: SignedMap, steps: Steps, epsilon: float) -> LpelExplanation:
    return LpelExplanation(
        steps.reconstruction,
        values,
        mask(values, epsilon),
        steps.relevance,
        steps.perturbed_reconstruction,
    )
