"""The response decoder: from embeddings to what each superpixel contributes to them.

It is trained on embeddings of unit length, and few networks but FaceNet give such. Here is where
the engine scales them: whoever asks for responses gives embeddings as the embedder gave them.
"""

from lpel_serving.bundle.loading import Bundle
from lpel_serving.bundle.manifest import EMBEDDING, RESPONSE
from lpel_serving.engine.session import open_session
from lpel_serving.equations.similarity import unit
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError, EmbeddingError


class Responder:
    """An exported response decoder; safe to share among threads.

    Attributes
    ----------
    side
        Superpixels along one side.
    dimension
        Length D of the embeddings.
    """

    def __init__(self, model: bytes, side: int, dimension: int, provider: str = "cpu") -> None:
        self.side = side
        self.dimension = dimension
        self._session = open_session(
            model,
            input_name=EMBEDDING,
            output_name=RESPONSE,
            input_shape=(None, dimension),
            output_shape=(None, side, side, dimension),
            provider=provider,
            threads=1,  # a second pool of threads would spin against the embedder's
        )

    def __call__(self, embeddings: Floats) -> Floats:
        """Tell responses from embeddings (N, D): float32, shape (N, K, D), superpixels row by row.

        Responses are of the unit embeddings, whatever the length of those given.

        Raises
        ------
        EmbeddingError
            If the embeddings are of another shape, or not finite.
        BundleError
            If the responses are not of the size that the manifest says.
        """
        side, dimension = self.side, self.dimension
        if embeddings.ndim != 2 or embeddings.shape[1] != dimension:
            raise EmbeddingError(
                f"expected embeddings of shape (N, {dimension}), received {embeddings.shape}."
            )
        responses = self._session.run(unit(embeddings))
        if responses.shape != (len(embeddings), side, side, dimension):
            raise BundleError(
                f"the response decoder gave {responses.shape}, the manifest promises a grid of "
                f"{side} by {side} vectors of {dimension}: export the bundle again."
            )
        return responses.reshape(len(embeddings), side * side, dimension)


def open_responder(bundle: Bundle, provider: str) -> Responder | None:
    """Open the response decoder of a bundle, if it has one."""
    record = bundle.manifest.responses
    if record is None or bundle.responses is None:
        return None
    return Responder(bundle.responses, record.side, bundle.manifest.embedder.dimension, provider)
