"""The optimal linear decoder in closed form, by least squares."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from lpel_tf.data.dataset import FaceSet


@dataclass(frozen=True, eq=False)
class LinearDecoder:
    """A dense decoder ``g(h) = h W + b``.

    Attributes
    ----------
    kernel
        W, float32, shape (D, H * H * 3).
    bias
        b, float32, shape (H * H * 3,).
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def image_size(self) -> int:
        """Side H of the reconstructions."""
        return round((self.bias.size / 3) ** 0.5)

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reconstruct images, float32, shape (N, H, H, 3), from embeddings, shape (N, D)."""
        side = self.image_size
        return (embeddings @ self.kernel + self.bias).reshape(-1, side, side, 3)


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
    return LinearDecoder(kernel.astype(np.float32), (x_mean - h_mean @ kernel).astype(np.float32))


def mean_face(faces: FaceSet) -> NDArray[np.float64]:
    """The constant decoder: the mean image, shape (H, H, 3), in [0, 1]."""
    return faces.targets.mean(axis=0) / 255
