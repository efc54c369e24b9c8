"""What a job keeps of its images beside embeddings: local features, simulations, or nothing."""

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.store.by_number import GIVEN
from lpel_serving.batch.store.chunk_arrays import ChunkArrays
from lpel_serving.batch.store.folder import Places
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.equations.aumann_shapley import Design
from lpel_serving.methods.catalogue.description import asks
from lpel_serving.methods.from_features import template_features
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.methods.simulated.design import fixed_design
from lpel_serving.methods.simulated.stored import simulate_images
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError, EmbeddingError

Keep = Callable[[Sequence[int], ImageFeatures], None]
"""Keeps what is to be kept of images, by their places in their chunk."""


@dataclass(frozen=True)
class Simulations:
    """The simulations that a job keeps, from which one method explains.

    Attributes
    ----------
    method
        The method.
    superpixels
        K.
    arrays
        Where they are, shape (D, M): see `lpel_serving.methods.simulated.stored.simulate_images`.
    ahead
        Whether each image is simulated when it is embedded, and not when a pair needs it.
    """

    method: SurrogateAttribution
    superpixels: int
    arrays: ChunkArrays
    ahead: bool = True

    @property
    def design(self) -> Design:
        """The M coalitions that are simulated."""
        return fixed_design(self.method.steps, self.superpixels)

    def of(self, images: ImageFeatures, networks: Networks) -> Floats:
        """Simulate N images, float32, shape (N, D, M); NaN where the surrogate gives none.

        So an image that it fails on is no end of a job: its pairs have no maps, others have theirs.
        """
        try:
            return simulate_images(self.method, networks, images)
        except (BundleError, EmbeddingError):
            count = len(images.embeddings)
            if count == 1:
                return np.full((1, *self.arrays.shape), np.nan, np.float32)
            return np.concatenate([self.of(images[[one]], networks) for one in range(count)])


@dataclass(frozen=True)
class Keeping:
    """What a job keeps of each image beside its embedding, from the same pass.

    Attributes
    ----------
    local
        Where local features are, shape (K, C); None if no surrogate is asked.
    simulations
        What is kept instead of local features where the method explains from simulations.
    later
        Whether local features are kept in any case, for later jobs.
    """

    local: ChunkArrays | None = None
    simulations: Simulations | None = None
    later: bool = False

    def suited(self, *, uses: int, images: int) -> "Keeping":
        """Keep what suits a job whose pairs use that many images, some of them more than once.

        A search names few of a large gallery: those are simulated when they are found, from local
        features.
        """
        if self.simulations is None:
            return self
        return replace(self, simulations=replace(self.simulations, ahead=uses >= images))

    @property
    def ahead(self) -> Simulations | None:
        """The simulations, if they are made of each image when it is embedded."""
        return self.simulations if self.simulations and self.simulations.ahead else None

    def is_done(self, places: Places, chunk: int) -> bool:
        """Whether all is there of a chunk: embeddings come last, but for those known before."""
        simulated = self.ahead is None or self.ahead.arrays.holds(chunk)
        return simulated and places.embeddings(chunk).is_file()

    @contextmanager
    def writing(self, chunk: int, images: int, networks: Networks) -> Generator[Keep]:
        """Write what is kept of a chunk; the files appear when they are complete."""
        keeps_local = self.local is not None and (self.ahead is None or self.later)
        with ExitStack() as stack:
            local = self.local.writing(chunk, images) if self.local and keeps_local else None
            put_local = None if local is None else stack.enter_context(local)
            simulate = self._simulating(stack, chunk, images, networks)

            def keep(places: Sequence[int], features: ImageFeatures) -> None:
                if put_local is not None:
                    for place, one in zip(places, features.local, strict=True):
                        put_local(place, one)
                simulate(places, features)

            yield keep

    @contextmanager
    def simulating(self, chunk: int, images: int, networks: Networks) -> Generator[Keep]:
        """Write simulations alone, of images whose local features are there."""
        with ExitStack() as stack:
            yield self._simulating(stack, chunk, images, networks)

    def _simulating(self, stack: ExitStack, chunk: int, images: int, networks: Networks) -> Keep:
        simulations = self.ahead
        if simulations is None:
            return lambda places, features: None  # noqa: ARG005
        put = stack.enter_context(simulations.arrays.writing(chunk, images))

        def keep(places: Sequence[int], features: ImageFeatures) -> None:
            for place, one in zip(places, simulations.of(features, networks), strict=True):
                put(place, one)

        return keep

    def features(self, numbers: NDArray[np.int64], embeddings: Floats) -> ImageFeatures:
        """Find features of images by their numbers, those of templates with local features of 0.

        Parameters
        ----------
        numbers
            Shape (N,).
        embeddings
            Theirs, float32, shape (N, D).

        Raises
        ------
        OutputError
            If a file of them is not there, or damaged.
        """
        if self.local is None:
            return template_features(embeddings, 0, 0)
        found = template_features(embeddings, *self.local.shape)
        for row, number in enumerate(numbers.tolist()):
            if number < GIVEN:
                found.local[row] = self.local.read(number)
        return found


NOTHING = Keeping()
"""A job that explains from embeddings, or from the images themselves."""


def keeping_of(
    settings: BatchSettings, manifest: Manifest, places: Places, *, later: bool
) -> Keeping:
    """Find what a job keeps.

    Parameters
    ----------
    settings
        With the name of the method.
    manifest
        Of the bundle.
    places
        The files of the job.
    later
        Whether later jobs are to have local features too.
    """
    record, method = manifest.surrogate, settings.make_method()
    if record is None or not asks(method, "surrogate"):
        return NOTHING
    shape = (record.side**2, record.channels)
    local = ChunkArrays(places.local_features, shape)
    if not (settings.source == "simulations" and isinstance(method, SurrogateAttribution)):
        return Keeping(local, later=later)
    coalitions = len(fixed_design(method.steps, shape[0]).coalitions)
    arrays = ChunkArrays(places.simulations, (manifest.embedder.dimension, coalitions))
    return Keeping(local, Simulations(method, shape[0], arrays), later)
