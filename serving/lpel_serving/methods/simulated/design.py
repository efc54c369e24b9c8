"""The coalitions that explanations simulate: one fixed design for each number of steps and grid."""

from functools import lru_cache

from lpel_serving.equations.aumann_shapley import Design, diagonal_design


@lru_cache(maxsize=4)
def fixed_design(steps: int, superpixels: int) -> Design:
    """Return the design of some number of steps on the diagonal of K superpixels. Cached.

    It is a part of the method, as the weights of a quadrature are, so that simulations of a
    photograph can be kept, and its matrix can be written into a graph.

    Parameters
    ----------
    steps, superpixels
        See `lpel_serving.equations.aumann_shapley.diagonal_design`.
    """
    return diagonal_design(steps, superpixels)
