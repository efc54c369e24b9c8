"""Min-max normalisation of feature distances and heat-maps (Eq. 4.3)."""

import numpy as np
from numpy.typing import NDArray


def min_max(values: NDArray[np.float32], axes: tuple[int, ...]) -> NDArray[np.float32]:
    """Scale to [0, 1] over the given axes, Eq. 4.3.

    Where all the values are equal the quotient of Eq. 4.3 is undefined: the result is 0.

    Parameters
    ----------
    values
        float32, any shape; each slice along `axes` is scaled by itself.
    axes
        The axes that one minimum and one maximum are taken over.
    """
    low = values.min(axis=axes, keepdims=True)
    span = values.max(axis=axes, keepdims=True) - low
    return np.divide(values - low, span, out=np.zeros_like(values), where=span > 0)
