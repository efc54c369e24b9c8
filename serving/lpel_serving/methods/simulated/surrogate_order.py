"""Asks a surrogate, step by step, which square to hide next, and shows that order."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.ordering import mean_order, order_map
from lpel_serving.methods.both_ways import BothWays
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.kinds import Kind
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import ImageFeatures, Networks
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
from lpel_serving.methods.simulated.greedy import (
    changes_along,
    deletion_orders,
    insertion_orders,
    least_step,
)
from lpel_serving.methods.simulated.surrogate_attribution import attributions_of
from lpel_serving.support.arrays import Coalitions, Floats, SignedMap

DEFAULT_STEP = 1


@dataclass(frozen=True)
class SurrogateOrder:
    """An order by greed in the simulation, as a map, shape (side, side); no image is altered.

    A similar pair's superpixels are ordered by greedy deletion in the test, a dissimilar pair's by
    greedy insertion in both images. Where they are replaced in the test alone, as transplants are,
    the order of insertion is averaged by rank with that of the attributions (see `surrogate`):
    greed follows what is overestimated, and the two err at different places.

    The order of the map's values is exactly the order, so that the map is not enlarged. Their sizes
    are, for a similar pair, what each superpixel changes in the simulation on top of those before
    it; for a dissimilar one its attribution, since there each change on the way is larger the more
    is replaced already. They are made monotone: neighbours in the order that would rise share their
    mean, and each differs from the next by at least a hundred-thousandth of the largest. The map
    sums to what replacing all superpixels does.
    """

    title: ClassVar[str] = "Hiding in turn, simulated"
    paper: ClassVar[str] = (
        "greedy deletion and insertion as in Samek et al. 2017, Evaluating the visualization of "
        "what a deep neural network has learned, IEEE TNNLS, but simulated, and lazy, after Minoux "
        "1978, Accelerated greedy algorithms for maximizing submodular set functions; "
        f"{SURROGATES}"
    )
    needs: ClassVar[tuple[Need, ...]] = ("surrogate",)
    signed: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map predicts, from what the network computes of these two photographs, which parts to "
        "hide first to change the decision soonest. Nothing was hidden in them, and a prediction "
        "may be wrong."
    )
    fill: SimulatedFill = DEFAULT_FILL
    step: Annotated[
        int,
        Range(
            "Superpixels that are taken at a time, at the least: more where a fine grid would "
            "have too many coalitions simulated.",
            1,
            4096,
        ),
    ] = DEFAULT_STEP

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (side, side)."""
        del rng
        return self._maps(game_of(pair, networks, self.fill))[0]

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Compute both maps together; those of a dissimilar pair are equal, but of transplants."""
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
        orders = orders_of(game, self.step)
        steps = zip(orders, sizes_along(game, orders), strict=True)
        return on_grid(np.stack([order_map(order, values) for order, values in steps]))


def orders_of(game: Game, step: int) -> NDArray[np.int64]:
    """Order the superpixels of each direction of a game, shape (N, K): see `SurrogateOrder`."""
    step = max(step, least_step(game.superpixels))
    if game.similar:
        return deletion_orders(game, step)
    orders = insertion_orders(game, step)
    if game.in_both:
        return orders
    by_attribution = np.argsort(-attributions_of(game), axis=1, kind="stable")
    both = zip(orders, by_attribution, strict=True)
    return np.stack([mean_order(one, other) for one, other in both])


def sizes_along(game: Game, orders: NDArray[np.int64]) -> NDArray[np.floating]:
    """What each superpixel does, in the sequence of its order, not monotone yet, shape (N, K)."""
    if game.similar:
        return changes_along(game, orders)
    return np.take_along_axis(attributions_of(game), orders, axis=1)
