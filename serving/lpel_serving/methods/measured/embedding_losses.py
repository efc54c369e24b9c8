"""Coalitions: the change of an embedding when several superpixels are hidden together.

Occluding one superpixel at a time misses interactions: with one square hidden, a face is still
recognisable. So random sets of superpixels (coalitions) are hidden, and the loss of the embedding
is attributed to their members by least squares, as in KernelSHAP (Lundberg and Lee 2017): each gets
a vector, its *response*. For unit embeddings the similarity to a reference falls by the dot product
of the loss with the reference's embedding, so that the responses of one image explain it against
every other image at once.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.fill import Fill
from lpel_serving.methods.measured.replacement import replace_superpixels
from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.support.arrays import Coalitions, Floats, Pixels
from lpel_serving.support.errors import ParameterError

LARGEST = 3 / 8
"""Share of the superpixels in the largest coalition: with more hidden, little of a face is left."""


def draw_coalitions(
    rng: np.random.Generator, count: int, superpixels: int, largest: float = LARGEST
) -> Coalitions:
    """Draw coalitions: sizes uniform from 1 to the largest, members uniform.

    Parameters
    ----------
    rng
        The source of randomness: with one seed, n coalitions are the first n of any larger number.
    count
        N.
    superpixels
        K.
    largest
        Share of the superpixels in the largest coalition, in (0, 1].

    Raises
    ------
    ParameterError
        If there would be no coalitions or no superpixels, or `largest` is out of range.
    """
    if count < 1 or superpixels < 1 or not 0 < largest <= 1:
        raise ParameterError(
            "coalitions are 1 or more, of 1 superpixel or more, the largest a share in (0, 1]; "
            f"received {count} coalitions of {superpixels} superpixels and a share of {largest}."
        )
    most = max(1, round(superpixels * largest))
    chosen = np.zeros((count, superpixels), np.bool_)
    for row in chosen:
        row[rng.permutation(superpixels)[: rng.integers(1, most + 1)]] = True
    return chosen


def coalition_images(
    image: Pixels, coalitions: Coalitions, fills: Sequence[Fill], rng: np.random.Generator
) -> Iterator[Pixels]:
    """Yield the image with the superpixels of each coalition replaced.

    Parameters
    ----------
    image
        uint8, shape (H, W, C).
    coalitions
        Shape (N, K).
    fills
        What superpixels are replaced by; if there are several, one is chosen at random for each
        coalition.
    rng
        The source of randomness.

    Yields
    ------
    NDArray[np.uint8]
        Shape (S, S, 3).

    Raises
    ------
    ParameterError
        If there are no coalitions on a square grid, or no fills.
    """
    square = coalitions.ndim == 2 and round(coalitions.shape[1] ** 0.5) ** 2 == coalitions.shape[1]
    if not square or not coalitions.size or not fills:
        raise ParameterError(
            "expected coalitions of shape (N, K), N at least 1 and K a square, and at least one "
            f"fill; received {coalitions.shape} and {len(fills)} fills."
        )
    new: list[Pixels] = [fill(image, rng) for fill in fills]
    drawn: list[int] = rng.integers(0, len(new), len(coalitions)).tolist()
    for chosen, i in zip(coalitions, drawn, strict=True):
        yield replace_superpixels(image, new[i], chosen)


def embedding_losses(
    embed: Callable[[NDArray[np.uint8]], Floats],
    comparison: Comparison,
    image: Pixels,
    h: Floats,
    coalitions: Coalitions,
    fills: Sequence[Fill],
    rng: np.random.Generator,
) -> Floats:
    """Measure the loss of an image's scaled embedding for each coalition.

    Parameters
    ----------
    embed, comparison
        ``f``, and how its embeddings are compared.
    image
        uint8, shape (H, W, C).
    h
        Its embedding, shape (D,).
    coalitions, fills, rng
        See `coalition_images`.

    Returns
    -------
    NDArray[np.float32]
        ``h/|h| - f(x')/|f(x')|``, shape (N, D), where cosines are compared; otherwise
        ``h - f(x')``, divided by the spread.

    Raises
    ------
    EmbeddingError
        If an embedding is not finite.
    """
    images = coalition_images(image, coalitions, fills, rng)
    ((_, embeddings),) = embed_jobs(embed, [EmbeddingJob(None, images, len(coalitions))])
    return comparison.scale(h) - comparison.scale(embeddings)
