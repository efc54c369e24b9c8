"""Reduces raw local features to fewer channels: standardised, principal components, whitened."""

import hashlib
from collections.abc import Iterable

import numpy as np

from lpel_export.local_features.second_output import Reduction, reduction
from lpel_serving.support.arrays import Floats
from lpel_tf.support.errors import TrainingDataError

_FAINT_CHANNEL = 1e-3
"""Least deviation of a channel, as a share of the mean one: a silent channel is not blown up."""
_FAINT_COMPONENT = 1e-6
"""Least variance of a component, as a share of the largest."""


def key_of(reduction: Reduction) -> str:
    """A short name that no other reduction has."""
    data = reduction.matrix.tobytes() + reduction.bias.tobytes()
    return hashlib.sha256(data).hexdigest()[:16]


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
    projection = axes[:, kept] / np.sqrt(variance[kept])
    parts = (mean, deviation, projection)
    return reduction(*(part.astype(np.float32) for part in parts))
