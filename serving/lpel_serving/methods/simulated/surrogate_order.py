"""Asks a surrogate, step by step, which square to hide next, and shows that order."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.equations.ordering import mixed_order, order_map
from lpel_serving.methods.both_ways import BothWays
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.method import FacePair, Need, Networks
from lpel_serving.methods.simulated.game import (
    SURROGATES,
    SimulatedFill,
    game_of,
    on_grid,
    predicted_changes,
)
from lpel_serving.methods.simulated.greedy import changes_along, greedy_orders
from lpel_serving.support.arrays import Coalitions, Floats, SignedMap
from lpel_serving.support.errors import ParameterError


@dataclass(frozen=True)
class UsualRanks:
    """The usual rank of each superpixel, by decision: see `equations.ordering.mixed_order`.

    Attributes
    ----------
    similar, dissimilar
        K numbers each.
    """

    similar: tuple[float, ...]
    dissimilar: tuple[float, ...]


@dataclass(frozen=True)
class SurrogateOrder:
    """A greedy order in the simulation, as a map, shape (side, side); no altered image is embedded.

    The order of the map's values is exactly the order, so that the map is not enlarged. Their sizes
    are what each superpixel changes in the simulation on top of those before it, made monotone:
    neighbours in the order that would rise share their mean, and each differs from the next by at
    least a hundred-thousandth of the largest. The map sums to what replacing all superpixels does.
    """

    title: ClassVar[str] = "Hiding parts in turn, simulated"
    paper: ClassVar[str] = (
        "greedy deletion as in Samek et al. 2017, Evaluating the visualization of what a deep "
        f"neural network has learned, IEEE TNNLS, but simulated; {SURROGATES}"
    )
    needs: ClassVar[tuple[Need, ...]] = ("surrogate",)
    signed: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map shows in which order parts would be hidden to change the decision soonest, as "
        "predicted from what the network computes of the two photographs; nothing was hidden."
    )
    fill: SimulatedFill = "mean"
    step: Annotated[int, Range("Superpixels that are taken at a time.", 1, 4096)] = 2
    own: Annotated[
        float, Range("Weight of the pair's own order; the rest is the usual order's.", 0, 1)
    ] = 1.0
    usual: UsualRanks | None = None

    def __post_init__(self) -> None:
        check_own(self)
        if self.own < 1 and self.usual is None:
            raise ParameterError(
                f"a weight of {self.own} for the pair's own order leaves the rest to the usual "
                "order, and none is given: give `usual`, or leave own at 1."
            )

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (side, side)."""
        del rng
        return self._maps(pair, networks, both_ways=False)[0]

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Compute both maps together; those of a dissimilar pair are equal, but of transplants."""
        del rng
        maps = self._maps(pair, networks, both_ways=True)
        return BothWays(maps[0], maps[-1])

    def predict(
        self, pair: FacePair, networks: Networks, coalitions: Coalitions, kind: str, fill: str
    ) -> Floats:
        """Predict what coalitions do to the decision: see `predicted_changes`."""
        return predicted_changes(pair, networks, coalitions, kind, fill)

    def _maps(self, pair: FacePair, networks: Networks, *, both_ways: bool) -> Floats:
        game = game_of(pair, networks, self.fill, both_ways=both_ways)
        orders = greedy_orders(game, self.step)
        if self.usual is not None:
            ranks = np.array(self.usual.similar if pair.similar else self.usual.dissimilar)
            orders = np.stack([mixed_order(order, ranks, self.own) for order in orders])
        changes = changes_along(game, orders)
        steps = zip(orders, changes, strict=True)
        return on_grid(np.stack([order_map(order, values) for order, values in steps]))
