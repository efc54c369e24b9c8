"""A map in words: which parts of a face it points at, for the decision and against it."""

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from lpel_serving.regions import ELSEWHERE, RegionShare
from lpel_serving.wording import listed, percent

_BEYOND, _TIMES = 0.05, 1.25
"""A region is named if its share of a map is so much more than its area, and so many times that."""
_NAMED = 3
_LITTLE = 0.05
"""Less of a map than this is hardly anything."""


def on_map(
    heat_map: NDArray[np.float32], shares: Sequence[RegionShare], where: str
) -> tuple[str, ...]:
    """Say which regions a map points at beyond their size, for the decision and against it.

    Parameters
    ----------
    heat_map
        float32, shape (H, W), finite: positive where a pixel speaks for the decision.
    shares
        How it divides among the regions.
    where
        What the picture is called.
    """
    values = heat_map.astype(np.float64)
    if values.min() == values.max():
        return (f"In {where}, the map is flat: it points at no part of the face.",)
    against = float(np.maximum(-values, 0).sum() / np.abs(values).sum())
    in_favour = _gathers([(one, one.for_) for one in shares])
    if not against:
        return (f"In {where}, what the map marks {in_favour}.",)
    first = f"In {where}, " + (
        f"what speaks for the decision {in_favour}."
        if against < 1
        else "nothing speaks for the decision."
    )
    if against < _LITTLE:
        return first, "Hardly anything there speaks against it."
    opposed = _gathers([(one, one.against) for one in shares])
    part = f"{percent(against)} of the map" if against < 1 else "The whole map"
    more = "More speaks against it than for it: " if 0.5 < against < 1 else ""
    return first, f"{more}{part} speaks against it, and {opposed}."


def _gathers(shares: Sequence[tuple[RegionShare, float]]) -> str:
    """Name the regions that have more of a map than their size would give them."""
    named = [
        (region, share)
        for region, share in sorted(shares, key=itemgetter(1), reverse=True)
        if share >= max(region.area + _BEYOND, region.area * _TIMES)
    ]
    if not named:
        return "is spread over the picture, and no part of the face stands out"
    texts = [
        f"the {_title(region)} ({percent(share)} of it on {percent(region.area)} of the picture)"
        if (region, share) == named[0]
        else f"the {_title(region)} ({percent(share)} on {percent(region.area)})"
        for region, share in named[:_NAMED]
    ]
    return f"gathers in {listed(texts)}"


def _title(region: RegionShare) -> str:
    return "surroundings of the face" if region.name == ELSEWHERE else region.name
