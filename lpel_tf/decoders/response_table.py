"""Measures how embeddings change when random sets of superpixels are hidden, as training data."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.recall import recall
from lpel_serving.engine.store.sqlite import Field, Row
from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.equations.fill import Fill
from lpel_serving.images.crops import CutFace
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.methods.measured.embedding_losses import (
    LARGEST,
    coalition_images,
    draw_coalitions,
)
from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.store import open_array_store

FILLS = (Fill("normal"), Fill("mean"), Fill("blur"))
_BLOCK = 16


@dataclass(frozen=True)
class TableSettings:
    """The exact definition of a table.

    Attributes
    ----------
    side
        Superpixels along one side.
    coalitions
        How many are replaced, one after the other, in each photograph.
    largest
        Share of the superpixels in the largest of them.
    fills
        What superpixels are replaced by, one of them for each coalition, by chance.
    seed
        Of all randomness, together with the photograph: its coalitions are the same whatever other
        photographs there are.
    """

    side: int = 8
    coalitions: int = 16
    largest: float = LARGEST
    fills: tuple[Fill, ...] = field(default=FILLS)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.side <= 40 or self.coalitions < 1 or not self.fills:
            raise ParameterError(
                "a table has 2 to 40 superpixels along a side, 1 coalition or more, and fills; "
                f"received {self.side}, {self.coalitions} and {self.fills}."
            )
        if not 0 < self.largest <= 1 or self.seed < 0:
            raise ParameterError(
                "the largest coalition is a share above 0 and at most 1, the seed 0 or more; "
                f"received {self.largest} and {self.seed}."
            )

    @property
    def key(self) -> str:
        """A short name that no other settings have."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class ResponseTable:
    """Photographs whose superpixels were replaced.

    Attributes
    ----------
    embeddings
        Of the whole images, scaled, float32, shape (N, D).
    coalitions
        Which superpixels were replaced, bool, shape (N, M, K).
    losses
        What the scaled embedding lost thereby, float16, shape (N, M, D).
    identities
        Who each is, N of them.
    """

    embeddings: NDArray[np.float32]
    coalitions: NDArray[np.bool_]
    losses: NDArray[np.float16]
    identities: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.identities)

    def select(self, chosen: NDArray[np.bool_]) -> "ResponseTable":
        """Keep the photographs that a mask of shape (N,) chooses."""
        kept = tuple(who for who, keep in zip(self.identities, chosen, strict=True) if keep)
        return ResponseTable(
            self.embeddings[chosen], self.coalitions[chosen], self.losses[chosen], kept
        )


def check_grid(settings: TableSettings, shape: ImageShape) -> None:
    """Raise `ParameterError` if images of a shape have fewer pixels than superpixels."""
    if settings.side > min(shape[:2]):
        raise ParameterError(
            f"a crop of {shape.words} has no grid of {settings.side} superpixels along a side: "
            "choose a coarser one."
        )


def measure_table(
    embedder: Embedder,
    faces: Sequence[Labelled],
    settings: TableSettings,
    store_path: Path,
    *,
    comparison: Comparison = COSINE,
    progress: Progress = silent,
) -> ResponseTable:
    """Replace coalitions in photographs, those that the store does not hold yet.

    This is the long part of training: ``1 + coalitions`` embeddings a photograph. It goes on where
    it was interrupted. Photographs in which the crop finds no face are left out.

    Parameters
    ----------
    embedder
        The network ``f`` with its crop.
    faces
        The photographs.
    settings
        The definition.
    store_path
        Where the results are kept; one file for one network, crop, definition and scale.
    comparison
        Whose scaled embeddings are kept.
    progress
        Reports how far it is.

    Raises
    ------
    ImageError
        If a photograph cannot be used; it is named.
    CacheError
        If the store cannot be used.
    ParameterError
        If there are more superpixels than pixels.
    """
    dimension, superpixels = embedder.record.dimension, settings.side**2
    check_grid(settings, embedder.record.shape)
    fields = {
        "embedding": Field(np.float32, (dimension,)),
        "coalitions": Field(np.uint8, (settings.coalitions, -(-superpixels // 8))),
        "losses": Field(np.float16, (settings.coalitions, dimension)),
    }
    compute = partial(_compute, embedder, settings=settings, scale=comparison.scale)
    rows: list[Row] = []
    identities: list[str] = []
    store = open_array_store(store_path, {"coalitions": fields})
    with closing(store), progress("replacing superpixels (photographs)", len(faces)) as advance:
        for start in range(0, len(faces), _BLOCK):
            block = faces[start : start + _BLOCK]
            photographs = [face.source for face in block]
            found = recall(embedder, photographs, store, compute)
            for face, row in zip(block, found, strict=True):
                if row is not None:
                    rows.append(row)
                    identities.append(face.identity)
            advance(len(block))
    return ResponseTable(
        np.array([row["embedding"] for row in rows], np.float32).reshape(-1, dimension),
        np.unpackbits(
            np.array([row["coalitions"] for row in rows], np.uint8).reshape(
                len(rows), *fields["coalitions"].shape
            ),
            axis=-1,
            count=superpixels,
        ).astype(np.bool_),
        np.array([row["losses"] for row in rows], np.float16).reshape(
            len(rows), *fields["losses"].shape
        ),
        tuple(identities),
    )


def _compute(
    embedder: Embedder,
    crops: Mapping[bytes, CutFace],
    settings: TableSettings,
    scale: Callable[[Floats], Floats],
) -> dict[bytes, Row]:
    def jobs() -> Iterator[EmbeddingJob[tuple[bytes, NDArray[np.bool_]]]]:
        for key, crop in ((key, cut.pixels) for key, cut in crops.items()):
            rng = np.random.default_rng([settings.seed, *np.frombuffer(key, np.uint32)])
            coalitions = draw_coalitions(
                rng, settings.coalitions, settings.side**2, settings.largest
            )
            images = chain([crop], coalition_images(crop, coalitions, settings.fills, rng))
            yield EmbeddingJob((key, coalitions), images, 1 + settings.coalitions)

    rows: dict[bytes, Row] = {}
    for (key, coalitions), embeddings in embed_jobs(embedder.embed, jobs()):
        h = scale(embeddings)
        packed = np.packbits(coalitions, axis=-1)
        losses = (h[0] - h[1:]).astype(np.float16)
        rows[key] = {"embedding": h[0], "coalitions": packed, "losses": losses}
    return rows
