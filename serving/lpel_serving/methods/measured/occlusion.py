"""Hides one square at a time, and measures what that does to the similarity (Zeiler 2014)."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.measured.replacement import Filling, Kind, replacement
from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap


@dataclass(frozen=True)
class Occlusion:
    """Hides each superpixel by itself; the curves show it as what a good order can reach.

    How superpixels are replaced: see `lpel_serving.methods.measured.replacement.replacement`.
    """

    title: ClassVar[str] = "Hiding one square at a time"
    paper: ClassVar[str] = (
        "Zeiler and Fergus 2014, Visualizing and understanding convolutional networks. ECCV"
    )
    needs: ClassVar[tuple[Need, ...]] = ("images",)
    signed: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map was measured by hiding one square at a time, which leaves most of the face to "
        "be seen. Where such maps were measured, they were no better than the distance from the "
        "centre of the picture."
    )
    elsewhere: ClassVar[str] = (
        "The map was measured by hiding one square at a time, which leaves most of the face to "
        "be seen."
    )
    side: Annotated[
        int,
        Range(
            "Superpixels along one side, each of which costs an embedding, or two with kind=both.",
            1,
            served=64,
        ),
    ] = 8
    kind: Annotated[
        Kind, Range("What loses superpixels: the test, both, or the test to the reference's own.")
    ] = "test"
    fill: Filling = field(default_factory=Fill)
    shared_noise: Annotated[bool, Range("Whether both images get the same noise.")] = False

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (side, side).

        For a similar pair it is the fall in similarity when the superpixel alone is hidden, for a
        dissimilar pair the rise.
        """
        change = replacement(
            pair,
            networks.comparison,
            self.kind,
            self.fill,
            rng,
            shared_noise=self.shared_noise,
        )
        images = (
            image for one in np.eye(self.side**2, dtype=np.bool_) for image in change.images(one)
        )
        job = EmbeddingJob(None, images, self.side**2 * change.images_per_step)
        ((_, embeddings),) = embed_jobs(networks.embed, [job])
        before = networks.comparison.similarity(pair.h_r, pair.h_t)
        rise = (change.similarities(embeddings) - before).reshape(self.side, self.side)
        return -rise if pair.similar else rise
