"""Divides the decision among the pixels of the two decoded pictures (LPEL, mended)."""

from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import FacePair, Need, Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import EmbeddingError, ParameterError

Kernel = NDArray[np.float64]
_LOWEST_SHARE = 0.01
"""A pixel that changes less than this share of the mean is taken to change so much."""
_VISIBLE, _FAINT, _LONGEST = 0.25, 2.0**-20, 2.0**40
"""A step moves some pixel by the first of its range, or little is left of it beside the image's own
rounding. What moves none by the second gives no measure of how far to go. None is longer than the
third."""
_EMPTY = 1e-12
"""Of the greatest squared gain: below it lies what float32 makes of a direction without one."""


@dataclass(frozen=True)
class LpelMended:
    """LPEL without its perturbation; the decoder's gains are evened out, so that it is the measure.

    LPEL's map is little but the decoder's response to directions in which no face differs from
    another: there the decoder's gains are hundreds of times those that matter. Here every
    direction has gain 1. What the decoder says of the two embeddings then multiplies to their
    cosine, and differs by their distance; each pixel's share of it is the map, with its sign.
    Nothing is trained and no image embedded.
    """

    title: ClassVar[str] = "Share of each decoded pixel"
    paper: ClassVar[str] = "docs/lpel-mended.md"
    needs: ClassVar[tuple[Need, ...]] = ("decoder",)
    signed: ClassVar[bool] = True
    one_file: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "Where such maps were measured, they beat chance, but did worse than the "
        "mere distance from the centre of the picture, which knows nothing of the pair."
    )

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (H, H).

        For a similar pair it sums to the cosine, for a dissimilar one to the squared distance of
        the unit embeddings, if the decoder tells all directions of the embedding apart.
        """
        del rng
        decoder = isometry(decoder_kernel(networks, len(pair.h_t)))
        h_t, h_r = unit(pair.h_t), unit(pair.h_r)
        g_t, g_r = (np.tensordot(h, decoder, axes=1) for h in (h_t, h_r))
        shares = g_t * g_r if pair.similar else np.square(g_t - g_r)
        return shares.sum(axis=-1).astype(np.float32)


def decoder_kernel(networks: Networks, dimension: int) -> Kernel:
    """Find what each feature adds to a reconstruction, shape (D, H, H, 3).

    A decoder that is not linear is taken for the linear one that agrees with it at the origin and
    one step away from it along each feature: of length 1, or longer, so that the reconstruction
    moves by about its own range, if the decoder is of embeddings that are longer.

    Raises
    ------
    EmbeddingError
        If the decoder gives no number, or ignores the embedding.
    """
    step = 1.0
    moved = _moved(networks, dimension, step)
    while (most := float(np.abs(moved).max())) < _VISIBLE and step < _LONGEST:
        # A power of two, by which floats are scaled without rounding.
        step *= 2.0 ** np.ceil(np.log2(1 / max(most, _FAINT)))
        moved = _moved(networks, dimension, step)
    if not most:
        raise EmbeddingError("the decoder gives one image for all embeddings: it is broken.")
    return moved / step


def _moved(networks: Networks, dimension: int, step: float) -> Kernel:
    """By how much a step along each feature moves the reconstruction, shape (D, H, H, 3)."""
    asked: Floats = np.eye(dimension + 1, dimension, -1, dtype=np.float32) * np.float32(step)
    images = networks.decode(asked).astype(np.float64)
    if not np.isfinite(images).all():
        raise EmbeddingError("the decoder gives NaN or infinity: it is broken.")
    return images[1:] - images[0]


def isometry(kernel: Kernel) -> Kernel:
    """Make a linear decoder of detail that keeps lengths and angles.

    First each pixel is divided by the square of what it typically changes, as if that were the
    variance of noise: the background, where embeddings say least, changes most. Then differences
    of neighbours replace pixels, since lighting is smooth and no matter of identity. Last comes
    the nearest kernel whose directions all have gain 1 and stay apart, its polar factor.

    Parameters
    ----------
    kernel
        Shape (D, H, W, C), H and W at least 2.

    Returns
    -------
    NDArray[np.float64]
        Shape (D, H, W, 2 C): differences down and across. As a matrix of D rows these are
        orthonormal, but for directions that the kernel lacks, which it lacks too.

    Raises
    ------
    ParameterError
        If there are no neighbours to differ.
    """
    if min(kernel.shape[1:3]) < 2:
        raise ParameterError(
            "the mended method compares neighbouring pixels: the decoder's images must have two "
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
