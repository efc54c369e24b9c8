"""The optimal linear decoder in closed form, by least squares."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.image_shape import ImageShape
from lpel_tf.data.dataset import FaceSet


@dataclass(frozen=True, eq=False)
class LinearDecoder:
    """A dense decoder ``g(h) = h W + b``.

    Attributes
    ----------
    kernel
        W, float32, shape (D, H * W * C).
    bias
        b, float32, shape (H * W * C,).
    shape
        Of the reconstructions.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    shape: ImageShape

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reconstruct images, float32, shape (N, H, W, C), from embeddings, shape (N, D)."""
        return (embeddings @ self.kernel + self.bias).reshape(-1, *self.shape)


def solve(faces: FaceSet, noise: float) -> LinearDecoder:
    """Minimise the expected squared error, Eq. 4.1, when the embeddings carry noise.

    Independent noise of standard deviation `noise` on every feature adds ``N * noise**2`` to the
    diagonal of the normal equations; without noise this is ordinary least squares.

    Parameters
    ----------
    faces
        At least as many as the embeddings have features.
    noise
        At least 0.
    """
    h = faces.embeddings.astype(np.float64)
    x = faces.targets.reshape(len(faces), -1) / 255
    h_mean, x_mean = h.mean(axis=0), x.mean(axis=0)
    h, x = h - h_mean, x - x_mean
    normal = h.T @ h + len(faces) * noise**2 * np.eye(h.shape[1])
    kernel = cast("NDArray[np.float64]", np.linalg.pinv(normal, hermitian=True) @ (h.T @ x))
    bias = x_mean - h_mean @ kernel
    return LinearDecoder(kernel.astype(np.float32), bias.astype(np.float32), faces.target_shape)


def mean_face(faces: FaceSet) -> NDArray[np.float64]:
    """The constant decoder: the mean image, shape (H, W, C), in [0, 1]."""
    return faces.targets.mean(axis=0) / 255
