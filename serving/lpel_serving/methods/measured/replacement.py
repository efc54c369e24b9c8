"""Replaces superpixels by a fill, in the test or in both images, or by the reference's own."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.fill import FILLS, Fill
from lpel_serving.equations.superpixels import labels
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.kinds import KINDS, Kind
from lpel_serving.methods.method import FacePair
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import EmbeddingError, ParameterError

Filling = Annotated[
    Fill, Range("What hidden superpixels are filled with.", choices=FILLS, make=Fill)
]
"""The type of a method's parameter that is a fill."""


@dataclass(frozen=True, eq=False)
class Replacement:
    """A pair, and what its superpixels are replaced by.

    Attributes
    ----------
    comparison
        How the network compares.
    test, new_test
        The test image as it is, and with every superpixel replaced, uint8, shape (H, W, C).
    h_r, h_t
        Embeddings of reference and test as they are, shape (D,).
    reference, new_reference
        The same of the reference, if its superpixels are replaced too.
    transplants
        Whether ``new_test`` is the reference itself.
    """

    comparison: Comparison
    test: Pixels
    new_test: Pixels
    h_r: Floats
    h_t: Floats
    reference: Pixels | None = None
    new_reference: Pixels | None = None
    transplants: bool = False

    def images(self, chosen: NDArray[np.bool_]) -> list[Pixels]:
        """Replace the chosen superpixels, shape (K,): the images whose embeddings are needed."""
        images = [replace_superpixels(self.test, self.new_test, chosen)]
        if self.reference is not None and self.new_reference is not None:
            images.append(replace_superpixels(self.reference, self.new_reference, chosen))
        return images

    def known(self, chosen: NDArray[np.bool_]) -> float | None:
        """The similarity with the chosen superpixels replaced; None if it needs an embedding."""
        if not chosen.any():
            return float(self.comparison.similarity(self.h_r, self.h_t))
        if self.transplants and chosen.all():
            return float(self.comparison.similarity(self.h_r, self.h_r))
        return None

    @property
    def images_per_step(self) -> int:
        """The number of embeddings that one similarity needs."""
        return 1 if self.reference is None else 2

    def similarities(self, embeddings: Floats) -> Floats:
        """Compare the embeddings of `images`, shape (N * images_per_step, D), in order: (N,).

        Raises
        ------
        EmbeddingError
            If an embedding is not finite: its cosine would pass for that of a zero vector.
        """
        if not len(embeddings):
            return np.zeros(0, np.float32)
        if not (np.isfinite(embeddings).all() and np.isfinite(self.h_r).all()):
            raise EmbeddingError("an embedding holds NaN or infinity: the embedder is broken.")
        tests = embeddings[:: self.images_per_step]
        references = self.h_r if self.reference is None else embeddings[1::2]
        return self.comparison.similarity(np.broadcast_to(references, tests.shape), tests)


def replace_superpixels(image: Pixels, new: Pixels, chosen: NDArray[np.bool_]) -> Pixels:
    """Copy the chosen superpixels, bool, shape (K,), from `new`, and the rest from `image`."""
    side = round(len(chosen) ** 0.5)
    return np.where(chosen[labels(image.shape, side)][:, :, np.newaxis], new, image)


def replacement(
    pair: FacePair,
    comparison: Comparison,
    kind: Kind,
    fill: Fill,
    rng: np.random.Generator,
    *,
    shared_noise: bool = False,
) -> Replacement:
    """Define how a pair's superpixels are replaced.

    Parameters
    ----------
    pair, comparison
        The pair, and how the network compares.
    kind
        ``test``: in the test image alone, as the thesis does with similar pairs. ``both``: in both
        images at the same places, as it does with dissimilar ones. ``transplant``: those of the
        test image become the reference's at the same place, which needs no fill.
    fill
        What the first two replace superpixels by.
    rng
        Source of the noise.
    shared_noise
        For ``both``: the same noise in both images. Then every order ends at a similarity of 1.

    Raises
    ------
    ParameterError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise ParameterError(
            f"no kind of replacement is called {kind!r}; there are: {', '.join(KINDS)}."
        )
    known = (pair.h_r, pair.h_t)
    if kind == "transplant":
        return Replacement(comparison, pair.test, pair.reference, *known, transplants=True)
    for_test, for_reference = rng.spawn(2)
    if kind == "test":
        return Replacement(comparison, pair.test, fill(pair.test, for_test), *known)
    new_test = fill(pair.test, for_test)
    shared = shared_noise and fill.random
    new_reference = new_test if shared else fill(pair.reference, for_reference)
    return Replacement(comparison, pair.test, new_test, *known, pair.reference, new_reference)
