"""Usual shares: how the maps of many pairs divide among regions, and their common part."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.usual_record import Shares, UsualMaps, UsualRecord, UsualShare, as_record
from lpel_serving.equations.decision import DECISIONS, decide_many
from lpel_serving.equations.regions import REGIONS, share_arrays
from lpel_serving.images.crops import CentreCrop, Crop, is_named
from lpel_serving.images.datasets.pairs import draw_of_each
from lpel_serving.methods.catalogue.registry import LPEL, RESPONSES
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.many import Places, explain_many
from lpel_serving.methods.method import Method, Networks
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import EmbeddingError

PAIRS = 300
"""Number of pairs drawn of one person, and of two."""
LEAST_PAIRS = 50
"""Least pairs per decision for usual shares."""

METHODS: Mapping[str, Method] = MappingProxyType({RESPONSES: Responses(), LPEL: Lpel()})
"""Methods whose maps need no inference of `f`, so that hundreds can be computed for each bundle."""

_PERCENTILES = (10, 90)
_AT_ONCE = 32
"""Pairs per batch, to bound the memory of a decoder with large images."""
_Values = NDArray[np.float64]
_People = NDArray[np.int64]


def usual_maps(
    record: UsualRecord | None, method: Method, *, similar: bool, crop: Crop
) -> UsualMaps | None:
    """Return the usual shares of maps such as a pair's.

    Parameters
    ----------
    record
        The bundle's record of usual shares.
    method
        The method that explained the pair, with its parameters.
    similar
        The decision on the pair.
    crop
        How its faces were cut out. With crop `none`, pictures are assumed to be cropped already, as
        those that the bundle was measured on.

    Returns
    -------
    UsualMaps | None
        None if it was not measured for this method, decision or crop.
    """
    name = next((name for name, one in METHODS.items() if one == method), None)
    if record is None or name is None:
        return None
    if crop != CentreCrop() and not any(is_named(crop, one) for one in record.crops):
        return None
    return record.of(name, DECISIONS[similar])


def measure_usual(
    networks: Networks,
    embeddings: Floats,
    identities: Sequence[str],
    threshold: float,
    rng: np.random.Generator,
    *,
    responds: bool,
    crop: str,
    on: str,
) -> UsualRecord | None:
    """Explain random pairs of photographs, and summarise their maps.

    Parameters
    ----------
    networks
        The decoders; nothing is embedded.
    embeddings
        Of the photographs, float32, shape (N, D), finite.
    identities
        Who is in each, N of them.
    threshold
        The similarity above which the network calls two images the same: pairs are grouped by its
        decision, not by the truth.
    rng
        Draws the pairs.
    responds
        Whether there is a response decoder.
    crop
        How the faces were cut out, in the manifest's format.
    on
        Description of these photographs, without names of files or people.

    Returns
    -------
    UsualRecord | None
        None where there are too few pairs. A decision with too few pairs is left out, and so are
        pairs with a constant map.
    """
    found: dict[str, dict[str, UsualMaps]] = {}
    drawn = draw_of_each(identities, PAIRS, rng) if len(identities) else []
    pairs = np.array([pair[:2] for pair in drawn], np.int64).reshape(-1, 2)
    people = np.unique(np.array(identities), return_inverse=True)[1].astype(np.int64)
    decided = decide_many(embeddings[pairs[:, 0]], embeddings[pairs[:, 1]], threshold).similar
    for name, method in METHODS.items():
        for similar, decision in DECISIONS.items():
            of = pairs[decided == similar]
            if len(of) < LEAST_PAIRS or (name == RESPONSES and not responds):
                continue
            maps, shown = _both_ways(method, networks, embeddings, of, similar=similar)
            usual = sum_up(maps, people[of[shown]])
            if usual is not None:
                found.setdefault(name, {})[decision] = usual
    if not found:
        return None
    measured = {
        "how": f"the maps of pairs drawn from {on}, by what the network decides on each; mean, and "
        "10th and 90th percentile",
        "crop": crop,
        "photographs": len(embeddings),
        "people": len(set(identities)),
    }
    methods = {
        name: {decision: as_record(maps) for decision, maps in of_method.items()}
        for name, of_method in found.items()
    }
    return UsualRecord(measured, methods)


def sum_up(maps: Floats, people: _People) -> UsualMaps | None:
    """Compute the usual shares and the common part of maps.

    Parameters
    ----------
    maps
        Of the tests and of the references of pairs, float32, shape (N, 2, H, W), finite. Pairs with
        a constant map are left out.
    people
        Who is in each pair, shape (N, 2).

    Returns
    -------
    UsualMaps | None
        None if there are fewer than `LEAST_PAIRS` pairs, or fewer maps with positive values.
    """
    usable = (maps.max(axis=(2, 3)) > maps.min(axis=(2, 3))).all(axis=1)
    maps, people = maps[usable], people[usable]
    if len(maps) < LEAST_PAIRS:
        return None
    each = zip(*(share_arrays(both_ways) for both_ways in maps), strict=True)
    for_, against = (_usual(np.concatenate(shares)) for shares in each)
    if for_ is None:
        return None
    common = np.mean([common_share(maps[:, way], people) for way in (0, 1)])
    return UsualMaps(len(maps), float(common), for_, against)


def common_share(maps: Floats, people: _People) -> float:
    """Compute the mean correlation between the maps of two pairs without a person in common.

    If every map is standardised to mean 0 and variance 1, it is the variance of their mean map.

    Parameters
    ----------
    maps
        Float32, shape (N, H, W), none of them constant.
    people
        Who is in each pair, shape (N, 2).

    Returns
    -------
    float
        In [-1, 1]; 0 if every two pairs have a person in common.
    """
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    flat /= np.abs(flat).max(axis=1, keepdims=True)  # so that squares neither overflow nor vanish
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.sqrt(np.square(flat).sum(axis=1, keepdims=True))
    met = people[:, np.newaxis, :, np.newaxis] == people[np.newaxis, :, np.newaxis, :]
    apart = ~met.any(axis=(2, 3))
    return float(np.clip((flat @ flat.T)[apart].mean(), -1, 1)) if apart.any() else 0.0


def _both_ways(
    method: Method, networks: Networks, embeddings: Floats, pairs: Places, *, similar: bool
) -> tuple[Floats, NDArray[np.bool_]]:
    """Compute the maps of tests and references, shape (n, 2, H, W), and which pairs have any."""
    found = [
        some
        for first in range(0, len(pairs), _AT_ONCE)
        for some in _some(method, networks, embeddings, pairs[first : first + _AT_ONCE], similar)
    ]
    shown = np.concatenate([np.full(n, maps is not None) for maps, n in found])
    maps = [maps for maps, _ in found if maps is not None]
    return np.concatenate(maps) if maps else np.zeros((0, 2, 1, 1), np.float32), shown


def _some(
    method: Method, networks: Networks, embeddings: Floats, pairs: Places, similar: bool
) -> Iterator[tuple[Floats | None, int]]:
    """Yield the maps of pairs in order; None for a pair without finite maps."""
    decisions = np.full(len(pairs), similar)
    for maps in explain_many(method, networks, embeddings, pairs[:, 0], pairs[:, 1], decisions):
        if isinstance(maps, EmbeddingError):
            yield None, 1
        else:
            yield np.stack(maps, axis=1), len(maps[0])


def _usual(shares: _Values) -> Shares | None:
    """Summarise shares, shape (maps, regions), of maps that have any; None if too few have."""
    having = shares[shares.sum(axis=1) > 0]
    if len(having) < LEAST_PAIRS:
        return None
    low, high = np.percentile(having, _PERCENTILES, axis=0).tolist()
    numbers = zip(having.mean(axis=0).tolist(), low, high, strict=True)
    return {name: UsualShare(*of) for name, of in zip(REGIONS, numbers, strict=True)}
