"""The decoder ``g``: from embeddings to images."""

from lpel_serving.bundle.manifest import RECONSTRUCTION, DecoderRecord
from lpel_serving.engine.from_embeddings import check_embeddings, open_on_embeddings
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError


class Decoder:
    """An exported decoder; safe to share among threads.

    Attributes
    ----------
    record
        The shape of its images.
    dimension
        Length D of the embeddings.
    """

    def __init__(
        self, model: bytes, record: DecoderRecord, dimension: int, provider: str = "cpu"
    ) -> None:
        self.record = record
        self.dimension = dimension
        self._session = open_on_embeddings(model, dimension, RECONSTRUCTION, record.shape, provider)

    def decode(self, embeddings: Floats) -> Floats:
        """Reconstruct images ``g(h)`` from embeddings (N, D): float32, shape (N, H, W, C).

        Raises
        ------
        EmbeddingError
            If the embeddings are of another shape.
        BundleError
            If the reconstructions do not have the shape in the manifest.
        """
        check_embeddings(embeddings, self.dimension)
        images = self._session.run(embeddings)
        if images.shape[1:] != self.record.shape or len(images) != len(embeddings):
            raise BundleError(
                f"the decoder gave images of shape {images.shape}, the manifest promises "
                f"{tuple(self.record.shape)} each: export the bundle again."
            )
        return images
