"""The coalitions that explanations simulate: one fixed design for each number and grid."""

from functools import lru_cache

import numpy as np

from lpel_serving.equations.shapley import ShapleyDesign, shapley_design

_SEED = 20170512


@lru_cache(maxsize=16)
def fixed_design(count: int, superpixels: int) -> ShapleyDesign:
    """Return the design of some number of coalitions of K superpixels, always the same. Cached.

    It is a part of the method, as the weights of a quadrature are, so that simulations of a
    photograph can be kept, and its matrix can be written into a graph.

    Parameters
    ----------
    count, superpixels
        See `lpel_serving.equations.shapley.shapley_design`.
    """
    return shapley_design(np.random.default_rng(_SEED), count, superpixels)
