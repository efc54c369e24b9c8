"""The response decoder: from embeddings to what each superpixel contributes to them.

It is trained on embeddings of unit length, and few networks but FaceNet give such. Here is where
the engine scales them: whoever asks for responses gives embeddings as the embedder gave them.
"""

from lpel_serving.bundle.manifest import RESPONSE, ResponseRecord
from lpel_serving.engine.from_embeddings import check_embeddings, open_on_embeddings
from lpel_serving.equations.similarity import unit
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
    """

    def __init__(
        self, model: bytes, record: ResponseRecord, dimension: int, provider: str = "cpu"
    ) -> None:
        self.record = record
        self.dimension = dimension
        shape = (record.side, record.side, dimension)
        self._session = open_on_embeddings(model, dimension, RESPONSE, shape, provider)

    def respond(self, embeddings: Floats) -> Floats:
        """Predict responses from embeddings (N, D): float32, shape (N, K, D), row by row.

        Responses are of the unit embeddings, whatever the length of those given.

        Raises
        ------
        EmbeddingError
            If the embeddings are of another shape, or not finite.
        BundleError
            If the responses are not of the size that the manifest says.
        """
        side, dimension = self.record.side, self.dimension
        check_embeddings(embeddings, dimension)
        responses = self._session.run(unit(embeddings))
        if responses.shape != (len(embeddings), side, side, dimension):
            raise BundleError(
                f"the response decoder gave {responses.shape}, the manifest promises a grid of "
                f"{side} by {side} vectors of {dimension}: export the bundle again."
            )
        return responses.reshape(len(embeddings), side * side, dimension)
