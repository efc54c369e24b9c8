"""The embedding network ``f``: from photographs to embeddings."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, LOCAL_FEATURES, EmbedderRecord
from lpel_serving.engine.fixed_run import FixedRun
from lpel_serving.engine.session import Session, Stop, open_session
from lpel_serving.images.crops import Crop, CutFace
from lpel_serving.images.cutting import cut_face
from lpel_serving.images.reading import Image
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import EmbeddingError, ImageError, ParameterError


class Embedder:
    """An exported embedding network and the crop that goes with it; safe to share among threads.

    Attributes
    ----------
    record
        Its image size, dimension and name.
    crop
        How photographs become face crops.
    provider
        The execution provider that is active, such as ``"cpu"``.
    local_shape
        Superpixels K and numbers C of its local features; None if it gives none.
    """

    def __init__(
        self,
        model: bytes,
        record: EmbedderRecord,
        crop: Crop,
        provider: str = "cpu",
        threads: int | None = None,
    ) -> None:
        self.record = record
        self.crop = crop
        self._session = open_session(
            model,
            input_name=IMAGE,
            output_name=EMBEDDING,
            input_shape=(None, *record.shape),
            output_shape=(None, record.dimension),
            provider=provider,
            threads=threads,
        )
        self.provider = self._session.provider
        self.local_shape = _local_shape(self._session)

    def read(self, image: Image, name: str | None = None) -> Pixels:
        """Read an image and cut the face out; see `lpel_serving.images.cutting.read_face`."""
        return self.cut(image, name).pixels

    def cut(self, image: Image, name: str | None = None, face: int | None = None) -> CutFace:
        """Read an image and cut a face out; see `lpel_serving.images.cutting.cut_face`."""
        return cut_face(image, self.crop, self.record.shape, name, face=face)

    def embed(
        self,
        crops: NDArray[np.uint8] | Sequence[Pixels],
        batch_size: int = DEFAULT_BATCH,
        stop: Stop | None = None,
    ) -> NDArray[np.float32]:
        """Compute the embeddings ``h = f(x)`` of face crops.

        Parameters
        ----------
        crops
            N crops, uint8, each of the shape in the record.
        batch_size
            Crops in one inference; the result does not depend on it.
        stop
            Cancels it from another thread.

        Returns
        -------
        NDArray[np.float32]
            Shape (N, D).

        Raises
        ------
        ImageError
            If a crop is of another shape or type.
        EmbeddingError
            If an embedding is not finite, or has another length than in the record.
        WithdrawnError
            If it was stopped.
        """
        self._check(crops, batch_size)
        embeddings = np.empty((len(crops), self.record.dimension), np.float32)
        for start in range(0, len(crops), batch_size):
            batch = np.stack(list(crops[start : start + batch_size]))
            part = self._checked(self._session.run(batch, stop), len(batch))
            embeddings[start : start + batch_size] = part
        return embeddings

    def features(
        self,
        crops: NDArray[np.uint8] | Sequence[Pixels],
        batch_size: int = DEFAULT_BATCH,
        stop: Stop | None = None,
    ) -> ImageFeatures:
        """Compute embeddings and local features of face crops in one pass.

        The embeddings are those of `embed`, byte for byte; see there for parameters and errors.

        Raises
        ------
        ParameterError
            If the embedder gives no local features.
        """
        shape = self._local()
        self._check(crops, batch_size)
        embeddings = np.empty((len(crops), self.record.dimension), np.float32)
        local = np.empty((len(crops), *shape), np.float32)
        for start in range(0, len(crops), batch_size):
            batch = np.stack(list(crops[start : start + batch_size]))
            wanted = (EMBEDDING, LOCAL_FEATURES)
            vectors, parts = self._session.run_all({IMAGE: batch}, wanted, stop)
            embeddings[start : start + batch_size] = self._checked(vectors, len(batch))
            local[start : start + batch_size] = self._checked_local(parts, len(batch))
        return ImageFeatures(embeddings, local)

    def fixed(self, batch_size: int) -> Callable[[Sequence[Pixels]], NDArray[np.float32]]:
        """Return a function that embeds up to `batch_size` crops in one inference of that size.

        The function is not thread-safe. Unlike `embed` it returns embeddings unchecked, perhaps
        with NaN or infinity, since one bad image does not invalidate the others.
        """
        _check_batch(batch_size)
        run = FixedRun(self._session, (batch_size, *self.record.shape), np.uint8)

        def embed(crops: Sequence[Pixels]) -> NDArray[np.float32]:
            self._check(crops, batch_size)
            return self._shaped(run(np.stack(crops)), len(crops))

        return embed

    def fixed_features(self, batch_size: int) -> Callable[[Sequence[Pixels]], ImageFeatures]:
        """Return a function like that of `fixed`, which computes local features too, unchecked.

        Raises
        ------
        ParameterError
            If the embedder gives no local features.
        """
        _check_batch(batch_size)
        self._local()
        size = (batch_size, *self.record.shape)
        run = FixedRun(self._session, size, np.uint8, (EMBEDDING, LOCAL_FEATURES))

        def compute(crops: Sequence[Pixels]) -> ImageFeatures:
            self._check(crops, batch_size)
            embeddings, local = run.all(np.stack(crops))
            n = len(crops)
            return ImageFeatures(self._shaped(embeddings, n), self._shaped_local(local, n))

        return compute

    def _local(self) -> tuple[int, int]:
        """The shape of an image's local features; raise `ParameterError` if there are none."""
        if self.local_shape is None:
            raise ParameterError(
                f"the embedder {self.record.name} gives no local features: train a surrogate with "
                "`lpel train --method surrogate`, which adds them to it."
            )
        return self.local_shape

    def _check(self, crops: NDArray[np.uint8] | Sequence[Pixels], batch_size: int) -> None:
        _check_batch(batch_size)
        shape = self.record.shape
        if any(crop.shape != shape or crop.dtype != np.uint8 for crop in crops):
            raise ImageError(
                f"expected crops as uint8 of shape {tuple(shape)}, received "
                f"{[f'{crop.dtype} {crop.shape}' for crop in crops][:3]}: use `read` to cut them."
            )

    def _checked(self, embeddings: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        if not np.isfinite(self._shaped(embeddings, n)).all():
            raise EmbeddingError("the embedder gave NaN or infinity: its weights are broken.")
        return embeddings

    def _shaped(self, embeddings: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        if embeddings.shape != (n, self.record.dimension):
            raise EmbeddingError(
                f"the embedder gave embeddings of shape {embeddings.shape}; "
                f"expected {self.record.dimension} features, as its record says."
            )
        return embeddings

    def _checked_local(self, local: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        if not np.isfinite(self._shaped_local(local, n)).all():
            raise EmbeddingError(
                "the embedder gave NaN or infinity as local features: export the bundle again."
            )
        return local

    def _shaped_local(self, local: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        if local.shape != (n, *self._local()):
            raise EmbeddingError(
                f"the embedder gave local features of shape {local.shape}; expected "
                f"{(n, *self._local())}: export the bundle again."
            )
        return local


def _check_batch(size: int) -> None:
    if size < 1:
        raise ParameterError(f"a batch holds at least 1 image; received {size}.")


def _local_shape(session: Session) -> tuple[int, int] | None:
    match session.declared(LOCAL_FEATURES):
        case (_, int(superpixels), int(channels)):
            return superpixels, channels
        case _:
            return None
