"""Embedding many photographs, a few at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.direction import check_directions
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import Unusable, note
from lpel_serving.methods.stream import DEFAULT_BATCH
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import ImageError, NoFaceError
from lpel_serving.support.progress import Progress, silent


def embed_photographs(
    embedder: Embedder,
    paths: Sequence[Path],
    *,
    batch_size: int = DEFAULT_BATCH,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> Floats:
    """Compute the embeddings of photographs in bounded memory.

    Returns
    -------
    NDArray[np.float32]
        Shape (N, D); NaN for photographs in which the crop found no face, and for those that cannot
        be used.

    Raises
    ------
    ImageError
        If a photograph cannot be used and there is no `unusable` to gather it; it is named.
    NoDirectionError
        If the embedding of one is zero; it is named.
    """
    embeddings = np.full((len(paths), embedder.record.dimension), np.nan, np.float32)
    with progress("embedding", len(paths)) as advance:
        for start in range(0, len(paths), batch_size):
            batch = paths[start : start + batch_size]
            faces = {i: _face(embedder, path, unusable) for i, path in enumerate(batch, start)}
            found = {i: face for i, face in faces.items() if face is not None}
            if found:
                embedded = embedder.embed(list(found.values()), batch_size)
                check_directions(embedded, [str(paths[i]) for i in found])
                embeddings[list(found)] = embedded
            advance(len(batch))
    return embeddings


@dataclass(frozen=True, eq=False)
class EmbeddedPairs:
    """Pairs of photographs whose embeddings were computed.

    Attributes
    ----------
    photographs
        All that are in the pairs, each once.
    embeddings
        Theirs, float32, shape (M, D); NaN for those that have none: see `embed_photographs`.
    similarities
        Of the pairs, float32, shape (N,); NaN where a photograph has no embedding.
    """

    photographs: tuple[Path, ...]
    embeddings: Floats
    similarities: Floats


def pair_similarities(
    embedder: Embedder,
    pairs: Sequence[Pair],
    *,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> Floats:
    """Compute the similarity of each pair: see `embed_pairs`."""
    return embed_pairs(embedder, pairs, unusable=unusable, progress=progress).similarities


def embed_pairs(
    embedder: Embedder,
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
    embeddings = embed_photographs(embedder, paths, unusable=unusable, progress=progress)
    if unusable is not None:
        unusable.check(paths)
    place = {path: i for i, path in enumerate(paths)}
    references = embeddings[[place[pair.reference] for pair in pairs]]
    tests = embeddings[[place[pair.test] for pair in pairs]]
    found = np.isfinite(references[:, 0]) & np.isfinite(tests[:, 0])
    similarities = np.full(len(pairs), np.nan, np.float32)
    similarities[found] = cosine_similarity(references[found], tests[found])
    return EmbeddedPairs(tuple(paths), embeddings, similarities)


def _face(embedder: Embedder, path: Path, unusable: Unusable | None) -> Pixels | None:
    try:
        return embedder.read(path)
    except NoFaceError:
        return None
    except ImageError as error:
        note(unusable, path, error)
        return None
