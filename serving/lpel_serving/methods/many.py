"""Explains many pairs at once, by methods that need only embeddings."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lpel_serving.methods.method import Method, capability
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import EmbeddingError, ParameterError

Places = NDArray[np.int64]
Decisions = NDArray[np.bool_]
Maps = tuple[Floats, Floats]
"""Maps of the tests and of the references, float32, shape (N, H, W) each."""

ExplainSome = Callable[[Places, Places, Decisions], Maps]
"""Explains pairs together, given indices of the references and of the tests, and the decisions."""

BLOCK = 256
"""Pairs whose maps are computed at a time."""


class ExplainsMany(Method, Protocol):
    """A method that needs only embeddings, and is faster for many pairs together."""

    def many(self, networks: Networks, embeddings: Floats, /) -> ExplainSome:
        """Prepare to explain pairs among embeddings, float32, shape (M, D).

        The returned function explains up to `BLOCK` pairs both ways; the maps equal those of single
        calls.
        """
        ...


def explains_many(method: Method) -> bool:
    """Whether `explain_many` accepts a method."""
    return capability(method, "many") is not None


def explain_many(
    method: Method,
    networks: Networks,
    embeddings: Floats,
    references: Places,
    tests: Places,
    similar: Decisions,
) -> Iterator[Maps | EmbeddingError]:
    """Explain many pairs both ways; the maps equal those of single calls.

    Parameters
    ----------
    method
        One for which `explains_many` is true.
    networks
        The networks that it runs.
    embeddings
        Of the images, float32, shape (M, D), finite.
    references, tests
        The images of the pairs, indices into `embeddings`, shape (N,).
    similar
        The decision on each pair, shape (N,).

    Returns
    -------
    Iterator[tuple[NDArray[np.float32], NDArray[np.float32]] | EmbeddingError]
        Maps of the tests and of the references, in blocks of consecutive pairs; an error for a
        single pair that has no finite maps.
    """
    prepare: Callable[[Networks, Floats], ExplainSome] | None = capability(method, "many")
    if prepare is None:
        raise ParameterError(
            f"the method {type(method).__name__} explains one pair at a time: call it for each."
        )
    return in_blocks(prepare(networks, embeddings), references, tests, similar)


def in_blocks(
    explain: ExplainSome, references: Places, tests: Places, similar: Decisions
) -> Iterator[Maps | EmbeddingError]:
    """Explain pairs in blocks of consecutive ones; see `explain_many` for what is yielded."""
    for first in range(0, len(references), BLOCK):
        of = slice(first, first + BLOCK)
        yield from _together(explain, references[of], tests[of], similar[of])


def _together(
    explain: ExplainSome, references: Places, tests: Places, similar: Decisions
) -> Iterator[Maps | EmbeddingError]:
    """Explain a block; on failure split it in halves, to isolate the pair that fails."""
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
    with np.errstate(over="ignore", invalid="ignore"):  # detected in the maps, below
        maps = explain(references, tests, similar)
    if not all(np.isfinite(one).all() for one in maps):
        raise EmbeddingError("a map holds NaN or infinity: look for weights that are broken.")
    return maps
