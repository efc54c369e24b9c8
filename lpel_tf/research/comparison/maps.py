"""Every method's maps of every pair, each computed once and kept on disk, and their cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.support.arrays import SignedMap
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
    return pair.h_r.tobytes() + pair.h_t.tobytes() + bytes([pair.similar])


TwoMaps = tuple[SignedMap, SignedMap, float]
"""Of a similar and a dissimilar pair, and the mean number of embeddings for one of them."""

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
    found: dict[str, Maps] = {}
    with progress(f"maps of {name}", n) as advance:
        advance(done)
        for i in range(n):
            pair, other = pairs.similar[i], pairs.dissimilar[i]
            if i >= done:
                for method, (a, b, embedded) in family(pair, other, i).items():
                    kept[f"{method}/{i}/similar"], kept[f"{method}/{i}/dissimilar"] = a, b
                    kept[f"{method}/{i}/cost"] = np.array(embedded)
                kept["done"] = np.array(i + 1)
                if (i + 1) % SAVED_EVERY == 0 or i + 1 == n:
                    partial.save(kept)
                advance(1)
            methods = {one.split("/")[0] for one in kept if one.endswith(f"/{i}/cost")}
            for method in sorted(methods):
                maps = found.setdefault(method, Maps())
                maps.values[key(pair)] = kept[f"{method}/{i}/similar"]
                maps.values[key(other)] = kept[f"{method}/{i}/dissimilar"]
                maps.embeddings += float(kept[f"{method}/{i}/cost"]) / n
    return found


def of_everybody_else(maps: Maps, decided: Sequence[Sequence[FacePair]]) -> Maps:
    """The mean of a method's maps of all other pairs of the same decision: no pair's own."""
    found = Maps()
    for pairs in decided:
        keys = [key(pair) for pair in pairs]
        total = np.sum([maps.values[one] for one in keys], axis=0)
        for one in keys:
            found.values[one] = (total - maps.values[one]) / (len(keys) - 1)
    return found


def either_decision(maps: Maps) -> Method:
    """Answer for either decision, where the map of the one is that of the other, sign changed."""

    def of_pair(pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        del networks, rng
        asked = maps.values.get(key(pair))
        if asked is not None:
            return asked
        return -maps.values[key(replace(pair, similar=not pair.similar))]

    return of_pair
