"""A map in words: which parts of a face speak for the decision, and which against it."""

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.usual_record import Shares, UsualMaps
from lpel_serving.equations.decision import DECISIONS
from lpel_serving.equations.regions import ELSEWHERE, RegionShare, region_shares
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.support.wording import listed, percent

_BEYOND, _TIMES = 0.05, 1.25
"""A region is named if its share of a map is so much more than its area, and so many times that."""
_NAMED = 3
_LITTLE = 0.05
"""Less of a map than this is hardly anything."""
_OTHERS = {1: "less", -1: "more"}
"""What nine in ten other pairs have, by `UsualShare.side`."""

_Share = tuple[RegionShare, float]
MapShares = tuple[Sequence[RegionShare], Sequence[RegionShare]]
"""The shares of the regions in the maps of the test and of the reference."""


def shares_of(pair: PairExplanation) -> MapShares:
    """Compute the shares of the regions in the maps of the test and of the reference.

    There are none where an image is not plausible, or the pictures have no regions.
    """
    if pair.doubt is not None or (pair.origin is not None and not pair.origin.subject.of_faces):
        return (), ()
    return region_shares(pair.forward.heat_map), region_shares(pair.swapped.heat_map)


def on_map(
    heat_map: NDArray[np.float32],
    shares: Sequence[RegionShare],
    where: str,
    usual: UsualMaps | None = None,
    *,
    similar: bool = True,
) -> tuple[str, ...]:
    """Name the regions whose share exceeds their area, for and against the decision.

    Where usual shares are known, each share stands beside the usual one, with a sentence on whether
    most other pairs have such shares too: if so, they say little about this one.

    Parameters
    ----------
    heat_map
        float32, shape (H, W), finite: positive where a pixel speaks for the decision.
    shares
        Those of its regions; none where pictures have none: then it is said how much of the map
        speaks against the decision, and not where.
    where
        What the picture is called.
    usual
        The usual shares of such maps; None if they were not measured.
    similar
        The decision on the pair.
    """
    values = heat_map.astype(np.float64)
    if values.min() == values.max():
        whole = "face" if shares else "picture"
        return (f"In {where}, the map is flat: it points at no part of the {whole}.",)
    against = float(np.maximum(-values, 0).sum() / np.abs(values).sum())
    if not shares:
        return _against(against, where)
    for_ = None if usual is None else usual.for_
    named = _named([(one, one.for_) for one in shares])
    in_favour, compared = _gathers(named, for_), _compared(named, for_, DECISIONS[similar])
    if not against:
        return f"In {where}, what the map marks {in_favour}.", *compared
    first = (
        (f"In {where}, what speaks for the decision {in_favour}.", *compared)
        if against < 1
        else (f"In {where}, nothing speaks for the decision.",)
    )
    if against < _LITTLE:
        return *first, "Hardly anything there speaks against it."
    named = _named([(one, one.against) for one in shares])
    opposed = _gathers(named, None if usual is None else usual.against)
    part = f"{percent(against)} of the map" if against < 1 else "The whole map"
    more = "More speaks against it than for it: " if 0.5 < against < 1 else ""
    return *first, f"{more}{part} speaks against it, and {opposed}."


def _against(share: float, where: str) -> tuple[str, ...]:
    """Say how much of a map speaks against the decision, where it does not say in which parts."""
    if not share:
        return ()
    if share == 1:
        return (f"In {where}, nothing speaks for the decision.",)
    part = "hardly anything" if share < _LITTLE else f"{percent(share)} of the map"
    return (f"In {where}, {part} speaks against the decision.",)


def _named(shares: Sequence[_Share]) -> list[_Share]:
    """Find the regions whose share exceeds their area, the largest share first."""
    return [
        (region, share)
        for region, share in sorted(shares, key=itemgetter(1), reverse=True)
        if share >= max(region.area + _BEYOND, region.area * _TIMES)
    ][:_NAMED]


def _gathers(named: Sequence[_Share], usual: Shares | None) -> str:
    """Name the regions with their shares, the usual shares and their areas."""
    if not named:
        return "is spread over the picture, and no part of the face stands out"
    texts: list[str] = []
    for region, share in named:
        of_it, of_picture = ("", "") if texts else (" of it", " of the picture")
        beside = "" if usual is None else f", usually {percent(usual[region.name].mean)},"
        size = f"on {percent(region.area)}{of_picture}"
        texts.append(f"the {_title(region)} ({percent(share)}{of_it}{beside} {size})")
    return f"gathers in {listed(texts)}"


def _compared(named: Sequence[_Share], usual: Shares | None, decision: str) -> tuple[str, ...]:
    """Say whether most other pairs have such shares too, or where theirs differ."""
    if usual is None or not named:
        return ()
    sides = [(usual[region.name].side(share), _title(region)) for region, share in named]
    parts = [f"{_OTHERS[side]} in the {title}" for side, title in sides if side]
    if parts:
        others = ", nine of ten ".join(parts)
        return (f"Nine of ten other pairs called {decision} have {others}.",)
    shares = "such shares too, so they say" if named[1:] else "such a share too, so it says"
    return (f"Most other pairs called {decision} have {shares} little about this pair.",)


def _title(region: RegionShare) -> str:
    return "surroundings of the face" if region.name == ELSEWHERE else region.name
