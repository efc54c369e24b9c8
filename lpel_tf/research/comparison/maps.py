"""Every method's maps of every pair, each computed once and kept on disk, and their cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress
from lpel_tf.research.harness.pairs import PairsOfOneTest

SAVED_EVERY = 8
"""Pairs."""


@dataclass(eq=False)
class Maps:
    """Maps of one method by pair, with the passes for each beyond the pair's own two."""

    values: dict[bytes, SignedMap] = field(default_factory=dict[bytes, SignedMap])
    embeddings: float = 0.0

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Answer as a method of `lpel_serving` would."""
        del networks, rng
        return self.values[key(pair)]


def key(pair: FacePair) -> bytes:
    """Know a pair again by its embeddings and its decision."""
    return _key(pair.h_r, pair.h_t, pair.similar)


def _key(h_r: Floats, h_t: Floats, similar: bool) -> bytes:
    return h_r.tobytes() + h_t.tobytes() + bytes([similar])


TwoMaps = tuple[SignedMap | None, SignedMap | None, float]
"""Of a similar and a dissimilar pair, None where it was not asked about, and the mean number of
embeddings for one of them."""

Family = Callable[[FacePair, FacePair, int], Mapping[str, TwoMaps]]
"""A similar and a dissimilar pair of one test image and their number, to the maps by method."""


def collect(
    family: Family,
    pairs: PairsOfOneTest,
    partial: Partial,
    name: str,
    progress: Progress,
) -> dict[str, Maps]:
    """Explain pair after pair, going on where an earlier run stopped."""
    kept = dict(partial.load() or {})
    done, n = int(kept.get("done", 0)), len(pairs.similar)
    with progress(f"maps of {name}", n) as advance:
        advance(done)
        for i in range(done, n):
            explained = family(pairs.similar[i], pairs.dissimilar[i], i)
            for method, (a, b, embedded) in explained.items():
                both = {"similar": a, "dissimilar": b, "cost": np.array(embedded)}
                kept |= {
                    f"{method}/{i}/{what}": one for what, one in both.items() if one is not None
                }
            kept["done"] = np.array(i + 1)
            if (i + 1) % SAVED_EVERY == 0 or i + 1 == n:
                partial.save(kept)
            advance(1)
    return _by_method(kept, pairs)


def _by_method(kept: Mapping[str, NDArray[Any]], pairs: PairsOfOneTest) -> dict[str, Maps]:
    """Maps by method, in the order of the pairs; a photograph is read for none of them."""
    decided = {"similar": pairs.similar, "dissimilar": pairs.dissimilar}
    methods = sorted({one.split("/")[0] for one in kept if one.endswith("/cost")})
    found = {method: Maps() for method in methods}
    for i in range(len(pairs.similar)):
        for method, maps in found.items():
            for decision, of in decided.items():
                if (values := kept.get(f"{method}/{i}/{decision}")) is not None:
                    maps.values[_key(of.h_r[i], of.h_t[i], of.similar)] = values
            maps.embeddings += float(kept[f"{method}/{i}/cost"]) / len(pairs.similar)
    return found


def of_everybody_else(maps: Maps) -> Maps:
    """The mean of a method's maps of all other pairs of the same decision: no pair's own."""
    found = Maps()
    for keys in _by_decision(maps):
        total = np.sum([maps.values[one] for one in keys], axis=0)
        for one in keys:
            found.values[one] = (total - maps.values[one]) / max(1, len(keys) - 1)
    return found


def common_map(maps: Maps) -> Method:
    """Answer with the mean of a method's maps of all pairs of the decision, whatever the pair.

    For altered faces, of which there are no maps to leave out.
    """
    means = {
        keys[0][-1]: np.stack([maps.values[one] for one in keys]).mean(axis=0)
        for keys in _by_decision(maps)
    }

    def of_any(pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        del networks, rng
        return means[int(pair.similar)]

    return of_any


def of_the_next(maps: Maps) -> Maps:
    """A method's map of the next pair of the same decision, the first one in place of the last."""
    found = Maps()
    for keys in _by_decision(maps):
        following = [*keys[1:], *keys[:1]]
        found.values |= {
            one: maps.values[other] for one, other in zip(keys, following, strict=True)
        }
    return found


def _by_decision(maps: Maps) -> list[list[bytes]]:
    """The keys of the similar and of the dissimilar pairs, in order, if there are any."""
    sides = ([one for one in maps.values if one[-1] == similar] for similar in (True, False))
    return [side for side in sides if side]


def either_decision(maps: Maps) -> Method:
    """Answer for either decision, where the map of the one is that of the other, sign changed."""

    def of_pair(pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        del networks, rng
        asked = maps.values.get(key(pair))
        if asked is not None:
            return asked
        return -maps.values[key(replace(pair, similar=not pair.similar))]

    return of_pair
