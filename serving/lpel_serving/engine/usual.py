"""What is usual: how the maps of many pairs divide among the parts of a face, and how alike."""

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
"""So many pairs of one person are drawn, and so many of two."""
LEAST_PAIRS = 50
"""Of fewer pairs with one decision it is not said what is usual."""

METHODS: Mapping[str, Method] = MappingProxyType({RESPONSES: Responses(), LPEL: Lpel()})
"""Those whose maps cost no inference of `f`, so that hundreds can be measured for every bundle."""

_PERCENTILES = (10, 90)
_AT_ONCE = 32
"""Pairs whose maps are made together, lest a decoder of large pictures take much memory."""
_Values = NDArray[np.float64]
_People = NDArray[np.int64]


def usual_maps(
    record: UsualRecord | None, method: Method, *, similar: bool, crop: Crop
) -> UsualMaps | None:
    """Say what is usual of maps such as a pair's.

    Parameters
    ----------
    record
        What the bundle says of it.
    method
        That explained the pair, with the parameters that it had.
    similar
        The decision on the pair.
    crop
        How its faces were cut out. Pictures that are taken whole are taken to be cut already, as
        those were that the bundle was measured with.

    Returns
    -------
    UsualMaps | None
        None where it was not measured, or not for faces that are cut out so.
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
    """Explain pairs that are drawn from photographs, and sum up their maps.

    Parameters
    ----------
    networks
        The decoders; nothing is embedded.
    embeddings
        Of the photographs, float32, shape (N, D), finite.
    identities
        Who is in each, N of them.
    threshold
        The similarity above which the network calls two images the same: a pair counts by what it
        decides, not by the truth.
    rng
        Draws the pairs.
    responds
        Whether there is a response decoder.
    crop
        How the faces were cut out, as a manifest has it.
    on
        Which photographs these are, in words, without a file's or a person's name.

    Returns
    -------
    UsualRecord | None
        None where there are too few pairs. A decision that too few pairs have is left out, and so
        are pairs of which a map points at nothing.
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
    """Find out what maps have in common.

    Parameters
    ----------
    maps
        Of the tests and of the references of pairs, float32, shape (N, 2, H, W), finite. Pairs of
        which one is flat are left out.
    people
        Who is in each pair, shape (N, 2).

    Returns
    -------
    UsualMaps | None
        None if there are fewer than `LEAST_PAIRS`, or fewer maps that have anything for the
        decision.
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
    """Compute the mean correlation between the maps of two pairs that have nobody in common.

    Where every map is moved and scaled to mean 0 and variance 1, that is how much of the variance
    their mean map has.

    Parameters
    ----------
    maps
        Float32, shape (N, H, W), none of them flat.
    people
        Who is in each pair, shape (N, 2).

    Returns
    -------
    float
        In [-1, 1]; 0 if every two pairs have somebody in common.
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
    """Make the maps of tests and references, shape (n, 2, H, W), and say which pairs have any."""
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
    """Make the maps of some pairs after the others: None of one that has no finite map."""
    decisions = np.full(len(pairs), similar)
    for maps in explain_many(method, networks, embeddings, pairs[:, 0], pairs[:, 1], decisions):
        if isinstance(maps, EmbeddingError):
            yield None, 1
        else:
            yield np.stack(maps, axis=1), len(maps[0])


def _usual(shares: _Values) -> Shares | None:
    """Sum up shares, shape (maps, regions), of maps that have any; None if too few have."""
    having = shares[shares.sum(axis=1) > 0]
    if len(having) < LEAST_PAIRS:
        return None
    low, high = np.percentile(having, _PERCENTILES, axis=0).tolist()
    numbers = zip(having.mean(axis=0).tolist(), low, high, strict=True)
    return {name: UsualShare(*of) for name, of in zip(REGIONS, numbers, strict=True)}
