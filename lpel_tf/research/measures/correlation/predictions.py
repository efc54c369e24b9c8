"""What a method predicts of coalitions: by itself if it can, else by the sum of its map."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.superpixels import superpixel_sums
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.method import FacePair, Method, capability
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Coalitions
from lpel_serving.support.errors import EmbeddingError
from lpel_tf.research.measures.correlation.effects import Effects, Hiding


def predicted_effects(
    method: Method,
    networks: Networks,
    pairs: Sequence[FacePair],
    effects: Effects,
    hiding: Hiding,
    seed: int,
    *,
    ahead: int = 0,
) -> NDArray[np.float64]:
    """Ask a method what each pair's coalitions take from the decision, shape (pairs, M).

    Parameters
    ----------
    method
        One that predicts coalitions (`lpel_serving.methods.predicts.PredictsCoalitions`), or any
        other, whose map is taken to be additive.
    networks
        What it runs.
    pairs, effects, hiding
        See `measure_effects`.
    seed
        Of the method's randomness.
    ahead
        Which pair it is asked about in place of each: with 1 the next one, as a control, the first
        one in place of the last.

    Raises
    ------
    EmbeddingError
        If a prediction is not finite or has another shape.
    """
    n = len(pairs)
    return np.stack(
        [
            _of_one(
                method,
                networks,
                pairs[(i + ahead) % n],
                effects.coalitions[i],
                hiding,
                np.random.default_rng((seed, (i + ahead) % n)),
            )
            for i in range(n)
        ]
    )


def _of_one(
    method: Method,
    networks: Networks,
    pair: FacePair,
    coalitions: Coalitions,
    hiding: Hiding,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    predict = capability(method, "predict")
    if predict is None:
        values = checked_map(method, pair, networks, rng)
        return coalitions @ superpixel_sums(values, hiding.side)
    predicted = np.asarray(
        predict(pair, networks, coalitions, hiding.kind, hiding.fill_name, rng), np.float64
    )
    if predicted.shape != (len(coalitions),) or not np.isfinite(predicted).all():
        raise EmbeddingError(
            f"expected a finite prediction for each of {len(coalitions)} coalitions; received "
            f"shape {predicted.shape} from {type(method).__name__}."
        )
    return predicted
