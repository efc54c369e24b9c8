"""A pair's faithfulness check in words, made from its numbers alone."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lpel_serving.faithfulness.judgement import Scale
from lpel_serving.faithfulness.study import Question
from lpel_serving.methods.measured.replacement import Kind
from lpel_serving.support.wording import number

_CAVEATS = (
    "A few random orders of one pair prove nothing; `lpel assess` measures many pairs.",
    "An order by the distance from the picture's centre usually beats them too.",
)
_OF_METHOD = (
    "The network was shown altered pictures, which no camera takes: an order that wins shows what "
    "it uses on those."
)
_OF_CONTROL = (
    "The map is a control, which does not depend on this pair: if its order wins, that is no sign "
    "of what the network uses, but what the order of an explanation has to beat."
)
_WHILE: Mapping[Kind, str] = MappingProxyType(
    {
        "test": "While the test picture loses its parts in that order",
        "both": "While both pictures lose their parts in that order",
        "transplant": "While the test picture takes over the reference's parts in that order",
    }
)
_ROUNDING = 5e-4
"""Shares that differ by no more are printed as equal."""


class Measured(Protocol):
    """The numbers of a check: see `lpel_serving.faithfulness.pair_check.PairCheck`."""

    @property
    def question(self) -> Question:
        """The curve."""
        ...

    @property
    def scale(self) -> Scale:
        """The scale of the curves."""
        ...

    @property
    def own(self) -> NDArray[np.float64]:
        """The curve of the map's order, shape (steps,)."""
        ...

    @property
    def random(self) -> NDArray[np.float64]:
        """The curves of random orders, shape (draws, steps)."""
        ...

    @property
    def area(self) -> float:
        """Area under the map's curve."""
        ...

    @property
    def random_areas(self) -> NDArray[np.float64]:
        """Areas under the random ones, shape (draws,)."""
        ...

    @property
    def first(self) -> float:
        """The similarity with nothing replaced."""
        ...


def headline(beaten: int, lost: int, draws: int) -> str:
    """Say how many of the random orders the map's order beats.

    Parameters
    ----------
    beaten, lost
        The number of random orders that are worse and better than the map's.
    draws
        The number of random orders.
    """
    if draws > 1 and lost == draws:
        return f"Worse than chance: all {draws} random orders beat its own."
    if not beaten:
        which = f"none of {draws} random orders" if draws > 1 else "not even the one random order"
        return f"No better than chance: its order beats {which}."
    which = f"{beaten} of {draws} random orders" if beaten < draws else f"all {draws} random orders"
    as_well = draws + 1 - beaten
    often = "once" if as_well == 1 else f"{as_well} times"
    chance = f"as a random order would {often} in {draws + 1}"
    if 2 * beaten <= draws:
        return f"No better than chance: its order beats {which}, {chance}."
    return f"Its order beats {which if draws > 1 else 'the one random order'}, {chance}."


def caveats(*, control: bool) -> tuple[str, ...]:
    """Return what the curves cannot prove, for a method's map or a control's."""
    return *_CAVEATS, _OF_CONTROL if control else _OF_METHOD


def in_numbers(one: Measured) -> Iterator[str]:
    """Yield the areas, as means of the curves, and the meaning of a curve below 0 or above 1."""
    yield f"{_WHILE[one.question.kind]}, {_means(one)}"
    if one.scale == "movement":
        return
    values = np.append(one.own, one.random)
    if values.min() < -_ROUNDING:
        yield _BELOW[one.scale]
    if values.max() > 1 + _ROUNDING:
        yield "Where a curve is above 1, the similarity is more than it was at first."


_BELOW: Mapping[Scale, str] = MappingProxyType(
    {
        "share": "Where a curve is below 0, the similarity itself is: to the network the pictures "
        "are less alike there than two that have nothing in common.",
        "rise": "Where a curve is below 0, the similarity is less than it was at first.",
    }
)


def _means(one: Measured) -> str:
    own, random = one.area, float(one.random_areas.mean())
    if one.scale == "movement":
        return (
            f"the similarity is on average {own:.3f} away from where it began; in random orders, "
            f"{random:.3f}. The less, the better the order."
        )
    better = "less" if one.scale == "share" else "more"
    if not all(-_ROUNDING < mean < 1 + _ROUNDING for mean in (own, random)):
        # As a percentage it would mean nothing to a reader.
        own, random = (_similarity(one, mean) for mean in (own, random))
        return (
            f"the similarity, {number(one.first)} at first, is {number(own)} on average; in random "
            f"orders, {number(random)}. The {better}, the better the order."
        )
    own, random = (abs(round(100 * mean, 1)) for mean in (own, random))
    if one.scale == "share":
        return (
            f"{own:.1f} % of the similarity is left on average; in random orders, {random:.1f} %. "
            f"The {better}, the better the order."
        )
    return (
        f"the similarity goes on average {own:.1f} % of its way up to 1; in random orders, "
        f"{random:.1f} %. The {better}, the better the order."
    )


def _similarity(one: Measured, mean: float) -> float:
    """Convert a mean from the curve's scale back to the cosine."""
    return mean * one.first if one.scale == "share" else one.first + mean * (1 - one.first)
