"""FGGB: feature-guided gradient backpropagation (arXiv 2403.04549)."""

from dataclasses import dataclass, field

import numpy as np

from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_serving.support.extras import require
from lpel_tf.research.gradients.differentiable import Differentiable

_PAPER_SIZE, _PAPER_SIGMA, _PAPER_RADIUS = 112, 5, 12


@dataclass(frozen=True, eq=False)
class Fggb:
    """Each feature's own gradient map, weighed by how far it argues for a match.

    It costs as many backward passes as the embedding has features. To explain one image in the
    light of several others, call `gradient_maps` once and `feature_guided_map` for each.

    Attributes
    ----------
    differentiable
        The network.
    theta
        The threshold of equal error rates on the cosine, in [-1, 1].
    """

    differentiable: Differentiable = field(repr=False)
    theta: float

    def __post_init__(self) -> None:
        check_theta(self.theta)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (S, S)."""
        del networks, rng
        maps = gradient_maps(self.differentiable, pair.test)
        values = feature_guided_map(maps, pair.h_r, pair.h_t, self.theta)
        return values if pair.similar else -values


def gradient_maps(differentiable: Differentiable, test: Pixels) -> Floats:
    """Compute G: where each feature of an image's embedding is steep.

    Parameters
    ----------
    differentiable
        The network; its chunk bounds the memory.
    test
        The image, uint8, shape (S, S, 3).

    Returns
    -------
    NDArray[np.float32]
        Shape (D, S, S): for feature k the channel-mean of ``|d e_k / dx|`` divided by its
        Euclidean norm, or zeros if that is 0.

    Raises
    ------
    ImageError
        If the image is of another kind.
    """
    dimension, step = differentiable.dimension, differentiable.chunk
    maps = np.zeros((dimension, *differentiable.shape[:2]), np.float32)
    features = np.eye(dimension, dtype=np.float32)
    # Channels are averaged part by part: all gradients together would be three times G.
    for start in range(0, dimension, step):
        gradients = differentiable.gradients(test, features[start : start + step])
        maps[start : start + step] = np.abs(gradients).mean(axis=-1)
    norms = np.linalg.norm(maps, axis=(1, 2), keepdims=True)
    return np.divide(maps, norms, out=np.zeros_like(maps), where=norms > 0)


def feature_guided_map(maps: Floats, h_r: Floats, h_t: Floats, theta: float) -> SignedMap:
    """Compute ``S = sum of G_k (e_r,k e_t,k - theta / D)``, blurred.

    The paper shows ``max(S, 0)`` for a similar pair and ``max(-S, 0)`` for a dissimilar one.

    Parameters
    ----------
    maps
        G of the test image, float32, shape (D, S, S): see `gradient_maps`.
    h_r, h_t
        The embeddings, float32, shape (D,); they need not be of unit length.
    theta
        The threshold on the cosine, in [-1, 1], of which each feature bears its share.

    Returns
    -------
    NDArray[np.float32]
        Shape (S, S): positive where a pixel speaks for a match.

    Raises
    ------
    EmbeddingError
        If the embeddings have not as many features as there are maps.
    ParameterError
        If theta is no cosine.
    """
    check_theta(theta)
    if maps.ndim != 3 or not h_r.shape == h_t.shape == maps.shape[:1]:
        raise EmbeddingError(
            "expected maps, shape (D, S, S), and two embeddings, shape (D,); received "
            f"{maps.shape}, {h_r.shape} and {h_t.shape}: take all of them from one network."
        )
    guidance = unit(h_r) * unit(h_t) - theta / len(maps)
    return blur(np.tensordot(guidance.astype(np.float32), maps, axes=1))


def blur(values: SignedMap) -> SignedMap:
    """Blur a map, float32, shape (S, S), as fame does: 25 by 25, sigma 5, at 112 pixels.

    Other sizes are blurred in proportion; the border is mirrored.
    """
    ndimage = require("scipy.ndimage", "train")
    scale = len(values) / _PAPER_SIZE
    radius = max(1, round(_PAPER_RADIUS * scale))
    return ndimage.gaussian_filter(
        values, _PAPER_SIGMA * scale, mode="mirror", radius=radius, output=np.float32
    )


def check_theta(theta: float) -> None:
    """Refuse a threshold that is no cosine.

    Raises
    ------
    ParameterError
        If it lies outside [-1, 1].
    """
    if not -1 <= theta <= 1:
        raise ParameterError(
            "theta is the threshold on the cosine where both error rates are equal, in [-1, 1]; "
            f"received {theta}."
        )
