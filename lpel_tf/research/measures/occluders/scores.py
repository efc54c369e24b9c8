"""How far a map moves to an occluder: the share of what it explains by, and its ranks.

What explains why two faces differ is the positive part of a map of why they are dissimilar, or the
negative part of one of why they are similar.
"""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.agreement import mean_ranks
from lpel_serving.support.arrays import SignedMap
from lpel_tf.research.measures.mixtures import enlarge

Covered = NDArray[np.bool_]


def why_different(values: SignedMap, size: int, *, similar: bool) -> NDArray[np.float64]:
    """What speaks for a difference, at each pixel of an image, shape (size, size), signed.

    Parameters
    ----------
    values
        A map.
    size
        Side of the image.
    similar
        The decision that the map explains.
    """
    enlarged = enlarge(values, size)
    return -enlarged if similar else enlarged


def covered_share(different: NDArray[np.float64], covered: Covered) -> float:
    """The share of what speaks for a difference that lies in the occluder, in [0, 1].

    Best 1, worst 0. A map in which nothing does knows no place: it has the occluder's share of the
    image, as a constant map has, and a random one in the mean.
    """
    mass = np.maximum(different, 0)
    total = float(mass.sum())
    return float(mass[covered].sum()) / total if total else float(covered.mean())


def covered_rank(different: NDArray[np.float64], covered: Covered) -> float:
    """How often a pixel of the occluder has a higher value than one outside it, in [0, 1].

    Best 1, worst 0, by chance 1/2; a tie counts as half (the area under the ROC curve). It asks
    for an order alone, so that maps without a sign can be scored.
    """
    ranks = mean_ranks(different.ravel())
    inside = covered.ravel()
    n, m = int(inside.sum()), int((~inside).sum())
    if not n or not m:
        return 0.5
    return float((ranks[inside].sum() - n * (n + 1) / 2) / (n * m))
