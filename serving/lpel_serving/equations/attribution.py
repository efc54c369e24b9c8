"""Attribution vectors (responses), one per superpixel, which explain an image against any other.

A superpixel's attribution vector, its response, is its share of what the unit embedding loses when
superpixels are hidden: see `lpel_serving.methods.measured.embedding_losses`. A response decoder
predicts it from the embedding alone (an amortised explainer), as the decoder of Eq. 4.1 predicts
the pixels; fitting it to measured coalitions is more accurate.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.summation import fixed_dot
from lpel_serving.support.arrays import Coalitions, Floats
from lpel_serving.support.errors import EmbeddingError, ParameterError

SMOOTHNESS = 0.7
"""Length scale of the prior, the standard deviation of a Gaussian kernel: superpixels nearer than
about this have similar attribution vectors."""
RIDGE = 0.5
"""Noise variance: the unexplained variance of a loss, relative to the mean prior variance."""

_LEAST, _MOST = 1e-9, 1e12


def fit_responses(
    coalitions: Coalitions,
    losses: Floats,
    prior: Floats | None = None,
    *,
    ridge: float = RIDGE,
    smoothness: float = SMOOTHNESS,
) -> Floats:
    """Make an additive fit: attribute each coalition's loss to its members.

    Weighted least squares on ``loss - sum of the members' responses`` (larger coalitions weigh
    less), with a Gaussian process on the grid as the prior, whose mean is `prior`. It dominates
    when there are few coalitions.

    Parameters
    ----------
    coalitions
        Which superpixels were replaced, shape (N, K), K a square.
    losses
        What the unit embedding lost, shape (N, D): see
        `lpel_serving.methods.measured.embedding_losses.embedding_losses`.
    prior
        Mean of the prior, shape (K, D), such as a response decoder's prediction; 0 when None.
    ridge
        Noise variance of the losses, relative to the mean prior variance, from 1e-9 to 1e12.
    smoothness
        Length scale of the prior's kernel, in superpixels, from 0.1 to 100; or 0 for independent
        superpixels.

    Returns
    -------
    NDArray[np.float32]
        Shape (K, D).

    Raises
    ------
    ParameterError
        If the shapes do not fit each other, or `ridge` or `smoothness` is out of range.
    EmbeddingError
        If a loss is not finite.
    """
    _check(coalitions, losses, prior, ridge, smoothness)
    superpixels = coalitions.shape[1]
    weight = 1 / np.sqrt(np.maximum(coalitions.sum(axis=1, keepdims=True), 1))
    members = coalitions * weight
    nothing = np.zeros((superpixels, losses.shape[1]), np.float32)
    expected = nothing if prior is None else prior
    rest = losses * weight - members @ expected
    # In the dual form the kernel, which is all but singular when smooth, is never inverted.
    kernel = spatial_kernel(superpixels, smoothness)
    gram = members @ kernel @ members.T
    mean = np.trace(gram) / max(1, len(gram))
    system = gram + ridge * max(mean, np.finfo(np.float64).tiny) * np.eye(len(gram))
    solved = cast("NDArray[np.float64]", np.linalg.solve(system, rest))
    correction = kernel @ members.T @ solved
    return expected + correction.astype(np.float32)


def spatial_kernel(superpixels: int, smoothness: float) -> NDArray[np.float64]:
    """Prior covariance of the superpixels' attribution vectors on a square grid, shape (K, K)."""
    if smoothness == 0:
        return np.eye(superpixels)
    row, column = np.divmod(np.arange(superpixels), round(superpixels**0.5))
    place = np.stack([row, column], axis=1).astype(np.float64)
    squared = np.square(place[:, np.newaxis] - place).sum(axis=-1)
    return np.exp(-squared / (2 * smoothness**2), dtype=np.float64)


def evidence_for_likeness(responses: Floats, h_r: Floats) -> Floats:
    """Fall of the cosine to a reference when a superpixel of the test is hidden, shape (K,).

    Parameters
    ----------
    responses
        Of the test, shape (K, D).
    h_r
        Unit embedding of the reference, shape (D,), or of several, shape (R, D), to (R, K).
    """
    return fixed_dot(responses, h_r[..., np.newaxis, :])


def evidence_for_difference(
    responses_t: Floats, responses_r: Floats, h_t: Floats, h_r: Floats
) -> Floats:
    """Half the fall of the squared distance when a superpixel is hidden in both, shape (K,).

    To first order: hiding it takes the test's embedding to ``h_t - R_t`` and the reference's to
    ``h_r - R_r``. The squared distance then falls by about twice ``(R_t - R_r) . (h_t - h_r)``.

    Parameters
    ----------
    responses_t, responses_r
        Of test and reference, shape (K, D).
    h_t, h_r
        Their unit embeddings, shape (D,).
    """
    return fixed_dot(responses_t - responses_r, (h_t - h_r)[..., np.newaxis, :])


def _check(
    coalitions: Coalitions, losses: Floats, prior: Floats | None, ridge: float, smoothness: float
) -> None:
    fits = coalitions.ndim == losses.ndim == 2 and len(coalitions) == len(losses)
    shape = (coalitions.shape[1], losses.shape[1]) if fits else (0, 0)
    square = shape[0] > 0 and round(shape[0] ** 0.5) ** 2 == shape[0]
    if not square or (prior is not None and prior.shape != shape):
        raise ParameterError(
            "expected coalitions of shape (N, K) on a square grid, losses (N, D) and a prior (K, "
            f"D); received {coalitions.shape}, {losses.shape} and "
            f"{None if prior is None else prior.shape}."
        )
    if not _LEAST <= ridge <= _MOST or not (smoothness == 0 or 0.1 <= smoothness <= 100):
        raise ParameterError(
            f"the ridge lies from {_LEAST:.0e} to {_MOST:.0e}, the smoothness from 0.1 to 100 "
            f"or is 0; received {ridge} and {smoothness}."
        )
    if not np.isfinite(losses).all() or (prior is not None and not np.isfinite(prior).all()):
        raise EmbeddingError("a loss or a response holds NaN or infinity: the network is broken.")
