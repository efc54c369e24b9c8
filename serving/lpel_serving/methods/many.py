"""Many pairs at once, by the methods that look at embeddings alone."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.attribution import evidence_for_difference, evidence_for_likeness
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.explanation import explain_embeddings
from lpel_serving.methods.lpel import Lpel
from lpel_serving.methods.method import Method, Networks
from lpel_serving.methods.responses import Responses, enlarge
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import EmbeddingError

Places = NDArray[np.int64]
Decisions = NDArray[np.bool_]
Maps = tuple[Floats, Floats]
"""Of the tests and of the references, float32, shape (N, H, W) each."""

_Explain = Callable[[Places, Places, Decisions], Maps]

_BLOCK = 256
"""Pairs whose maps are made at a time."""
_FEW = 16
"""Pairs whose responses a core's cache holds while they are summed."""
_AT_ONCE = 64
"""Images whose responses are foretold in one inference: as many as fit into the cache."""
_RESPONSE_BYTES = 128 * 2**20
"""Memory for responses that may be needed again."""


def explains_many(method: Method) -> bool:
    """Whether a method looks at embeddings alone, and is known here."""
    return type(method) in _MAKERS


def explain_many(
    method: Method,
    networks: Networks,
    embeddings: Floats,
    references: Places,
    tests: Places,
    similar: Decisions,
) -> Iterator[Maps | EmbeddingError]:
    """Explain many pairs both ways, to the same maps as one at a time.

    Parameters
    ----------
    method
        One for which `explains_many` is true.
    networks
        What it asks.
    embeddings
        Of the images, float32, shape (M, D), finite.
    references, tests
        The images of the pairs, places in `embeddings`, shape (N,).
    similar
        The decision on each pair, shape (N,).

    Yields
    ------
    tuple[NDArray[np.float32], NDArray[np.float32]] or EmbeddingError
        Maps of the tests and of the references, of some pairs after the others; of one pair that
        has no finite maps, what is wrong.
    """
    explain = _MAKERS[type(method)](method, networks, embeddings)
    for first in range(0, len(references), _BLOCK):
        of = slice(first, first + _BLOCK)
        yield from _together(explain, references[of], tests[of], similar[of])


def _together(
    explain: _Explain, references: Places, tests: Places, similar: Decisions
) -> Iterator[Maps | EmbeddingError]:
    """Explain some pairs together; if one of them cannot be explained, each half by itself."""
    try:
        maps = _finite(explain, references, tests, similar)
    except EmbeddingError as error:
        if len(references) == 1:
            yield error
            return
        for half in np.array_split(np.arange(len(references)), 2):
            yield from _together(explain, references[half], tests[half], similar[half])
    else:
        yield maps


def _finite(explain: _Explain, references: Places, tests: Places, similar: Decisions) -> Maps:
    with np.errstate(over="ignore", invalid="ignore"):  # looked for where they lead to
        maps = explain(references, tests, similar)
    if not all(np.isfinite(one).all() for one in maps):
        raise EmbeddingError("a map holds NaN or infinity: look for weights that are broken.")
    return maps


def _by_lpel(method: Method, networks: Networks, embeddings: Floats) -> _Explain:
    """Explain by section 4.1."""
    p = cast("Lpel", method).p

    def explain(references: Places, tests: Places, similar: Decisions) -> Maps:
        h_r, h_t = embeddings[references], embeddings[tests]

        def maps(one: Floats, other: Floats) -> Floats:
            found = explain_embeddings(networks.decode, one, other, similar, p=p)
            return np.stack([explanation.heat_map for explanation in found])

        return maps(h_r, h_t), maps(h_t, h_r)

    return explain


def _by_responses(method: Method, networks: Networks, embeddings: Floats) -> _Explain:
    """Explain by what a response decoder foretells; see `lpel_serving.methods.responses`."""
    size = cast("Responses", method).size
    foretold = _Foretold(networks, embeddings)
    units = unit(embeddings)

    def explain(references: Places, tests: Places, similar: Decisions) -> Maps:
        foretold.prepare(np.concatenate([references, tests]))
        side = round(foretold.superpixels**0.5)
        of_tests, of_references = np.empty((2, len(tests), side**2), np.float32)
        for alike in (True, False):
            places = np.flatnonzero(similar == alike)
            for few in np.split(places, range(_FEW, len(places), _FEW)):
                r, t = references[few], tests[few]
                if alike:
                    of_tests[few] = evidence_for_likeness(foretold[t], units[r])
                    of_references[few] = evidence_for_likeness(foretold[r], units[t])
                else:  # the same both ways: each difference changes its sign
                    found = evidence_for_difference(foretold[t], foretold[r], units[t], units[r])
                    of_tests[few] = of_references[few] = found
        grids = (maps.reshape(-1, side, side) for maps in (of_tests, of_references))
        forward, swapped = (enlarge(grid, size) for grid in grids)
        return forward, swapped

    return explain


class _Foretold:
    """Responses of the images that pairs are about; those of the latest ones are kept."""

    def __init__(self, networks: Networks, embeddings: Floats) -> None:
        self._respond = networks.respond
        self._embeddings = embeddings
        shape = networks.respond(np.zeros((1, embeddings.shape[1]), np.float32)).shape[1:]
        self.superpixels = shape[0]
        bytes_of_one = 4 * int(np.prod(shape))
        self._room = min(len(embeddings), max(4 * _BLOCK, _RESPONSE_BYTES // bytes_of_one))
        self._kept = np.empty((self._room, *shape), np.float32)
        self._slot_of = np.full(len(embeddings), -1)
        self._owner = np.full(self._room, -1)
        self._next = 0

    def prepare(self, places: Places) -> None:
        """Foretell the responses of images, at most half as many as there is room for."""
        wanted = np.unique(places)
        missing = wanted[self._slot_of[wanted] < 0]
        if not len(missing):
            return
        in_turn = (self._next + np.arange(self._room)) % self._room
        slots = in_turn[~np.isin(self._owner[in_turn], wanted)][: len(missing)]
        self._next = int(slots[-1] + 1) % self._room
        left = self._owner[slots]
        self._slot_of[left[left >= 0]] = -1
        self._owner[slots] = -1
        for first in range(0, len(missing), _AT_ONCE):
            of = slice(first, first + _AT_ONCE)
            self._kept[slots[of]] = self._respond(self._embeddings[missing[of]])
        self._owner[slots], self._slot_of[missing] = missing, slots

    def __getitem__(self, places: Places) -> Floats:
        """Of images that were prepared: shape (N, K, D)."""
        return self._kept[self._slot_of[places]]


_MAKERS: Mapping[type[Any], Callable[[Method, Networks, Floats], _Explain]] = {
    Lpel: _by_lpel,
    Responses: _by_responses,
}
