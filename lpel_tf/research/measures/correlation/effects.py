"""What random coalitions of superpixels do to the similarity of each pair, measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.measured.embedding_losses import draw_coalitions
from lpel_serving.methods.measured.replacement import KINDS, Kind, Replacement, replacement
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Coalitions, Floats
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent

UNSEEN = 48
"""Coalitions of each pair: with so many the correlation of one pair is known to about 0.1."""


@dataclass(frozen=True)
class Hiding:
    """How coalitions are replaced, and how many of them.

    Attributes
    ----------
    kind
        In the test, in both images at the same places, with noise of their own, or the test's by
        the reference's: see `lpel_serving.methods.measured.replacement.replacement`.
    fill
        What the first two replace superpixels by.
    count
        Coalitions of each pair, of 1 to 3/8 of the superpixels.
    side
        Superpixels along one side.
    """

    kind: Kind
    fill: Fill = field(default_factory=Fill)
    count: int = UNSEEN
    side: int = 8

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"no kind of replacement is called {self.kind!r}: {KINDS}.")
        if self.count < 3:
            raise ParameterError(
                f"with size partialled out, at least 3 coalitions are correlated; received "
                f"{self.count}."
            )

    @property
    def fill_name(self) -> str:
        """The fill's name, ``transplant`` where superpixels are the reference's own."""
        return "transplant" if self.kind == "transplant" else self.fill.name


@dataclass(frozen=True, eq=False)
class Effects:
    """Coalitions of each pair, and what they do.

    Attributes
    ----------
    coalitions
        True where a superpixel is replaced, bool, shape (pairs, M, K).
    values
        What they take from the decision: the fall of the similarity of a similar pair, the rise of
        that of a dissimilar one, float64, shape (pairs, M).
    """

    coalitions: NDArray[np.bool_]
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MeasuredCoalitions:
    """Coalitions replaced in one pair, and the embeddings of the images that came of it."""

    pair: FacePair
    coalitions: Coalitions
    change: Replacement
    embeddings: Floats

    @property
    def effects(self) -> NDArray[np.float64]:
        """What they take from the decision, shape (M,): see `Effects`."""
        before = self.change.comparison.similarity(self.pair.h_r, self.pair.h_t)
        fall = before - self.change.similarities(self.embeddings).astype(np.float64)
        return fall if self.pair.similar else -fall


def measure_effects(
    networks: Networks,
    pairs: Sequence[FacePair],
    hiding: Hiding,
    rng: np.random.Generator,
    *,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> Effects:
    """Measure what coalitions, drawn for each pair anew, do to its similarity.

    Parameters
    ----------
    networks
        The embedder.
    pairs
        At least one, read one by one.
    hiding
        The definition.
    rng
        The source of randomness: the same one gives the same result at any batch size.
    batch_size
        Images in one inference.
    progress
        Receives progress after each pair.

    Raises
    ------
    ParameterError
        If there are no pairs.
    EmbeddingError
        If an embedding is not finite.
    """
    if not len(pairs):
        raise ParameterError("effects are measured on at least 1 pair; received none.")
    seed = int(rng.integers(2**62))
    with progress(f"coalitions ({hiding.kind}, {hiding.fill_name})", len(pairs)) as advance:
        found: list[MeasuredCoalitions] = []
        for one in each_measured(networks, pairs, hiding, seed, batch_size=batch_size):
            found.append(one)
            advance(1)
    return Effects(
        np.stack([one.coalitions for one in found]), np.stack([one.effects for one in found])
    )


def each_measured(
    networks: Networks,
    pairs: Sequence[FacePair],
    hiding: Hiding,
    seed: int,
    *,
    batch_size: int = DEFAULT_BATCH,
) -> Iterator[MeasuredCoalitions]:
    """Draw, replace and embed the coalitions of pair after pair."""

    def jobs() -> Iterator[EmbeddingJob[tuple[FacePair, Coalitions, Replacement]]]:
        for i in range(len(pairs)):
            pair = pairs[i]
            drawn = draw_coalitions(
                np.random.default_rng((seed, i, 0)), hiding.count, hiding.side**2
            )
            noise = np.random.default_rng((seed, i, 1))
            change = replacement(pair, networks.comparison, hiding.kind, hiding.fill, noise)
            images = (image for chosen in drawn for image in change.images(chosen))
            yield EmbeddingJob((pair, drawn, change), images, len(drawn) * change.images_per_step)

    for (pair, drawn, change), embeddings in embed_jobs(networks.embed, jobs(), batch_size):
        yield MeasuredCoalitions(pair, drawn, change, embeddings)
