"""Usual shares: how the maps of many pairs divide among regions, and their common part."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.usual_record import Shares, UsualMaps, UsualRecord, UsualShare, as_record
from lpel_serving.engine.usual_pairs import ReadFace, maps_of_pairs
from lpel_serving.equations.decision import DECISIONS, decide_many
from lpel_serving.equations.regions import REGIONS, share_arrays
from lpel_serving.images.crops import Crop, WholeImage, is_named
from lpel_serving.images.datasets.pairs import draw_of_each
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.catalogue.registry import LPEL, RESPONSES, SURROGATE_ORDER
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.many import explains_many
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import Networks
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.support.arrays import Floats

PAIRS = 300
"""Number of pairs drawn of one person, and of two."""
LEAST_PAIRS = 50
"""Least pairs per decision for usual shares."""

PAIRS_WITH_FACES = 200
"""At most so many pairs per decision where a method needs local features."""

METHODS: Mapping[str, Method] = MappingProxyType(
    {SURROGATE_ORDER: SurrogateOrder(), RESPONSES: Responses(), LPEL: Lpel()}
)
"""The methods that may be a bundle's default: at most one inference of `f` for a photograph."""

_PERCENTILES = (10, 90)
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
    if crop != WholeImage() and not any(is_named(crop, one) for one in record.crops):
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
    subject: Subject = FACES,
    read: ReadFace | None = None,
) -> UsualRecord | None:
    """Explain random pairs of photographs, and summarise their maps.

    Parameters
    ----------
    networks
        The decoders, and with `read` the embedder's local features and the surrogate.
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
    subject
        What they show: shares are those of its regions.
    read
        Reads the face of a photograph by its number, N of them, where there is a surrogate; None
        where there is none. At most `PAIRS_WITH_FACES` pairs of each decision are read.

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
    decided = decide_many(
        networks.comparison, embeddings[pairs[:, 0]], embeddings[pairs[:, 1]], threshold
    ).similar
    lacking = {
        LPEL: not networks.decodes,
        RESPONSES: not responds,
        SURROGATE_ORDER: read is None,
    }
    for name, method in METHODS.items():
        if lacking.get(name):
            continue
        for similar, decision in DECISIONS.items():
            of = pairs[decided == similar]
            if not explains_many(method):
                kept = min(len(of), PAIRS_WITH_FACES)
                of = of[np.arange(kept) * len(of) // max(kept, 1)]
            if len(of) < LEAST_PAIRS:
                continue
            maps, shown = maps_of_pairs(
                method, networks, embeddings, of, similar=similar, read=read
            )
            usual = sum_up(maps, people[of[shown]], regions=subject.of_faces)
            if usual is not None:
                found.setdefault(name, {})[decision] = usual
    if not found:
        return None
    measured = {
        "how": f"the maps of pairs drawn from {on}, by what the network decides on each; mean, and "
        "10th and 90th percentile",
        "crop": crop,
        "photographs": len(embeddings),
        subject.group_key: len(set(identities)),
    }
    methods = {
        name: {decision: as_record(maps) for decision, maps in of_method.items()}
        for name, of_method in found.items()
    }
    return UsualRecord(measured, methods)


def sum_up(maps: Floats, people: _People, *, regions: bool = True) -> UsualMaps | None:
    """Compute the usual shares and the common part of maps.

    Parameters
    ----------
    maps
        Of the tests and of the references of pairs, float32, shape (N, 2, H, W), finite. Pairs with
        a constant map are left out.
    people
        Who is in each pair, shape (N, 2).
    regions
        Whether the pictures have regions; without them there is a common part alone.

    Returns
    -------
    UsualMaps | None
        None if there are fewer than `LEAST_PAIRS` pairs, or fewer maps with positive values.
    """
    usable = (maps.max(axis=(2, 3)) > maps.min(axis=(2, 3))).all(axis=1)
    maps, people = maps[usable], people[usable]
    if len(maps) < LEAST_PAIRS:
        return None
    common = float(np.mean([common_share(maps[:, way], people) for way in (0, 1)]))
    if not regions:
        return UsualMaps(len(maps), common, {}, None)
    each = zip(*(share_arrays(both_ways) for both_ways in maps), strict=True)
    for_, against = (_usual(np.concatenate(shares)) for shares in each)
    return None if for_ is None else UsualMaps(len(maps), common, for_, against)


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


def _usual(shares: _Values) -> Shares | None:
    """Summarise shares, shape (maps, regions), of maps that have any; None if too few have."""
    having = shares[shares.sum(axis=1) > 0]
    if len(having) < LEAST_PAIRS:
        return None
    low, high = np.percentile(having, _PERCENTILES, axis=0).tolist()
    numbers = zip(having.mean(axis=0).tolist(), low, high, strict=True)
    return {name: UsualShare(*of) for name, of in zip(REGIONS, numbers, strict=True)}
