"""Maps fitted to measured coalitions of the fill that is asked about: the yardstick.

No additive map that is made of less is likely to know more of a pair.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lpel_serving.equations.attribution import fit_responses
from lpel_serving.methods.decoded.responses import evidence
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap
from lpel_serving.support.progress import Progress, silent
from lpel_tf.research.measures.correlation.effects import (
    Hiding,
    MeasuredCoalitions,
    each_measured,
)

COALITIONS = 256
"""What is measured of each image, as the method ``coalitions`` does."""


def measured_maps(
    networks: Networks,
    pairs: Sequence[FacePair],
    hiding: Hiding,
    rng: np.random.Generator,
    *,
    count: int = COALITIONS,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> dict[str, list[SignedMap]]:
    """Measure other coalitions of each pair, and fit maps to them.

    Parameters
    ----------
    networks
        The embedder.
    pairs
        Read one by one.
    hiding
        What is replaced by what; its count is not used.
    rng
        The source of randomness; not the one of the effects that the maps are to predict.
    count
        Coalitions.
    batch_size
        Images in one inference.
    progress
        Receives progress after each pair.

    Returns
    -------
    dict[str, list[NDArray[np.float32]]]
        A map for each pair, shape (side, side). ``coalitions N``: as the method of that name has
        it, by attribution vectors. For the kind ``both`` also ``coalitions N, of the similarity``:
        fitted to the similarity itself, which knows what both images lose together; for the other
        kinds the two are the same.
    """
    seed = int(rng.integers(2**62))
    asked = replace(hiding, count=count)
    found: dict[str, list[SignedMap]] = {}
    with progress(f"yardstick ({hiding.kind}, {hiding.fill_name})", len(pairs)) as advance:
        for one in each_measured(networks, pairs, asked, seed, batch_size=batch_size):
            direct = _of_similarity(one)
            maps = {f"coalitions {count}": direct}
            if hiding.kind == "both":
                maps = {
                    f"coalitions {count}": _of_vectors(one),
                    f"coalitions {count}, of the similarity": direct,
                }
            for name, values in maps.items():
                found.setdefault(name, []).append(values)
            advance(1)
    return found


def _of_similarity(one: MeasuredCoalitions) -> SignedMap:
    effects = one.effects.astype(np.float32)[:, np.newaxis]
    values = fit_responses(one.coalitions, effects)[:, 0]
    side = round(len(values) ** 0.5)
    return values.reshape(side, side)


def _of_vectors(one: MeasuredCoalitions) -> SignedMap:
    comparison = one.change.comparison
    scale = comparison.scale
    of_test = scale(one.pair.h_t) - scale(one.embeddings[::2])
    of_reference = scale(one.pair.h_r) - scale(one.embeddings[1::2])
    fitted = (fit_responses(one.coalitions, losses) for losses in (of_test, of_reference))
    return evidence(one.pair, comparison, *fitted)
