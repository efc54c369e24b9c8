"""Divides the decision among the pixels of the two decoded pictures (LPEL, mended)."""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.similarity import unit
from lpel_serving.methods.by_cosine import check_by_cosine
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import EmbeddingError, ParameterError

Kernel = NDArray[np.float64]
_LOWEST_SHARE = 0.01
"""Lower bound of a pixel's change, as a share of the mean change."""
_VISIBLE, _FAINT, _LONGEST = 0.25, 2.0**-20, 2.0**40
"""Bounds of the finite-difference step. It grows until some pixel changes by at least `_VISIBLE`,
else rounding dominates; a smaller change than `_FAINT` counts as `_FAINT` when the next step is
chosen; no step exceeds `_LONGEST`."""
_EMPTY = 1e-12
"""Relative cut-off of squared gains: smaller ones are float32 rounding."""


@dataclass(frozen=True)
class LpelMended:
    """LPEL without its perturbation, with a decoder whose gain is 1 in every direction.

    LPEL's map shows mostly the decoder's response to directions in which faces hardly differ: its
    gains there are hundreds of times those in the directions that matter. Here every direction has
    gain 1. The dot product of the two decoded images is then the cosine of the embeddings, and the
    distance of the images that of the embeddings; the map is each pixel's signed share of it.
    Nothing is trained and no image embedded.
    """

    title: ClassVar[str] = "Share of each decoded pixel"
    paper: ClassVar[str] = "docs/lpel-mended.md"
    needs: ClassVar[tuple[Need, ...]] = ("decoder",)
    signed: ClassVar[bool] = True
    one_file: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "Where such maps were measured, they beat chance, but did worse than the "
        "mere distance from the centre of the picture, which does not depend on the pair."
    )
    elsewhere: ClassVar[str] = ""

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (H, H).

        For a similar pair it sums to the cosine, for a dissimilar one to the squared distance of
        the unit embeddings, if the decoder is injective on embeddings.
        """
        del rng
        check_by_cosine(networks, "lpel-mended")
        decoder = isometry(decoder_kernel(networks, len(pair.h_t)))
        h_t, h_r = unit(pair.h_t), unit(pair.h_r)
        g_t, g_r = (np.tensordot(h, decoder, axes=1) for h in (h_t, h_r))
        shares = g_t * g_r if pair.similar else np.square(g_t - g_r)
        return shares.sum(axis=-1).astype(np.float32)


def decoder_kernel(networks: Networks, dimension: int) -> Kernel:
    """Find the contribution of each feature to a reconstruction, shape (D, H, H, 3).

    A non-linear decoder is linearised by finite differences from the origin along each feature. The
    step has length 1, or is longer for decoders of longer embeddings, so that the reconstruction
    changes by about its own range.

    Raises
    ------
    EmbeddingError
        If the decoder gives NaN or infinity, or ignores the embedding.
    """
    step = 1.0
    moved = _moved(networks, dimension, step)
    while (most := float(np.abs(moved).max())) < _VISIBLE and step < _LONGEST:
        # A power of two, which scales floats without rounding.
        step *= 2.0 ** np.ceil(np.log2(1 / max(most, _FAINT)))
        moved = _moved(networks, dimension, step)
    if not most:
        raise EmbeddingError("the decoder gives one image for all embeddings: it is broken.")
    return moved / step


def _moved(networks: Networks, dimension: int, step: float) -> Kernel:
    """Compute the change of the reconstruction by a step along each feature, shape (D, H, H, 3)."""
    steps: Floats = np.eye(dimension + 1, dimension, -1, dtype=np.float32) * np.float32(step)
    images = networks.decode(steps).astype(np.float64)
    if not np.isfinite(images).all():
        raise EmbeddingError("the decoder gives NaN or infinity: it is broken.")
    return images[1:] - images[0]


def isometry(kernel: Kernel) -> Kernel:
    """Turn a linear decoder into one of image detail that preserves lengths and angles.

    First each pixel is divided by the square of its typical change, as if that were the variance of
    noise: the background, of which embeddings say least, changes most. Then differences of
    neighbours replace pixels, since lighting is smooth and independent of identity. Last comes the
    nearest kernel with orthonormal directions, its polar factor.

    Parameters
    ----------
    kernel
        Shape (D, H, W, C), H and W at least 2.

    Returns
    -------
    NDArray[np.float64]
        Shape (D, H, W, 2 C): differences down and across. As a matrix its D rows are orthonormal,
        except for directions in the kernel's null space, which stay zero.

    Raises
    ------
    ParameterError
        If the images have no neighbouring pixels.
    """
    if min(kernel.shape[1:3]) < 2:
        raise ParameterError(
            "lpel-mended compares neighbouring pixels: the decoder's images must have two "
            f"each way; received {kernel.shape[1]} by {kernel.shape[2]}."
        )
    power: Kernel = np.square(kernel).sum(axis=0)
    even: Kernel = kernel / np.maximum(power, _LOWEST_SHARE * power.mean())
    down = cast("Kernel", np.gradient(even, axis=1))
    across = cast("Kernel", np.gradient(even, axis=2))
    detail: Kernel = np.concatenate([down, across], axis=-1)
    rows = detail.reshape(len(detail), -1)
    squared_gains, directions = np.linalg.eigh(rows @ rows.T)
    kept = squared_gains > _EMPTY * max(squared_gains.max(), np.finfo(np.float64).tiny)
    scale = np.zeros_like(squared_gains)
    scale[kept] = squared_gains[kept] ** -0.5
    orthonormal: Kernel = (directions * scale) @ directions.T @ rows
    return orthonormal.reshape(detail.shape)
