"""Folds of pairs for cross-validation, stratified by kind of pair."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError


def check_folds(same: NDArray[np.bool_], folds: int) -> None:
    """Raise `ParameterError` if there are fewer pairs of either kind than folds."""
    if min(np.count_nonzero(same), np.count_nonzero(~same)) < folds:
        raise ParameterError(
            f"{folds} folds need at least {folds} pairs that show the same and as many that do "
            f"not; received {np.count_nonzero(same)} and {np.count_nonzero(~same)}."
        )


def deal_folds(same: NDArray[np.bool_], folds: int) -> NDArray[np.int64]:
    """Give each pair the number of its fold, from 0, shape (N,)."""
    fold = np.empty(len(same), np.int64)
    for kind in (same, ~same):
        fold[kind] = np.arange(np.count_nonzero(kind)) % folds
    return fold
