"""Opens a bundle's comparison: by cosine, by distance, or by a learned head in ONNX."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lpel_serving.bundle.comparison_record import (
    REFERENCE_EMBEDDING,
    SIMILARITY,
    TEST_EMBEDDING,
)
from lpel_serving.bundle.loading import Bundle
from lpel_serving.engine.session import Session, open_model
from lpel_serving.equations.comparison import (
    COSINE,
    Comparison,
    ComparisonKind,
    Euclidean,
    divided,
)
from lpel_serving.equations.similarity import Vectors
from lpel_serving.support.errors import BundleError, EmbeddingError

_AT_ONCE = 64
"""Pairs in one inference of a head: always as many, so that no result depends on the others."""


@dataclass(frozen=True, eq=False)
class Head:
    """A learned head: a network from two embeddings to their similarity, in [0, 1].

    Attributes
    ----------
    session
        The network in ONNX.
    spread
        See `lpel_serving.equations.comparison.Euclidean`.
    """

    session: Session
    spread: float
    kind: ClassVar[ComparisonKind] = "head"

    def scale(self, embeddings: Vectors, /) -> Vectors:
        """See `lpel_serving.equations.comparison.Comparison.scale`: divided by the spread."""
        return divided(embeddings, self.spread)

    def similarity(self, h_r: Vectors, h_t: Vectors, /) -> Vectors:
        """Run the head on embeddings, shape (..., D) each, which may broadcast, to (...).

        Raises
        ------
        EmbeddingError
            If an embedding, or what the head makes of two, is not finite.
        BundleError
            If the head does not give one number for each pair.
        """
        r, t = np.broadcast_arrays(np.asarray(h_r, np.float32), np.asarray(h_t, np.float32))
        shape = r.shape[:-1]
        found = np.empty(math.prod(shape), np.float32)
        for start in range(0, len(found), _AT_ONCE):  # what is broadcast is not copied as a whole
            places = np.arange(start, min(start + _AT_ONCE, len(found)))
            of = np.unravel_index(places, shape) if shape else ...
            vectors = (one[of].reshape(len(places), -1) for one in (r, t))
            found[places] = self._run(*vectors)
        if not np.isfinite(found).all():
            raise EmbeddingError("a similarity is NaN or infinite: the head is broken.")
        return found.reshape(shape)

    def of_scaled(self, u_r: Vectors, u_t: Vectors, /, axis: int = -1) -> Vectors:
        """Run the head on scaled embeddings, whose features lie along an axis."""
        spread = np.float32(self.spread)
        both = (np.moveaxis(one, axis, -1) * spread for one in np.broadcast_arrays(u_r, u_t))
        return self.similarity(*both)

    def likeness(self, responses: Vectors, u_r: Vectors, u_t: Vectors, /) -> Vectors:
        """Ask the head about the test without what each superpixel gives it, shape (..., K)."""
        references, tests = u_r[..., np.newaxis, :], u_t[..., np.newaxis, :]
        return self.of_scaled(references, tests) - self.of_scaled(references, tests - responses)

    def difference(
        self, responses_t: Vectors, responses_r: Vectors, u_t: Vectors, u_r: Vectors, /
    ) -> Vectors:
        """Ask the head about both images without what each superpixel gives them."""
        references, tests = u_r[..., np.newaxis, :], u_t[..., np.newaxis, :]
        after = self.of_scaled(references - responses_r, tests - responses_t)
        return after - self.of_scaled(references, tests)

    def _run(self, h_r: Vectors, h_t: Vectors) -> Vectors:
        batch: dict[str, Vectors] = {}
        for name, some in ((REFERENCE_EMBEDDING, h_r), (TEST_EMBEDDING, h_t)):
            batch[name] = np.zeros((_AT_ONCE, some.shape[1]), np.float32)
            batch[name][: len(some)] = some
        (found,) = self.session.run_all(batch, [SIMILARITY])
        if found.shape != (_AT_ONCE,):
            raise BundleError(
                f"the head gave {found.shape} for {_AT_ONCE} pairs; expected one number for each: "
                "export the bundle again."
            )
        return found[: len(h_r)]


def open_comparison(bundle: Bundle, provider: str = "cpu") -> Comparison:
    """Open a bundle's comparison.

    Raises
    ------
    BundleError, ProviderError
        See `lpel_serving.engine.session.open_model`.
    """
    record = bundle.manifest.comparison
    if record.kind == "cosine":
        return COSINE
    if record.kind == "euclidean":
        return Euclidean(record.needed_spread)
    dimension = bundle.manifest.embedder.dimension
    return open_head(bundle.comparison or b"", dimension, record.needed_spread, provider)


def open_head(model: bytes, dimension: int, spread: float, provider: str = "cpu") -> Head:
    """Open a learned head in ONNX, on one thread."""
    vector = (None, dimension)
    session = open_model(
        model,
        {REFERENCE_EMBEDDING: vector, TEST_EMBEDDING: vector},
        {SIMILARITY: (None,)},
        provider=provider,
        threads=1,  # a second thread pool would compete with the embedder's
    )
    return Head(session, spread)
