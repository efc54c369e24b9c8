"""Embedding many photographs, a few at a time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lpel_serving.embedder import DEFAULT_BATCH, Embedder
from lpel_serving.explanation import Floats
from lpel_serving.pairs import Pair
from lpel_serving.progress import Progress, silent
from lpel_serving.similarity import cosine_similarity


def embed_photographs(
    embedder: Embedder,
    paths: Sequence[Path],
    *,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> Floats:
    """Compute the embeddings of photographs, float32, shape (N, D), in bounded memory.

    Raises
    ------
    ImageError
        If a photograph cannot be used; it is named.
    """
    embeddings = np.empty((len(paths), embedder.record.dimension), np.float32)
    with progress("embedding", len(paths)) as advance:
        for start in range(0, len(paths), batch_size):
            batch = paths[start : start + batch_size]
            crops = [embedder.read(path) for path in batch]
            embeddings[start : start + len(batch)] = embedder.embed(crops, batch_size)
            advance(len(batch))
    return embeddings


def pair_similarities(
    embedder: Embedder, pairs: Sequence[Pair], *, progress: Progress = silent
) -> Floats:
    """Compute the similarity of each pair, shape (N,), embedding every photograph once."""
    paths = list(dict.fromkeys(path for pair in pairs for path in (pair.reference, pair.test)))
    embeddings = embed_photographs(embedder, paths, progress=progress)
    place = {path: i for i, path in enumerate(paths)}
    references = [place[pair.reference] for pair in pairs]
    tests = [place[pair.test] for pair in pairs]
    return cosine_similarity(embeddings[references], embeddings[tests])
