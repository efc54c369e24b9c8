"""Photographs as a surrogate sees them: embeddings and reduced local features, in one pass."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.keys import content_digest
from lpel_serving.engine.store.recall import recall
from lpel_serving.engine.store.sqlite import Field, Row
from lpel_serving.images.crops import CutFace
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.held import content_of
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.store import open_array_store

_BLOCK = 16


@dataclass(frozen=True, eq=False)
class Photographs:
    """Photographs in which the crop finds a face.

    Attributes
    ----------
    faces
        N files with the people in them.
    digests
        The SHA-256 of each file's content.
    embeddings
        As the embedder gives them, float32, shape (N, D).
    local
        Reduced local features, float16, shape (N, K, C).
    """

    faces: tuple[Labelled, ...]
    digests: tuple[bytes, ...]
    embeddings: NDArray[np.float32]
    local: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.faces)


def see_photographs(
    embedder: Embedder, faces: Sequence[Labelled], store_path: Path, *, progress: Progress = silent
) -> Photographs:
    """Compute embeddings and local features, of the photographs that the store does not hold yet.

    Parameters
    ----------
    embedder
        One that gives local features.
    faces
        The photographs; those in which the crop finds no face are left out.
    store_path
        Where the results are kept; one file for one network, crop and reduction.
    progress
        Reports how far it is.

    Raises
    ------
    ImageError
        If a photograph cannot be used; it is named.
    CacheError
        If the store cannot be used.
    ParameterError
        If the embedder gives no local features.
    """
    shape = embedder.local_shape
    if shape is None:
        raise ParameterError(
            f"the embedder {embedder.record.name} gives no local features; a surrogate needs one "
            "with a second output: see `lpel_export.local_features`."
        )
    fields = {
        "embedding": Field(np.float32, (embedder.record.dimension,)),
        "local": Field(np.float16, shape),
    }
    embeddings = np.empty((len(faces), embedder.record.dimension), np.float32)
    local = np.empty((len(faces), *shape), np.float16)
    kept: list[Labelled] = []
    store = open_array_store(store_path, {"features": fields})
    with closing(store), progress("seeing photographs half way", len(faces)) as advance:
        for start in range(0, len(faces), _BLOCK):
            block = faces[start : start + _BLOCK]
            paths = [face.source for face in block]
            found = recall(embedder, paths, store, partial(_compute, embedder))
            for face, row in zip(block, found, strict=True):
                if row is not None:
                    embeddings[len(kept)], local[len(kept)] = row["embedding"], row["local"]
                    kept.append(face)
            advance(len(block))
    digests = tuple(content_digest(content_of(face.source)) for face in kept)
    return Photographs(tuple(kept), digests, embeddings[: len(kept)], local[: len(kept)])


def _compute(embedder: Embedder, crops: Mapping[bytes, CutFace]) -> dict[bytes, Row]:
    seen = embedder.features([crop.pixels for crop in crops.values()])
    return {
        key: {"embedding": seen.embeddings[i], "local": seen.local[i].astype(np.float16)}
        for i, key in enumerate(crops)
    }
