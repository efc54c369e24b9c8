"""A pair as a game: what a surrogate predicts that replacing coalitions does to the similarity.

The surrogate predicts expectations of unit embeddings, the shorter the less certain, so that an
expected cosine is their plain dot product.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.kinds import KINDS, Kind
from lpel_serving.methods.method import FacePair, ImageFeatures, Networks
from lpel_serving.support.arrays import Coalitions, Floats, Memberships
from lpel_serving.support.errors import EmbeddingError, ParameterError

SURROGATES = (
    "surrogates as in Frye et al. 2021, Shapley explainability on the data manifold, ICLR, and "
    "Covert et al. 2023, Learning to estimate Shapley values with vision transformers, ICLR"
)
"""The published kin of the surrogate."""

SimulatedFill = Annotated[
    Literal["normal", "mean", "blur", "transplant"],
    Range(
        "What superpixels are replaced by in the simulation; transplant, the other image's own, "
        "explains dissimilar pairs alone."
    ),
]
"""The type of a method's parameter that is a fill of the surrogate."""


@dataclass(frozen=True, eq=False)
class Game:
    """The directions of a pair as games on the same superpixels, played together.

    Attributes
    ----------
    networks
        With a surrogate.
    references, tests
        Of one direction or of both, N in all.
    similar
        The decision.
    kind, fill
        In which images superpixels are replaced, and by what.
    """

    networks: Networks
    references: ImageFeatures
    tests: ImageFeatures
    similar: bool
    kind: Kind
    fill: str

    @property
    def superpixels(self) -> int:
        """The number K of superpixels."""
        return self.tests.local.shape[1]

    @property
    def directions(self) -> int:
        """The number N of games: 1 where both directions are the same or only one is asked for."""
        return len(self.tests.embeddings)

    def changes(self, coalitions: Memberships) -> Floats:
        """Predict by how much coalitions speak for the decision, shape (N, M).

        Parameters
        ----------
        coalitions
            True or 1 where a superpixel is replaced, shape (M, K), or (N, M, K); see
            `lpel_serving.methods.method.Networks.simulate` for what lies between 0 and 1.

        Returns
        -------
        NDArray[np.float32]
            The fall of the similarity for a similar pair, its rise for a dissimilar one; 0 for the
            empty coalition.

        Raises
        ------
        EmbeddingError
            If the surrogate gives something else than finite embeddings of the coalitions.
        """
        masked = self._masked(coalitions)
        units = unit(self.references.embeddings), unit(self.tests.embeddings)
        if self.kind == "both":
            after = np.vecdot(masked[self.directions :], masked[: self.directions])
        else:
            after = np.vecdot(masked, units[0][:, np.newaxis])
        return for_the_decision(np.vecdot(*units), after, similar=self.similar)

    def _masked(self, coalitions: Memberships) -> Floats:
        """Predicted embeddings of the tests, then of the references if they are replaced too."""
        images, donors = self.tests, None
        if self.kind == "both":
            images = _joined([self.tests, self.references])
            if coalitions.ndim == 3:
                coalitions = np.concatenate([coalitions, coalitions])
        elif self.kind == TRANSPLANT:
            donors = self.references
        fill = TRANSPLANT if self.kind == TRANSPLANT else self.fill
        return simulated(self.networks, images, coalitions, fill, donors)


def game_of(pair: FacePair, networks: Networks, fill: str, *, both_ways: bool = False) -> Game:
    """Make the game that explains a pair's decision: see `game_between`."""
    images = features_of(pair, networks)
    return game_between(images, networks, fill, similar=pair.similar, both_ways=both_ways)


