"""Reduces raw local features to fewer channels: standardised, principal components, whitened."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Floats
from lpel_tf.support.errors import TrainingDataError

_FAINT_CHANNEL = 1e-3
"""Least deviation of a channel, as a share of the mean one: a silent channel is not blown up."""
_FAINT_COMPONENT = 1e-6
"""Least variance of a component, as a share of the largest."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """``reduced = raw @ matrix + bias``: one for all superpixels.

    Attributes
    ----------
    matrix
        float32, shape (R, C).
    bias
        float32, shape (C,).
    """

    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def channels(self) -> int:
        """The number C of channels that are left."""
        return self.matrix.shape[1]

    @property
    def key(self) -> str:
        """A short name that no other reduction has."""
        return hashlib.sha256(self.matrix.tobytes() + self.bias.tobytes()).hexdigest()[:16]


def fit_reduction(raw: Iterable[Floats], channels: int) -> Reduction:
    """Find the reduction whose results are uncorrelated and of variance 1 over superpixels.

    Raw features are summed up as they come: they are never in memory together.

    Parameters
    ----------
    raw
        Batches of the training photographs' raw local features, shape (n, K, R).
    channels
        C; fewer are kept if the raw features have fewer directions.

    Raises
    ------
    TrainingDataError
        If there are none, or they are not finite or the same everywhere.
    """
    count, total, products = 0, np.zeros(0), np.zeros((0, 0))
    for batch in raw:
        rows = batch.reshape(-1, batch.shape[-1]).astype(np.float64)
        if not count:
            total, products = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
        count += len(rows)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    mean = total / max(count, 1)
    covariance = products / max(count, 1) - np.outer(mean, mean)
    if not count or not np.isfinite(covariance).all() or not np.diag(covariance).max() > 0:
        raise TrainingDataError(
            f"the local features of {count} superpixels are not finite, or the same everywhere; "
            "expected features that say something of the photographs: choose other layers."
        )
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
    deviation = np.maximum(deviation, _FAINT_CHANNEL * deviation.mean())
    variance, axes = np.linalg.eigh(covariance / np.outer(deviation, deviation))
    kept = np.flatnonzero(variance > _FAINT_COMPONENT * variance[-1])[::-1][:channels]
    matrix = axes[:, kept] / np.sqrt(variance[kept]) / deviation[:, np.newaxis]
    return Reduction(matrix.astype(np.float32), (-mean @ matrix).astype(np.float32))
