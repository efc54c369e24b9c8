"""Predicts what hiding each square would do, by asking a surrogate as all are hidden bit by bit."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.methods.both_ways import BothWays
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.decoded.responses import DEFAULT_SIZE, MapSide, enlarge
from lpel_serving.methods.kinds import Kind
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.methods.simulated.design import fixed_design
from lpel_serving.methods.simulated.game import (
    DEFAULT_FILL,
    SURROGATES,
    Game,
    SimulatedFill,
    features_of,
    game_about,
    game_between,
    game_of,
    on_grid,
)
from lpel_serving.support.arrays import Coalitions, Floats, SignedMap

DEFAULT_STEPS = 4
AUMANN_SHAPLEY = (
    "Aumann-Shapley values as in Aumann and Shapley 1974, Values of Non-Atomic Games, and "
    "Sundararajan et al. 2017, Axiomatic attribution for deep networks, ICML"
)
"""The source of the attribution."""


@dataclass(frozen=True)
class SurrogateAttribution:
    """Aumann-Shapley values of the similarity that a surrogate predicts; no image is altered.

    The surrogate replaces all superpixels together, little by little; a superpixel's value is what
    a little more of it changes, on average on the way. No image shows a superpixel replaced in
    part: there the surrogate moves its state a part of the way. On the grid the map sums to what
    replacing all superpixels does: the similarity's fall for a similar pair, its rise for a
    dissimilar one. The same coalitions are always simulated.
    """

    title: ClassVar[str] = "Hiding parts, simulated"
    paper: ClassVar[str] = f"{AUMANN_SHAPLEY}; {SURROGATES}"
    needs: ClassVar[tuple[Need, ...]] = ("surrogate",)
    signed: ClassVar[bool] = True
    one_file: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map predicts, from what the network computes of the two photographs, what hiding "
        "parts of them would do; nothing was hidden."
    )
    fill: SimulatedFill = DEFAULT_FILL
    steps: Annotated[
        int,
        Range(
            "Points between nothing and everything replaced that are simulated.", 1, 64, served=8
        ),
    ] = DEFAULT_STEPS
    size: MapSide = DEFAULT_SIZE

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (size, size)."""
        del rng
        return self._maps(game_of(pair, networks, self.fill))[0]

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Compute both maps in one simulation; those of a dissimilar pair are equal.

        Transplants have two different maps of a dissimilar pair.
        """
        del rng
        return self.from_features(features_of(pair, networks), networks, similar=pair.similar)

    def from_features(
        self, images: ImageFeatures, networks: Networks, *, similar: bool
    ) -> BothWays:
        """Compute both maps without the images: see `ExplainsFeatures`."""
        game = game_between(images, networks, self.fill, similar=similar, both_ways=True)
        maps = self._maps(game)
        return BothWays(maps[0], maps[-1])

    def predict(
        self,
        pair: FacePair,
        networks: Networks,
        coalitions: Coalitions,
        kind: Kind,
        fill: str,
        rng: np.random.Generator,
    ) -> Floats:
        """Predict what coalitions do to the decision, by simulation: see `PredictsCoalitions`."""
        del rng
        return game_about(pair, networks, kind, fill).changes(coalitions)[0]

    def _maps(self, game: Game) -> Floats:
        return enlarge(on_grid(attributions_of(game, self.steps)), self.size)


def attributions_of(game: Game, steps: int = DEFAULT_STEPS) -> Floats:
    """Attribute what replacing all superpixels does to each of them, float32, shape (N, K)."""
    design = fixed_design(steps, game.superpixels)
    return design.attributions(game.changes(design.coalitions))
