"""Embeds many photographs in batches, each distinct one once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.memory import MemoryStore
from lpel_serving.engine.store.recall import recall
from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.direction import check_comparable
from lpel_serving.images.crops import CutFace
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.held import Photograph
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.support.arrays import Floats
from lpel_serving.support.progress import Progress, silent

_KEPT_BYTES = 64 * 2**20
"""Size of the cache of embeddings that finds repeated photographs."""


def embed_photographs(
    embedder: Embedder,
    comparison: Comparison,
    paths: Sequence[Photograph],
    *,
    batch_size: int = DEFAULT_BATCH,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> Floats:
    """Compute the embeddings of photographs in bounded memory, all of which can be compared.

    Returns
    -------
    NDArray[np.float32]
        Shape (N, D); NaN for photographs in which the crop found no face, and for those that cannot
        be used.

    Raises
    ------
    ImageError
        If a photograph cannot be used and `unusable` is None; it is named.
    NoDirectionError
        If one cannot be compared; it is named.
    """
    embeddings = np.full((len(paths), embedder.record.dimension), np.nan, np.float32)
    store: MemoryStore[Floats] = MemoryStore(_KEPT_BYTES, lambda embedding: embedding.nbytes)

    def compute(crops: Mapping[bytes, CutFace]) -> dict[bytes, Floats]:
        embedded = embedder.embed([cut.pixels for cut in crops.values()], batch_size)
        return dict(zip(crops, embedded, strict=True))

    with progress("embedding", len(paths)) as advance:
        for start in range(0, len(paths), batch_size):
            batch = paths[start : start + batch_size]
            recalled = recall(embedder, batch, store, compute, unusable=unusable)
            found = {i: one for i, one in enumerate(recalled, start) if one is not None}
            for i, embedding in found.items():
                embeddings[i] = embedding
            names = [str(paths[i]) for i in found]
            check_comparable(comparison, embeddings[list(found)], names)
            advance(len(batch))
    return embeddings


@dataclass(frozen=True, eq=False)
class EmbeddedPairs:
    """Pairs of photographs whose embeddings were computed.

    Attributes
    ----------
    photographs
        The distinct photographs of the pairs.
    embeddings
        Their embeddings, float32, shape (M, D); NaN for those that have none: see
        `embed_photographs`.
    similarities
        Of the pairs, float32, shape (N,); NaN where a photograph has no embedding.
    """

    photographs: tuple[Photograph, ...]
    embeddings: Floats
    similarities: Floats


def pair_similarities(
    embedder: Embedder,
    comparison: Comparison,
    pairs: Sequence[Pair],
    *,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> Floats:
    """Compute the similarity of each pair: see `embed_pairs`."""
    return embed_pairs(
        embedder, comparison, pairs, unusable=unusable, progress=progress
    ).similarities


def embed_pairs(
    embedder: Embedder,
    comparison: Comparison,
    pairs: Sequence[Pair],
    *,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> EmbeddedPairs:
    """Embed every photograph of some pairs once, and compute the similarity of each pair.

    Raises
    ------
    PhotographsError
        If too many cannot be used.
    """
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.reference, pair.test)))
    embeddings = embed_photographs(
        embedder, comparison, paths, unusable=unusable, progress=progress
    )
    if unusable is not None:
        unusable.check(paths)
    place = {path: i for i, path in enumerate(paths)}
    references = embeddings[[place[pair.reference] for pair in pairs]]
    tests = embeddings[[place[pair.test] for pair in pairs]]
    found = np.isfinite(references[:, 0]) & np.isfinite(tests[:, 0])
    similarities = np.full(len(pairs), np.nan, np.float32)
    similarities[found] = comparison.similarity(references[found], tests[found])
    return EmbeddedPairs(tuple(paths), embeddings, similarities)
