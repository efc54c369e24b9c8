"""A pair as a game: what a surrogate predicts that replacing coalitions does to the similarity.

The surrogate predicts expectations of scaled embeddings: see `lpel_serving.equations.comparison`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.fill import TRANSPLANT, FillName
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.kinds import KINDS, Kind
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import ImageFeatures, Networks, Simulates, Simulation
from lpel_serving.methods.simulated.simulation import simulation_of
from lpel_serving.support.arrays import Floats, Memberships
from lpel_serving.support.errors import ParameterError

SURROGATES = (
    "surrogates as in Frye et al. 2021, Shapley explainability on the data manifold, ICLR, and "
    "Covert et al. 2023, Learning to estimate Shapley values with vision transformers, ICLR"
)
"""The published kin of the surrogate."""

SimulatedFill = Annotated[
    Literal[FillName, "transplant"],
    Range(
        "What superpixels are replaced by in the simulation, one of the fills that the surrogate "
        "was trained on; transplant, the other image's own, explains dissimilar pairs alone."
    ),
]
"""The type of a method's parameter that is a fill of the surrogate."""
DEFAULT_FILL: FillName = "mean"
"""What a method asks a surrogate about unless another fill is named."""


@dataclass(frozen=True, eq=False)
class Game:
    """The directions of a pair as games on the same superpixels, played together.

    Attributes
    ----------
    comparison
        How the network compares.
    similar
        The decision.
    superpixels
        Their number K.
    before
        The similarity with nothing replaced, float32, shape (N,), for N games; N is 1 where both
        directions are the same or only one is asked for.
    references
        Scaled embeddings of the references, float32, shape (N, D); None where superpixels are
        replaced in them too.
    simulation
        Of the tests, then of the references if superpixels are replaced in them too.
    corrections
        What is added to the changes that are predicted, by member, shape (K,); None for nothing.
    """

    comparison: Comparison
    similar: bool
    superpixels: int
    before: Floats
    references: Floats | None
    simulation: Simulation
    corrections: NDArray[np.float64] | None = None

    @property
    def directions(self) -> int:
        """The number N of games."""
        return len(self.before)

    @property
    def in_both(self) -> bool:
        """Whether superpixels are replaced in both images."""
        return self.references is None

    def changes(self, coalitions: Memberships) -> Floats:
        """Predict by how much coalitions speak for the decision, shape (N, M).

        Parameters
        ----------
        coalitions
            True or 1 where a superpixel is replaced, shape (M, K), or (N, M, K); see
            `lpel_serving.methods.networks.Simulation` for what lies between 0 and 1.

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
        if self.references is not None:
            masked = self.simulation(coalitions)
            after = self.comparison.of_scaled(self.references[:, np.newaxis], masked)
        else:
            twice = [coalitions, coalitions]
            masked = self.simulation(np.concatenate(twice) if coalitions.ndim == 3 else coalitions)
            tests, references = masked[: self.directions], masked[self.directions :]
            after = self.comparison.of_scaled(references, tests)
        changes = for_the_decision(self.before, after, similar=self.similar)
        if self.corrections is None:
            return changes
        return changes + (coalitions @ self.corrections).astype(np.float32)


def game_of(pair: FacePair, networks: Networks, fill: str, *, both_ways: bool = False) -> Game:
    """Make the game that explains a pair's decision: see `game_between`."""
    images = features_of(pair, networks)
    return game_between(images, networks, fill, similar=pair.similar, both_ways=both_ways)


def game_between(
    images: ImageFeatures,
    networks: Simulates,
    fill: str,
    *,
    similar: bool,
    both_ways: bool = False,
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
    return _played(images, networks, kind, fill, similar=similar, both_ways=swapped)


def game_about(pair: FacePair, networks: Networks, kind: Kind, fill: str) -> Game:
    """Make the game of any kind of replacement, one direction: see `game_between`.

    Parameters
    ----------
    pair, networks
        See `lpel_serving.methods.method.Method`.
    kind
        One of `lpel_serving.methods.kinds.KINDS`.
    fill
        What superpixels are replaced by; not used for transplants.

    Raises
    ------
    ParameterError
        If there is no such kind or no surrogate, or it does not know the fill.
    """
    if kind not in KINDS:
        raise ParameterError(
            f"no kind of replacement is called {kind!r}; there are: {', '.join(KINDS)}."
        )
    images = features_of(pair, networks)
    return _played(images, networks, kind, fill, similar=pair.similar, both_ways=False)


def features_of(pair: FacePair, networks: Networks) -> ImageFeatures:
    """Compute what the surrogate needs of a pair: of the reference, then of the test."""
    local = networks.features(np.stack([pair.reference, pair.test])).local
    # The pair's own embeddings made the decision.
    return ImageFeatures(np.stack([pair.h_r, pair.h_t]), local)


def for_the_decision(before: Floats, after: Floats, *, similar: bool) -> Floats:
    """Sign changes of the similarity, (N,) to (N, M): positive where they speak for a decision."""
    rise = after - before[:, np.newaxis]
    return -rise if similar else rise


def on_grid(values: NDArray[np.floating]) -> Floats:
    """Lay attributions, shape (..., K), out on their square grid, float32, (..., side, side)."""
    side = round(values.shape[-1] ** 0.5)
    return values.reshape(*values.shape[:-1], side, side).astype(np.float32)


def _played(
    images: ImageFeatures,
    networks: Simulates,
    kind: Kind,
    fill: str,
    *,
    similar: bool,
    both_ways: bool,
) -> Game:
    references, tests = ([0, 1], [1, 0]) if both_ways else ([0], [1])
    comparison = networks.comparison
    scaled = comparison.scale(images.embeddings)
    before = comparison.of_scaled(scaled[references], scaled[tests])
    if kind == "both":
        simulation = simulation_of(networks, images[[*tests, *references]], fill)
    elif kind == TRANSPLANT:
        simulation = simulation_of(networks, images[tests], TRANSPLANT, images[references])
    else:
        simulation = simulation_of(networks, images[tests], fill)
    fixed = None if kind == "both" else scaled[references]
    return Game(comparison, similar, images.local.shape[1], before, fixed, simulation)
