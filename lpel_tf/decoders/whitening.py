"""Whitening of embeddings: coordinates in which a linear decoder trains fast.

FaceNet's embeddings have unit length and spread over a thousandfold range: about half of the
principal directions hold almost all of the variance, but much of the information about the image
lies in the rest. In the raw coordinates Adamax, whose steps are of one size, hardly moves along the
weak ones: after 60 epochs half of the way to the minimum is left
(`benchmarks/decoder_training.py`). After whitening all directions are alike, and the minimum is the
same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.image_shape import ImageShape
from lpel_tf.decoders.least_squares import LinearDecoder


@dataclass(frozen=True, eq=False)
class Whitening:
    """``z = (h - mean) @ scale``: uncorrelated features of one size.

    Attributes
    ----------
    mean
        float64, shape (D,).
    scale
        float64, shape (D, D); its columns are the principal directions, each divided by its
        standard deviation, noise included.
    noise_share
        float64, shape (D,): the share of each direction's variance that is noise, in [0, 1].
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    noise_share: NDArray[np.float64]

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Whiten embeddings, shape (N, D)."""
        return ((embeddings.astype(np.float64) - self.mean) @ self.scale).astype(np.float32)

    def fold(
        self, kernel: NDArray[np.float32], bias: NDArray[np.float32], shape: ImageShape
    ) -> LinearDecoder:
        """Turn a dense layer on whitened features into a decoder of raw embeddings to images."""
        raw = self.scale @ kernel.astype(np.float64)
        moved = bias.astype(np.float64) - self.mean @ raw
        return LinearDecoder(raw.astype(np.float32), moved.astype(np.float32), shape)

    def unfold(self, decoder: LinearDecoder) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Turn a decoder of raw embeddings into kernel and bias on whitened features."""
        raw = decoder.kernel.astype(np.float64)
        kernel = np.linalg.pinv(self.scale) @ raw
        bias = decoder.bias.astype(np.float64) + self.mean @ raw
        return kernel.astype(np.float32), bias.astype(np.float32)


def whitening(embeddings: NDArray[np.float32], noise: float) -> Whitening:
    """Find the coordinates in which embeddings with noise have the identity as covariance.

    Parameters
    ----------
    embeddings
        float32, shape (N, D).
    noise
        Standard deviation of the noise on every feature. Directions without any spread are left
        out when it is 0.
    """
    h = embeddings.astype(np.float64)
    mean = h.mean(axis=0)
    variance, directions = np.linalg.eigh(np.cov(h - mean, rowvar=False, bias=True))
    variance = np.maximum(variance, 0)
    total = variance + noise**2
    alive = total > np.finfo(np.float32).eps ** 2 * total.max()
    deviation = np.sqrt(np.where(alive, total, np.inf))
    return Whitening(mean, directions / deviation, np.where(alive, noise**2 / deviation**2, 0))


def no_whitening(dimension: int, length: float = 1.0) -> Whitening:
    """Leave embeddings as they are, as the thesis does, but for a typical length that is not 1.

    The steps of Adamax are of one size: they would crawl or leap along embeddings that are not as
    long as FaceNet's.
    """
    return Whitening(np.zeros(dimension), np.eye(dimension) / length, np.zeros(dimension))
