"""Predicts what hiding each square would do, and corrects that by hiding a few sets of squares."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.fill import FILLS, TRANSPLANT, Fill
from lpel_serving.equations.ordering import order_map
from lpel_serving.equations.superpixels import superpixel_sums
from lpel_serving.methods.both_ways import BothWays
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.decoded.responses import DEFAULT_SIZE, MapSide, enlarge
from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.kinds import Kind
from lpel_serving.methods.measured.coalitions import Count, measured_evidence
from lpel_serving.methods.measured.correction import measured_correction
from lpel_serving.methods.measured.replacement import Replacement, replacement
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.methods.simulated.game import game_about, game_of, on_grid
from lpel_serving.methods.simulated.surrogate_order import DEFAULT_STEP, orders_of, sizes_along
from lpel_serving.support.arrays import Coalitions, Floats, SignedMap
from lpel_serving.support.errors import ParameterError

DEFAULT_COUNT = 32

FillingOrTransplant = Annotated[
    Fill | Literal["transplant"],
    Range(
        "What hidden superpixels are filled with; transplant, the other image's own, explains "
        "dissimilar pairs alone.",
        choices=(*FILLS, TRANSPLANT),
        make=Fill,
        words=(TRANSPLANT,),
    ),
]
"""The type of a fill that may be the other image."""


@dataclass(frozen=True)
class Hybrid:
    """The order of `surrogate-order`, corrected by `count` measured coalitions.

    They lie near the beginnings of the order, which follows what they say. A Gaussian process on
    the grid models what the surrogate got wrong. The error bar of a superpixel (see `both_ways`) is
    the standard deviation of what hiding it alone would be measured to do. The map is on the
    surrogate's grid.

    Without a surrogate that knows the fill, the attribution vectors that `responses` predicts are
    corrected, by random coalitions and without error bars, and the map is enlarged.
    """

    title: ClassVar[str] = "Hiding parts, predicted and measured"
    paper: ClassVar[str] = (
        "docs/surrogate.md; docs/responses.md; a Gaussian process with a predicted mean, as "
        "ShaplEIG of shapiq has for Shapley values"
    )
    needs: ClassVar[tuple[Need, ...]] = ("images",)
    any_of: ClassVar[tuple[Need, ...]] = ("surrogate", "responses")
    signed: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "The map is predicted from what the network computes of the two photographs, and "
        "corrected by hiding parts of them. No camera takes such pictures."
    )
    count: Count = DEFAULT_COUNT
    fill: FillingOrTransplant = field(default_factory=Fill)
    size: MapSide = DEFAULT_SIZE

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the map, shape (side, side), or (size, size) without the surrogate."""
        return self._explained(pair, networks, rng)[0]

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Compute both maps, with error bars where a surrogate knows the fill.

        Those of a dissimilar pair are equal, but of transplants.
        """
        once, again = EachOnce(networks), deepcopy(rng)
        forward, errors = self._explained(pair, once, rng)
        swapped, others = forward, errors
        if pair.similar or self.fill == TRANSPLANT:
            swapped, others = self._explained(pair.swapped, once, again)
        known = None if errors is None or others is None else (errors, others)
        return BothWays(forward, swapped, errors=known)

    def predict(
        self,
        pair: FacePair,
        networks: Networks,
        coalitions: Coalitions,
        kind: Kind,
        fill: str,
        rng: np.random.Generator,
    ) -> Floats:
        """Predict what coalitions do to the decision, corrected by `count` others measured alike.

        Without a surrogate that knows the fill, by the sum of the values of the map that measures
        it, whatever the kind: see `lpel_serving.methods.predicts.PredictsCoalitions`.
        """
        if fill not in networks.simulated_fills:
            side = round(coalitions.shape[1] ** 0.5)
            values = self._from_responses(pair, _fill_named(fill), networks, rng)
            return (coalitions @ superpixel_sums(values, side)).astype(np.float32)
        game = game_about(pair, networks, kind, fill)
        for_noise, for_pool = rng.spawn(2)
        filling = Fill() if kind == TRANSPLANT else _fill_named(fill)
        change = replacement(pair, networks.comparison, kind, filling, for_noise)
        found = measured_correction(game, change, networks, self.count, for_pool)
        return found.game.changes(coalitions)[0]

    def _explained(
        self, pair: FacePair, networks: Networks, rng: np.random.Generator
    ) -> tuple[SignedMap, Floats | None]:
        """The map, and the error bars on the grid where a surrogate knows the fill."""
        if not _is_simulated(self.fill, networks):
            return self._from_responses(pair, self.fill, networks, rng), None
        game = game_of(pair, networks, _name_of(self.fill))
        for_noise, for_pool = rng.spawn(2)
        change = replaced(pair, networks.comparison, self.fill, for_noise)
        found = measured_correction(game, change, networks, self.count, for_pool)
        orders = orders_of(found.game, DEFAULT_STEP)
        (order,), (sizes,) = orders, sizes_along(found.game, orders)
        return on_grid(order_map(order, sizes)), on_grid(found.errors)

    def _from_responses(
        self, pair: FacePair, fill: Fill | str, networks: Networks, rng: np.random.Generator
    ) -> SignedMap:
        if not isinstance(fill, Fill):
            raise ParameterError(
                "transplants are simulated before they are measured, and no surrogate knows them: "
                "train one with `lpel train --method surrogate`, or choose another fill."
            )
        try:
            priors = networks.respond(np.stack([pair.h_t, pair.h_r]))
        except ParameterError as error:
            if not networks.simulated_fills:
                raise
            known = ", ".join(networks.simulated_fills)
            raise ParameterError(
                f"the surrogate knows the fills {known} as they are by default, not {fill}; "
                f"and {error}"
            ) from error
        side = round(len(priors[0]) ** 0.5)
        of_both = (priors[0], priors[1])
        values = measured_evidence(pair, networks, self.count, side, fill, rng, priors=of_both)
        return enlarge(values, self.size)


def _is_simulated(fill: Fill | str, networks: Networks) -> bool:
    """Whether there is a surrogate that knows a fill: noise as it is by default, no other."""
    name = _name_of(fill)
    usual = not isinstance(fill, Fill) or fill == Fill(fill.name) or not fill.random
    return usual and name in networks.simulated_fills


def _name_of(fill: Fill | str) -> str:
    return fill.name if isinstance(fill, Fill) else fill


def _fill_named(name: str) -> Fill:
    """The fill of a name, as it is by default; raise `ParameterError` if there is none."""
    for one in FILLS:
        if one == name:
            return Fill(one)
    raise ParameterError(
        f"no fill that is measured without a surrogate is called {name!r}; there are: "
        f"{', '.join(FILLS)}."
    )


def replaced(
    pair: FacePair, comparison: Comparison, fill: Fill | str, rng: np.random.Generator
) -> Replacement:
    """Define what is replaced: in the test if the pair is called similar, in both if dissimilar.

    Transplants replace the test's superpixels by the reference's.

    The noise of an image does not depend on its role, so that a dissimilar pair loses the same both
    ways.
    """
    if not isinstance(fill, Fill):
        return replacement(pair, comparison, "transplant", Fill(), rng)
    if pair.similar:
        return replacement(pair, comparison, "test", fill, rng)
    ordered = pair if pair.reference.tobytes() <= pair.test.tobytes() else pair.swapped
    return replacement(ordered, comparison, "both", fill, rng)
