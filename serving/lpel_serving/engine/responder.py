"""The response decoder: predicts attribution vectors (responses) from embeddings.

It is trained on scaled embeddings: of unit length, where their cosine is compared, which few
networks but FaceNet produce. This module scales its inputs, so that callers pass embeddings as the
embedder returns them.
"""

from lpel_serving.bundle.manifest import RESPONSE, ResponseRecord
from lpel_serving.engine.from_embeddings import check_embeddings, open_on_embeddings
from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError


class Responder:
    """An exported response decoder; safe to share among threads.

    Attributes
    ----------
    record
        Its superpixels along one side.
    dimension
        Length D of the embeddings.
    comparison
        Whose scaled embeddings it takes.
    """

    def __init__(
        self,
        model: bytes,
        record: ResponseRecord,
        dimension: int,
        comparison: Comparison = COSINE,
        provider: str = "cpu",
    ) -> None:
        self.record = record
        self.dimension = dimension
        self.comparison = comparison
        shape = (record.side, record.side, dimension)
        self._session = open_on_embeddings(model, dimension, RESPONSE, shape, provider)

    def respond(self, embeddings: Floats) -> Floats:
        """Predict attribution vectors from embeddings (N, D): float32, shape (N, K, D), row by row.

        They refer to the scaled embeddings, whatever the length of those given.

        Raises
        ------
        EmbeddingError
            If the embeddings are of another shape, or not finite.
        BundleError
            If the responses do not have the size in the manifest.
        """
        side, dimension = self.record.side, self.dimension
        check_embeddings(embeddings, dimension)
        responses = self._session.run(self.comparison.scale(embeddings))
        if responses.shape != (len(embeddings), side, side, dimension):
            raise BundleError(
                f"the response decoder gave {responses.shape}, the manifest promises a grid of "
                f"{side} by {side} vectors of {dimension}: export the bundle again."
            )
        return responses.reshape(len(embeddings), side * side, dimension)
