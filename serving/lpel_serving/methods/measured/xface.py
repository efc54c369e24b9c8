"""xFace: hides patches of both pictures, measures the distance between them (Knoche 2023)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from lpel_serving.methods.by_cosine import check_by_cosine
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_serving.support.errors import ParameterError

Variant = Literal[1, 2, 3]
Wide = NDArray[np.float64]

DEFAULT_PATCHES, DEFAULT_STRIDE = (7, 14, 28), 5
_PAPER_SIDE, _BLUR_RADIUS, _BLUR_DEVIATION = 112, 2, 5
_ROUNDING = 1e-12  # smaller ranges are rounding, which scaling would amplify


@dataclass(frozen=True)
class Axis:
    """The positions of patches of one length along one side of an image.

    Attributes
    ----------
    side
        Of the image, in pixels.
    patch
        P, nominal length of a patch in pixels; what is hidden is one pixel longer.
    origins
        Where patches begin.
    """

    side: int
    patch: int
    origins: tuple[int, ...]

    @property
    def spans(self) -> NDArray[np.bool_]:
        """The pixels between each origin and the end of its patch, shape (origins, side)."""
        pixels, origins = np.arange(self.side), np.array(self.origins)[:, np.newaxis]
        return (origins <= pixels) & (pixels <= origins + self.patch)


@dataclass(frozen=True)
class Grid:
    """The positions of patches of one size on an image: each row with each column.

    On an image that is not square, patches have its proportions.
    """

    rows: Axis
    columns: Axis

    def __len__(self) -> int:
        return len(self.rows.origins) * len(self.columns.origins)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image."""
        return self.rows.side, self.columns.side

    def occluded(self, image: Pixels) -> Iterator[Pixels]:
        """Make the image with each patch black, row by row."""
        high, wide = self.rows.patch + 1, self.columns.patch + 1
        for top in self.rows.origins:
            for left in self.columns.origins:
                copy = image.copy()
                copy[top : top + high, left : left + wide] = 0
                yield copy


def grids(
    shape: Sequence[int], patches: Sequence[int] = DEFAULT_PATCHES, stride: int = DEFAULT_STRIDE
) -> tuple[Grid, ...]:
    """Lay out the patches on images of one shape.

    Parameters
    ----------
    shape
        Height and width of the images, in pixels.
    patches, stride
        Sides of the patches and their distance, in pixels of an image of 112: they are scaled with
        the image, so that larger ones cost no more embeddings.

    Raises
    ------
    ParameterError
        If there is no square, or one is not between 1 and 111, or a length is below 1.
    """
    height, width = shape[:2]
    fit = bool(patches) and all(0 < patch < _PAPER_SIDE for patch in patches)
    if min(height, width, stride) < 1 or not fit:
        raise ParameterError(
            f"xFace hides squares of 1 to {_PAPER_SIDE - 1} pixels, at least 1 apart, as measured "
            f"on an image of {_PAPER_SIDE}; received squares of {list(patches)}, {stride} apart, "
            f"on an image of {width} by {height}: name others, or leave them out for the paper's."
        )
    return tuple(Grid(*(_axis(side, patch, stride) for side in shape[:2])) for patch in patches)