def game_between(
    images: ImageFeatures, networks: Networks, fill: str, *, similar: bool, both_ways: bool = False
) -> Game:
    """Make the game that explains a decision, from features of the two images alone.

    Superpixels are replaced in the test if the pair is called similar, in both images if
    dissimilar; transplants replace those of the test by the reference's.

    Parameters
    ----------
    images
        Reference and test.
    networks
        See `lpel_serving.methods.method.Method`.
    fill
        One that the surrogate knows.
    similar
        The decision.
    both_ways
        Whether to play the swapped pair too, where its game is another.

    Raises
    ------
    ParameterError
        If there is no surrogate, or the fill cannot explain such a pair.
    """
    if similar and fill == TRANSPLANT:
        raise ParameterError(
            "transplants from the other image explain dissimilar pairs, and this one was called "
            "similar: choose another fill, such as mean."
        )
    kind: Kind = "test" if similar else TRANSPLANT if fill == TRANSPLANT else "both"
    swapped = both_ways and kind != "both"
    references, tests = ([0, 1], [1, 0]) if swapped else ([0], [1])
    return Game(networks, images[references], images[tests], similar, kind, fill)


def predicted_changes(
    pair: FacePair, networks: Networks, coalitions: Coalitions, kind: str, fill: str
) -> Floats:
    """Predict what coalitions take from a decision, for any kind of replacement, shape (M,).

    Parameters
    ----------
    pair, networks
        See `lpel_serving.methods.method.Method`.
    coalitions
        True where a superpixel is replaced, bool, shape (M, K).
    kind
        One of `lpel_serving.methods.kinds.KINDS`.
    fill
        What superpixels are replaced by; not used for transplants.

    Returns
    -------
    NDArray[np.float32]
        The fall of the similarity if the pair is called similar, its rise if dissimilar.

    Raises
    ------
    ParameterError
        If there is no such kind or no surrogate, or it does not know the fill.
    """
    found: list[Kind] = [one for one in KINDS if one == kind]
    if not found:
        raise ParameterError(
            f"no kind of replacement is called {kind!r}; there are: {', '.join(KINDS)}."
        )
    images = features_of(pair, networks)
    game = Game(networks, images[[0]], images[[1]], pair.similar, found[0], fill)
    return game.changes(coalitions)[0]


def features_of(pair: FacePair, networks: Networks) -> ImageFeatures:
    """Compute what the surrogate needs of a pair: of the reference, then of the test."""
    local = networks.features(np.stack([pair.reference, pair.test])).local
    # The pair's own embeddings made the decision.
    return ImageFeatures(np.stack([pair.h_r, pair.h_t]), local)


def simulated(
    networks: Networks,
    images: ImageFeatures,
    coalitions: Memberships,
    fill: str,
    donors: ImageFeatures | None = None,
) -> Floats:
    """Ask the surrogate, and check its answer: see `lpel_serving.methods.method.Networks.simulate`.

    Raises
    ------
    EmbeddingError
        If it is not finite, or of another shape than (N, M, D).
    """
    masked = networks.simulate(images, coalitions, fill, donors)
    count, dimension = images.embeddings.shape
    expected = (count, coalitions.shape[-2], dimension)
    if masked.shape != expected:
        raise EmbeddingError(
            f"expected predicted embeddings of shape {expected} from the surrogate, received "
            f"{masked.shape}: the surrogate is of another network; train one for this."
        )
    if not np.isfinite(masked).all():
        raise EmbeddingError(
            "a predicted embedding holds NaN or infinity: the surrogate is broken."
        )
    return masked


def for_the_decision(before: Floats, after: Floats, *, similar: bool) -> Floats:
    """Sign changes of the similarity, (N,) to (N, M): positive where they speak for a decision."""
    rise = after - before[:, np.newaxis]
    return -rise if similar else rise


def on_grid(values: NDArray[np.float64]) -> Floats:
    """Lay attributions, shape (..., K), out on their square grid, float32, (..., side, side)."""
    side = round(values.shape[-1] ** 0.5)
    return values.reshape(*values.shape[:-1], side, side).astype(np.float32)


def _joined(images: Sequence[ImageFeatures]) -> ImageFeatures:
    return ImageFeatures(
        np.concatenate([one.embeddings for one in images]),
        np.concatenate([one.local for one in images]),
    )
