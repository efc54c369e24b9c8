"""Explaining a pair both ways by any method."""

import numpy as np

from lpel_serving.equations.decision import Decision
from lpel_serving.equations.mask import DEFAULT_EPSILON, mask
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.explanation import (
    Explanation,
    PairExplanation,
    explain_both_ways,
    put_together,
)
from lpel_serving.methods.lpel import Lpel
from lpel_serving.methods.method import FacePair, Method, Networks, is_control
from lpel_serving.support.arrays import Floats, Pixels


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
        Any explanation method; LPEL's explanations tell their steps too.
    networks
        What it asks.
    crops
        Reference and test, uint8, shape (S, S, 3).
    embeddings
        Theirs, float32, shape (2, D).
    decision
        The network's.
    epsilon
        Threshold of the mask (Eq. 4.7), on the map scaled to [0, 1].
    seed
        Of the method's randomness; both ways the same.

    Raises
    ------
    EmbeddingError
        If the map is not finite.
    ParameterError
        If the method cannot explain such a pair.
    """
    if isinstance(method, Lpel):
        return explain_both_ways(
            networks.decode, crops, embeddings, decision, p=method.p, epsilon=epsilon
        )
    pair = FacePair(*crops, embeddings[0], embeddings[1], decision.similar)

    def explain(one: FacePair, reconstruction: Floats) -> Explanation:
        values = checked_map(method, one, networks, np.random.default_rng(seed))
        return Explanation(reconstruction, values, mask(values, epsilon))

    of_reference, of_test = networks.decode(embeddings)
    forward, swapped = explain(pair, of_test), explain(pair.swapped, of_reference)
    return put_together(crops, embeddings, decision, forward, swapped, control=is_control(method))