def _axis(side: int, patch: int, stride: int) -> Axis:
    # On small images some origins coincide: they count once.
    origins = {at * side // _PAPER_SIDE for at in range(0, _PAPER_SIDE - patch, stride)}
    return Axis(side, max(1, _scaled(patch, side)), tuple(sorted(origins)))


def occluded_embeddings(
    networks: Networks, image: Pixels, layout: Sequence[Grid], batch_size: int = DEFAULT_BATCH
) -> Floats:
    """Embed an image under each square; the result does not depend on the pair.

    Parameters
    ----------
    networks
        The networks, whose embedder embeds one image for each position.
    image, layout
        uint8, shape (H, W, C), and the `grids` of that height and width.
    batch_size
        Images in one inference; no more are in memory at a time.

    Returns
    -------
    NDArray[np.float32]
        Shape (N, D), for N positions in all, one grid after the other.

    Raises
    ------
    ParameterError
        If the image is not of that height and width.
    """
    if any(image.shape[:2] != grid.shape for grid in layout):
        raise ParameterError(
            f"expected an image of height and width {layout[0].shape}, received shape "
            f"{image.shape}: make the grids for the image's shape."
        )
    images = (one for grid in layout for one in grid.occluded(image))
    job = EmbeddingJob(None, images, sum(map(len, layout)))
    ((_, embeddings),) = embed_jobs(networks.embed, [job], batch_size=batch_size)
    return embeddings


def evidence_map(
    layout: Sequence[Grid],
    clean: tuple[Floats, Floats],
    own: Floats,
    other: Floats | None = None,
    *,
    variant: Variant = 1,
) -> SignedMap:
    """Compute which pixels of an image support its similarity to another.

    Parameters
    ----------
    layout
        Of `grids`.
    clean
        Embeddings of the image and of the other, whole, float32, shape (D,).
    own, other
        Their `occluded_embeddings`, float32, shape (N, D); variant 2 does not need `other`.
    variant
        What an occluded image is compared with: see `XFace`.

    Returns
    -------
    NDArray[np.float32]
        Shape (H, W), in [-1, 1]: positive where hiding the pixel makes the images less similar; 0
        everywhere if nothing does.

    Raises
    ------
    ParameterError
        If there are not as many embeddings as positions, or there is no such variant.
    """
    _check_variant(variant)
    count = sum(map(len, layout))
    others = own if variant == 2 else other
    if others is None or {len(own), len(others)} != {count}:
        raise ParameterError(
            f"expected {count} embeddings of each image, one for each position, received "
            f"{[0 if part is None else len(part) for part in (own, other)]}: use the same grids."
        )
    whole, a, b = _unit(np.stack(clean)), _unit(own), _unit(others)
    total, start = np.zeros(layout[0].shape), 0
    for grid in layout:
        part = slice(start, start := start + len(grid))
        fall = whole[0] @ whole[1] - _cosines(a[part], b[part], whole[1], variant)
        fall[np.abs(fall) < _ROUNDING] = 0
        rows, columns = grid.rows, grid.columns
        deviation = fall.reshape(len(rows.origins), -1) / (rows.patch * columns.patch)
        down, across = (axis.spans.astype(np.float64) for axis in (rows, columns))
        total += down.T @ deviation @ across / len(grid)
    values = _blurred(total / len(layout))
    largest = np.abs(values).max()
    return (values / largest if largest else values).astype(np.float32)


@dataclass(frozen=True)
class XFace:
    """xFace of Knoche et al. (WACV 2023 workshops); embeds 1,130 altered images for each image.

    The paper's method 1 compares an occluded image with all occluded versions of the other, under
    squares of the same size, and takes the mean; 2 with the other as it is, at half the cost; 3
    with the other occluded at the same position.
    """

    title: ClassVar[str] = "Hiding patches of both pictures"
    paper: ClassVar[str] = (
        "Knoche et al. 2023, Explainable model-agnostic similarity and confidence in face "
        "verification (xFace). WACV workshops"
    )
    needs: ClassVar[tuple[Need, ...]] = ("images",)
    signed: ClassVar[bool] = True
    patches: Annotated[
        tuple[int, ...],
        Range("Sides of the squares, in pixels of an image of 112.", 1, _PAPER_SIDE - 1),
    ] = DEFAULT_PATCHES
    stride: Annotated[int, Range("Distance of the squares, in pixels of an image of 112.", 1)] = (
        DEFAULT_STRIDE
    )
    variant: Annotated[
        Variant,
        Range(
            "What an occluded image is compared with: 1 all occluded versions of the other, 2 the "
            "other as it is, 3 the other occluded at the same place."
        ),
    ] = 1

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (H, W), in [-1, 1]."""
        del rng
        check_by_cosine(networks, "xface")
        layout = grids(pair.test.shape, self.patches, self.stride)
        own = occluded_embeddings(networks, pair.test, layout)
        other = None if self.variant == 2 else occluded_embeddings(networks, pair.reference, layout)
        values = evidence_map(layout, (pair.h_t, pair.h_r), own, other, variant=self.variant)
        return values if pair.similar else -values


def _check_variant(variant: int) -> None:
    if variant not in (1, 2, 3):
        raise ParameterError(f"xFace has the variants 1, 2 and 3; received {variant}: choose one.")


def _cosines(own: Wide, others: Wide, clean: Wide, variant: Variant) -> Wide:
    """Compare each occluded image with what the variant says, all of length 1; shape (n,)."""
    if variant == 3:
        return np.sum(own * others, axis=1)
    # The mean of the cosines to many is the product with their mean.
    return own @ (clean if variant == 2 else others.mean(axis=0))


def _unit(vectors: Floats) -> Wide:
    """Divide each row by its length; a zero vector stays, with similarity 0 to all."""
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.sum(wide * wide, axis=1, keepdims=True))
    return np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)


def _scaled(length: int, side: int) -> int:
    """Take a length on an image of 112 to one of another side, to the nearest pixel."""
    return (2 * length * side + _PAPER_SIDE) // (2 * _PAPER_SIDE)


def _blurred(values: Wide) -> Wide:
    """Blur by a Gaussian, 5 by 5 with deviation 5 at 112, the image mirrored beyond its edge."""
    for _ in range(2):  # down the columns, then along the rows
        radius = _scaled(_BLUR_RADIUS, len(values))
        deviation = _BLUR_DEVIATION * len(values) / _PAPER_SIDE
        weights = np.exp(-np.square(np.arange(-radius, radius + 1) / deviation) / 2)
        weights /= weights.sum()
        padded = np.pad(values, ((radius, radius), (0, 0)), "reflect")
        values = (sliding_window_view(padded, len(weights), axis=0) @ weights).T
    return values
