"""Opens models that take embeddings, for decoder and response decoder, and checks their input."""

from lpel_serving.bundle.manifest import EMBEDDING
from lpel_serving.engine.session import Session, Shape, open_session
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import EmbeddingError


def open_on_embeddings(
    model: bytes, dimension: int, output_name: str, output_shape: Shape, provider: str
) -> Session:
    """Open a model from embeddings of length D to arrays of a shape, on one thread.

    Raises
    ------
    BundleError, ProviderError
        See `lpel_serving.engine.session.open_session`.
    """
    return open_session(
        model,
        input_name=EMBEDDING,
        output_name=output_name,
        input_shape=(None, dimension),
        output_shape=(None, *output_shape),
        provider=provider,
        threads=1,  # a second thread pool would compete with the embedder's
    )


def check_embeddings(embeddings: Floats, dimension: int) -> None:
    """Raise `EmbeddingError` unless embeddings are of shape (N, D)."""
    if embeddings.ndim != 2 or embeddings.shape[1] != dimension:
        raise EmbeddingError(
            f"expected embeddings of shape (N, {dimension}), received {embeddings.shape}."
        )
