"""Many pairs at once, by the methods that look at embeddings alone."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.method import Method, Networks, capability
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import EmbeddingError, ParameterError

Places = NDArray[np.int64]
Decisions = NDArray[np.bool_]
Maps = tuple[Floats, Floats]
"""Of the tests and of the references, float32, shape (N, H, W) each."""

ExplainSome = Callable[[Places, Places, Decisions], Maps]
"""Explains pairs together: places of the references and of the tests, and the decisions."""

BLOCK = 256
"""Pairs whose maps are made at a time."""


class ExplainsMany(Method, Protocol):
    """A method that looks at embeddings alone, and is quicker with many pairs than with one."""

    def many(self, networks: Networks, embeddings: Floats, /) -> ExplainSome:
        """Prepare to explain pairs among embeddings, float32, shape (M, D).

        What is returned explains up to `BLOCK` pairs both ways, to the maps that they have one at
        a time.
        """
        ...


def explains_many(method: Method) -> bool:
    """Whether a method is one of those that `explain_many` takes."""
    return capability(method, "many") is not None


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
    prepare: Callable[[Networks, Floats], ExplainSome] | None = capability(method, "many")
    if prepare is None:
        raise ParameterError(
            f"the method {type(method).__name__} explains one pair at a time: ask it for each."
        )
    explain = prepare(networks, embeddings)
    for first in range(0, len(references), BLOCK):
        of = slice(first, first + BLOCK)
        yield from _together(explain, references[of], tests[of], similar[of])


def _together(
    explain: ExplainSome, references: Places, tests: Places, similar: Decisions
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


def _finite(explain: ExplainSome, references: Places, tests: Places, similar: Decisions) -> Maps:
    with np.errstate(over="ignore", invalid="ignore"):  # looked for where they lead to
        maps = explain(references, tests, similar)
    if not all(np.isfinite(one).all() for one in maps):
        raise EmbeddingError("a map holds NaN or infinity: look for weights that are broken.")
    return maps
