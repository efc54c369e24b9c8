"""CorrRISE: hides random squares often, marks what the similarity depends on (Lu et al. 2024)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.agreement import mean_ranks
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_serving.support.errors import ParameterError

DEFAULT_MASKS, DEFAULT_SQUARES, DEFAULT_SIZE = 500, 3, 30 / 112
_AT_ONCE = 64
"""Masks rasterised at a time: all 500 would take 100 MB."""


@dataclass(frozen=True, eq=False)
class Masks:
    """Masks of ones with zero squares, for images of any size.

    Attributes
    ----------
    places
        Top and left of each square, as a share of the positions at which it lies inside the image:
        float64, shape (N, K, 2), in [0, 1).
    size
        Side of a square, as a share of the image's shorter side.
    """

    places: NDArray[np.float64]
    size: float

    def __len__(self) -> int:
        return len(self.places)

    def first(self, count: int) -> "Masks":
        """Return the first masks, which equal those of drawing only `count`.

        Raises
        ------
        ParameterError
            If there are fewer, or `count` is below 1.
        """
        if not 1 <= count <= len(self):
            raise ParameterError(
                f"expected to take between 1 and {len(self)} masks, received {count}: draw more."
            )
        return Masks(self.places[:count], self.size)

    def side(self, shape: tuple[int, int]) -> int:
        """Side of a square on an image of some height and width, in pixels, at least 1."""
        return max(1, int(self.size * min(shape) + 0.5))

    def corners(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Top and left of each square on such an image, in pixels, shape (N, K, 2)."""
        return np.floor(self.places * (np.array(shape) - self.side(shape) + 1)).astype(np.int64)

    def holes(self, shape: tuple[int, int]) -> Iterator[NDArray[np.float64]]:
        """Yield the masks' holes in blocks: shape (n, H, W), 1 where a mask is 0, else 0."""
        corners, side = self.corners(shape), self.side(shape)
        for start in range(0, len(corners), _AT_ONCE):
            part = corners[start : start + _AT_ONCE]
            holes = np.zeros((len(part), *shape))
            for hole, squares in zip(holes, part.tolist(), strict=True):
                for top, left in squares:
                    hole[top : top + side, left : left + side] = 1
            yield holes


def draw_masks(
    rng: np.random.Generator,
    count: int = DEFAULT_MASKS,
    squares: int = DEFAULT_SQUARES,
    size: float = DEFAULT_SIZE,
) -> Masks:
    """Draw masks whose squares lie wholly inside the image, anywhere with equal probability.

    Parameters
    ----------
    rng
        The source of randomness.
    count
        N, the number of masks.
    squares
        K, the number of squares in each mask; they may overlap.
    size
        Side of a square, as a share of the image's shorter side, in (0, 1].

    Raises
    ------
    ParameterError
        If there would be fewer than 2 masks or 1 square, or the size is out of its range.
    """
    _check(count, squares, size)
    return Masks(rng.random((count, squares, 2)), size)


def masked_embeddings(
    networks: Networks, image: Pixels, masks: Masks, batch_size: int = DEFAULT_BATCH
) -> Floats:
    """Embed an image under each mask; the result does not depend on the reference.

    Parameters
    ----------
    networks
        The networks, whose embedder embeds N images.
    image
        uint8, shape (H, W, C).
    masks
        N of them.
    batch_size
        Images in one inference; no more are in memory at a time.

    Returns
    -------
    NDArray[np.float32]
        Shape (N, D).
    """
    job = EmbeddingJob(None, _masked(image, masks), len(masks))
    ((_, embeddings),) = embed_jobs(networks.embed, [job], batch_size=batch_size)
    return embeddings


