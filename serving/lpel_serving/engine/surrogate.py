"""The surrogate: predicts the embeddings of images with superpixels replaced, without the embedder.

It is trained on unit embeddings, which few networks but FaceNet produce. This module scales its
inputs, so that callers pass embeddings as the embedder returns them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.loading import Bundle
from lpel_serving.bundle.manifest import (
    COALITION,
    DONOR_EMBEDDING,
    DONOR_FEATURES,
    EMBEDDING,
    FILL,
    LOCAL_FEATURES,
    MASKED_EMBEDDING,
    SurrogateRecord,
)
from lpel_serving.engine.from_embeddings import check_embeddings
from lpel_serving.engine.session import open_model
from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.method import ImageFeatures, Networks
from lpel_serving.support.arrays import Floats, Memberships
from lpel_serving.support.errors import BundleError, EmbeddingError, ParameterError

_AT_ONCE = 1024
"""Coalitions in one run: the hidden layers of more would only take memory."""


class Surrogate:
    """An exported surrogate; safe to share among threads.

    Attributes
    ----------
    record
        Its grid, channels and fills.
    dimension
        Length D of the embeddings.
    """

    def __init__(
        self, model: bytes, record: SurrogateRecord, dimension: int, provider: str = "cpu"
    ) -> None:
        self.record = record
        self.dimension = dimension
        superpixels = record.side**2
        vector, local = (None, dimension), (None, superpixels, record.channels)
        self._session = open_model(
            model,
            {
                EMBEDDING: vector,
                LOCAL_FEATURES: local,
                DONOR_EMBEDDING: vector,
                DONOR_FEATURES: local,
                COALITION: (None, None, superpixels),
                FILL: (),
            },
            {MASKED_EMBEDDING: (None, None, dimension)},
            provider=provider,
            threads=1,  # a second thread pool would compete with the embedder's
        )

    def simulate(
        self,
        images: ImageFeatures,
        coalitions: Memberships,
        fill: str,
        donors: ImageFeatures | None = None,
    ) -> Floats:
        """Predict the embeddings of N images with coalitions of superpixels replaced.

        Each image is computed by itself: the result does not depend on the others.

        Parameters
        ----------
        images, coalitions, fill, donors
            See `lpel_serving.methods.method.Networks.simulate`; embeddings may be of any length.

        Returns
        -------
        NDArray[np.float32]
            Expectations of unit embeddings, shape (N, M, D).

        Raises
        ------
        ParameterError
            If it does not know the fill, donors are missing or not to be given, coalitions are of
            another shape or type, or a membership is not between 0 and 1.
        EmbeddingError
            If features are of another shape, or not finite.
        BundleError
            If the model gives something else than finite vectors of length D.
        """
        number = self._number_of(fill, donors)
        own = self._checked(images)
        given = own if donors is None else self._checked(donors)
        if len(given.embeddings) != len(own.embeddings):
            raise ParameterError(
                f"expected a donor for each of the {len(own.embeddings)} images, received "
                f"{len(given.embeddings)}."
            )
        rows = self._rows(coalitions, len(own.embeddings))
        found = np.empty((len(own.embeddings), rows.shape[1], self.dimension), np.float32)
        for image in range(len(found)):
            of = slice(image, image + 1)
            inputs: dict[str, NDArray[Any]] = {
                EMBEDDING: own.embeddings[of],
                LOCAL_FEATURES: own.local[of],
                DONOR_EMBEDDING: given.embeddings[of],
                DONOR_FEATURES: given.local[of],
                FILL: number,
            }
            for start in range(0, rows.shape[1], _AT_ONCE):
                some = rows[of if len(rows) > 1 else slice(None), start : start + _AT_ONCE]
                inputs[COALITION] = some.astype(np.float32)
                found[of, start : start + _AT_ONCE] = self._run(inputs, some.shape[1])
        return found

    def _run(self, inputs: Mapping[str, NDArray[Any]], count: int) -> Floats:
        (found,) = self._session.run_all(inputs, (MASKED_EMBEDDING,))
        if found.shape != (1, count, self.dimension) or not np.isfinite(found).all():
            raise BundleError(
                f"the surrogate gave {found.shape}, or NaN or infinity; expected finite numbers "
                f"of shape {(1, count, self.dimension)}: train it again."
            )
        return found

    def _number_of(self, fill: str, donors: ImageFeatures | None) -> NDArray[np.int64]:
        """The place of a fill; raise `ParameterError` if it is unknown, or donors do not fit it."""
        fills = self.record.fills
        if fill not in fills:
            raise ParameterError(
                f"the surrogate knows the fills {', '.join(fills)}; received {fill!r}."
            )
        if (fill == TRANSPLANT) != (donors is not None):
            raise ParameterError(
                f"donors are for the fill {TRANSPLANT}, which needs them; received the fill "
                f"{fill} with{'out' if donors is None else ''} donors."
            )
        return np.array(fills.index(fill), np.int64)

    def _checked(self, images: ImageFeatures) -> ImageFeatures:
        """Check the features of images, and make their embeddings unit vectors."""
        check_embeddings(images.embeddings, self.dimension)
        shape = (len(images.embeddings), self.record.side**2, self.record.channels)
        if images.local.shape != shape:
            raise EmbeddingError(
                f"expected local features of shape {shape}, received {images.local.shape}: give "
                "what `features` of the same bundle returned."
            )
        if not (np.isfinite(images.embeddings).all() and np.isfinite(images.local).all()):
            raise EmbeddingError("expected finite features of images; received NaN or infinity.")
        local = np.ascontiguousarray(images.local, np.float32)
        return ImageFeatures(unit(np.asarray(images.embeddings, np.float32)), local)

    def _rows(self, coalitions: Memberships, images: int) -> Memberships:
        """Coalitions of shape (1 or N, M, K)."""
        rows = coalitions[np.newaxis] if coalitions.ndim == 2 else coalitions
        superpixels = self.record.side**2
        fits = rows.ndim == 3 and rows.shape[2] == superpixels and rows.dtype.kind in "bf"
        if not fits or (coalitions.ndim == 3 and len(rows) != images):
            raise ParameterError(
                f"expected coalitions as bool or floats of shape (M, {superpixels}) or ({images}, "
                f"M, {superpixels}), received {coalitions.dtype} of shape {coalitions.shape}."
            )
        if not ((rows >= 0) & (rows <= 1)).all():  # NaN is neither
            raise ParameterError(
                "expected memberships from 0, a superpixel that is shown, to 1, one that is "
                "replaced; received a number below 0 or above 1, or NaN."
            )
        return rows


def open_surrogate(
    bundle: Bundle, local_shape: tuple[int, int] | None, provider: str = "cpu"
) -> Surrogate | None:
    """Open the surrogate of a bundle; None if it has none.

    Parameters
    ----------
    bundle
        The bundle.
    local_shape
        Of the local features that its embedder gives: see `lpel_serving.engine.embedder.Embedder`.
    provider
        See `lpel_serving.engine.session.open_model`.

    Raises
    ------
    BundleError
        If the embedder does not give what the surrogate takes, or the model is not as the manifest
        says.
    """
    record = bundle.manifest.surrogate
    if record is None or bundle.surrogate is None:
        return None
    wanted = (record.side**2, record.channels)
    if local_shape != wanted:
        raise BundleError(
            f"the surrogate takes local features of shape {wanted}, the embedder gives "
            f"{'none' if local_shape is None else local_shape}: the bundle was put together "
            "wrongly; export it again."
        )
    return Surrogate(bundle.surrogate, record, bundle.manifest.embedder.dimension, provider)


def try_out_surrogate(
    networks: Networks, record: SurrogateRecord, crops: NDArray[np.uint8]
) -> Floats:
    """Run a surrogate once, on N crops with every superpixel replaced, by the first of its fills.

    Returns
    -------
    NDArray[np.float32]
        Shape (N, 1, D).
    """
    images, fill = networks.features(crops), record.fills[0]
    donors = images if fill == TRANSPLANT else None
    return networks.simulate(images, np.ones((1, record.side**2), np.bool_), fill, donors)
