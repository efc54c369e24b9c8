"""The surrogate: predicts the embeddings of images with superpixels replaced, without the embedder.

Of its two graphs the first is run once for an image, the second for every question about it. It is
trained on scaled embeddings: of unit length, where their cosine is compared, which few networks but
FaceNet produce. This module scales its inputs, so that callers pass embeddings as the embedder
returns them.
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
    EFFECTS,
    EMBEDDING,
    FILL,
    LOCAL_FEATURES,
    MASKED_EMBEDDING,
    SHOWN_STATE,
    SurrogateRecord,
)
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.engine.from_embeddings import check_embeddings
from lpel_serving.engine.session import Session, open_model
from lpel_serving.engine.simulation import SimulationOfImages, check_finite
from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.methods.networks import ImageFeatures, Networks, Simulation
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError, EmbeddingError, ParameterError


class Surrogate:
    """An exported surrogate; safe to share among threads.

    Attributes
    ----------
    record
        Its grid, channels and fills.
    dimension
        Length D of the embeddings.
    comparison
        Whose scaled embeddings it takes and gives.
    """

    def __init__(
        self,
        graphs: SurrogateGraphs,
        record: SurrogateRecord,
        dimension: int,
        comparison: Comparison = COSINE,
        provider: str = "cpu",
    ) -> None:
        self.record = record
        self.comparison = comparison
        self.dimension = dimension
        superpixels = record.side**2
        vector, local = (None, dimension), (None, superpixels, record.channels)
        self._hiding = open_model(
            graphs.surrogate,
            {
                EMBEDDING: vector,
                LOCAL_FEATURES: local,
                DONOR_EMBEDDING: vector,
                DONOR_FEATURES: local,
                FILL: (),
            },
            {SHOWN_STATE: (None, None), EFFECTS: (None, record.effects, None)},
            provider=provider,
            threads=1,  # a second thread pool would compete with the embedder's
        )
        state = _length_of_states(self._hiding)
        self._simulation = open_model(
            graphs.simulation,
            {
                SHOWN_STATE: (None, state),
                EFFECTS: (None, record.effects, state),
                EMBEDDING: vector,
                DONOR_EMBEDDING: vector,
                COALITION: (None, None, superpixels),
            },
            {MASKED_EMBEDDING: (None, None, dimension)},
            provider=provider,
            threads=1,
        )

    def simulate(
        self, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None
    ) -> Simulation:
        """Compute what replacing superpixels does to N images, to be asked about coalitions.

        Each image is computed by itself, and no answer depends on what else is asked.

        Parameters
        ----------
        images, fill, donors
            See `lpel_serving.methods.networks.Networks.simulate`; embeddings may be of any length.

        Returns
        -------
        Simulation
            See `lpel_serving.methods.networks.Simulation`; it raises `BundleError` if the model
            gives something else than finite vectors of length D. It keeps K + E times as many
            numbers for each image as a state has: 180 kB for the shipped surrogate.

        Raises
        ------
        ParameterError
            If it does not know the fill, or donors are missing or not to be given.
        EmbeddingError
            If features are of another shape, or not finite.
        BundleError
            If the model gives something else than finite states.
        """
        number = self._number_of(fill, donors)
        own = self._checked(images)
        # Only transplants read donors.
        none = ImageFeatures(np.zeros_like(own.embeddings), own.local)
        given = none if donors is None else self._checked(donors)
        if len(given.embeddings) != len(own.embeddings):
            raise ParameterError(
                f"expected a donor for each of the {len(own.embeddings)} images, received "
                f"{len(given.embeddings)}."
            )
        each = [slice(image, image + 1) for image in range(len(own.embeddings))]
        hidden = tuple(self._hidden(own[of], given[of], number) for of in each)
        return SimulationOfImages(
            self._simulation, self.record.side**2, hidden, own.embeddings, given.embeddings
        )

    def _hidden(
        self, own: ImageFeatures, given: ImageFeatures, number: NDArray[np.int64]
    ) -> Mapping[str, Floats]:
        """Run the first graph on one image."""
        inputs: dict[str, NDArray[Any]] = {
            EMBEDDING: own.embeddings,
            LOCAL_FEATURES: own.local,
            DONOR_EMBEDDING: given.embeddings,
            DONOR_FEATURES: given.local,
            FILL: number,
        }
        wanted = (SHOWN_STATE, EFFECTS)
        shown, effects = self._hiding.run_all(inputs, wanted)
        state = shown.shape[-1]
        check_finite(shown, (1, state))
        check_finite(effects, (1, self.record.effects, state))
        return {SHOWN_STATE: shown, EFFECTS: effects}

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
        """Check the features of images, and scale their embeddings."""
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
        scaled = self.comparison.scale(np.asarray(images.embeddings, np.float32))
        return ImageFeatures(scaled, local)


def _length_of_states(session: Session) -> int | None:
    """Numbers of a state, None if the first graph does not say."""
    shown, effects = session.declared(SHOWN_STATE), session.declared(EFFECTS)
    if shown is None or effects is None or shown[-1] != effects[-1]:
        raise BundleError(
            f"the surrogate gives {SHOWN_STATE} of shape {shown} and {EFFECTS} of shape {effects}; "
            "expected states of one length: the bundle was put together wrongly; export it again."
        )
    return shown[-1]


def open_surrogate(
    bundle: Bundle,
    local_shape: tuple[int, int] | None,
    comparison: Comparison = COSINE,
    provider: str = "cpu",
) -> Surrogate | None:
    """Open the surrogate of a bundle; None if it has none.

    Parameters
    ----------
    bundle
        The bundle.
    local_shape
        Of the local features that its embedder gives: see `lpel_serving.engine.embedder.Embedder`.
    comparison
        The bundle's.
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
    dimension = bundle.manifest.embedder.dimension
    return Surrogate(bundle.surrogate, record, dimension, comparison, provider)


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
    return networks.simulate(images, fill, donors)(np.ones((1, record.side**2), np.bool_))