def correlation_map(
    masks: Masks, similarities: Floats, shape: tuple[int, int], *, ranked: bool = False
) -> SignedMap:
    """Correlate each pixel of the masks with the similarities, over the masks.

    Parameters
    ----------
    masks
        N of them.
    similarities
        Of the image under each mask and a reference, shape (N,); or (R, N) for R references,
        which takes little longer than one.
    shape
        Height and width of the image.
    ranked
        Whether to correlate the ranks of the similarities; ties get the mean rank.

    Returns
    -------
    NDArray[np.float32]
        Shape (H, W), or (R, H, W), in [-1, 1]: positive where seeing a pixel makes the images more
        alike. 0 where the correlation is undefined: a pixel that all masks hide, or none does, or
        similarities that are all equal.

    Raises
    ------
    ParameterError
        If there are not as many similarities as masks.
    """
    count = len(masks)
    if similarities.ndim < 1 or similarities.shape[-1] != count:
        raise ParameterError(
            f"expected similarities of shape (..., {count}), one for each mask, received "
            f"{similarities.shape}: take the first masks, or embed the image under all."
        )
    rows = similarities.reshape(-1, count).astype(np.float64)
    centred = _centred(np.stack([mean_ranks(row) for row in rows]) if ranked else rows)
    weights = np.concatenate([np.ones((1, count)), centred])
    sums, start = np.zeros((len(weights), shape[0] * shape[1])), 0
    for holes in masks.holes(shape):
        stop = start + len(holes)
        sums += weights[:, start:stop] @ holes.reshape(len(holes), -1)
        start = stop
    hidden, moved = sums[0] / count, -sums[1:] / count
    spread = np.sqrt(np.square(centred).mean(axis=1, keepdims=True) * hidden * (1 - hidden))
    values = np.divide(moved, spread, out=np.zeros_like(moved), where=spread > 0)
    return np.clip(values, -1, 1).reshape(*similarities.shape[:-1], *shape).astype(np.float32)


@dataclass(frozen=True)
class CorrRise:
    """CorrRISE of Lu, Xu and Ebrahimi (WACV 2024, arXiv 2305.08546); needs only the embedder.

    The masks are drawn from `rng`: equal generators give equal masks for every pair.
    """

    title: ClassVar[str] = "Hiding random squares"
    paper: ClassVar[str] = (
        "Lu et al. 2024, Towards visual saliency explanations of face verification (CorrRISE). "
        "WACV, arXiv 2305.08546"
    )
    needs: ClassVar[tuple[Need, ...]] = ("images",)
    signed: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "Where CorrRISE's maps were measured, they mostly did worse than the mere "
        "distance from the centre of the picture; for dissimilar pairs, when both pictures lost "
        "parts, they did worse than chance."
    )
    elsewhere: ClassVar[str] = ""
    masks: Annotated[int, Range("Masks, each of which costs an embedding.", 2, served=4096)] = (
        DEFAULT_MASKS
    )
    squares: Annotated[int, Range("Squares that each mask hides.", 1, served=64)] = DEFAULT_SQUARES
    size: Annotated[
        float,
        Range("Side of a square as a share of the image's; 30 of 112 in the paper.", None, 1, 0),
    ] = DEFAULT_SIZE
    ranked: Annotated[bool, Range("Spearman's correlation in place of Pearson's.")] = False

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (H, W), in [-1, 1]."""
        masks = draw_masks(rng, self.masks, self.squares, self.size)
        embeddings = masked_embeddings(networks, pair.test, masks)
        shape = (pair.test.shape[0], pair.test.shape[1])
        similarities = networks.comparison.similarity(embeddings, pair.h_r)
        values = correlation_map(masks, similarities, shape, ranked=self.ranked)
        return values if pair.similar else -values


def _check(masks: int, squares: int, size: float) -> None:
    if masks < 2 or squares < 1 or not 0 < size <= 1:
        raise ParameterError(
            "CorrRISE correlates over at least 2 masks of at least 1 square, with sides above 0 "
            f"and at most 1 of the image's; received {masks} masks of {squares} squares with sides "
            f"of {size}: name others, or leave them out for the paper's 500, 3 and 30/112."
        )


def _masked(image: Pixels, masks: Masks) -> Iterator[Pixels]:
    shape = (image.shape[0], image.shape[1])
    side = masks.side(shape)
    for squares in masks.corners(shape).tolist():
        copy = image.copy()
        for top, left in squares:
            copy[top : top + side, left : left + side] = 0
        yield copy


def _centred(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract each row's mean; constant rows become exactly 0, without rounding errors."""
    constant = rows.max(axis=1, keepdims=True) == rows.min(axis=1, keepdims=True)
    return np.where(constant, 0.0, rows - rows.mean(axis=1, keepdims=True))
