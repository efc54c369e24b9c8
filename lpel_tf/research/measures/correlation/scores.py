"""Correlation of predicted and measured effects within a pair, coalition size partialled out."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.correlation.effects import Effects

_NOTHING = 1e-6
"""Share of a prediction's deviation below which what is left of it counts as rounding."""


def correlations(effects: Effects, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlate within each pair, shape (pairs,).

    Parameters
    ----------
    effects
        As measured.
    predicted
        Of the same coalitions, shape (pairs, M).

    Returns
    -------
    NDArray[np.float64]
        In [-1, 1]: 1 where the prediction is the effect but for a factor above 0 and what depends
        on the size alone; 0 of a prediction that knows no more than the size.

    Raises
    ------
    ParameterError
        If the shapes differ.
    """
    if predicted.shape != effects.values.shape:
        raise ParameterError(
            f"expected predictions of shape {effects.values.shape}; received {predicted.shape}."
        )
    sizes = effects.coalitions.sum(axis=-1).astype(np.float64)
    each = zip(effects.values, predicted, sizes, strict=True)
    return np.array([partial_correlation(*one) for one in each])


def partial_correlation(
    first: NDArray[np.float64], second: NDArray[np.float64], given: NDArray[np.float64]
) -> float:
    """Pearson's correlation of what a linear function of a third leaves of two variables, (N,).

    0 where it leaves nothing of one of them.
    """
    a, b = _rest(first, given), _rest(second, given)
    norms = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(a @ b / norms, -1, 1)) if norms else 0.0


def _rest(values: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    centred, of = values - values.mean(), given - given.mean()
    squares = float(of @ of)
    rest = centred - (float(centred @ of) / squares if squares else 0.0) * of
    # Measured against the values themselves, since a constant leaves nothing but rounding.
    whole = float(np.linalg.norm(values))
    return rest if float(np.linalg.norm(rest)) > _NOTHING * whole else np.zeros_like(rest)
