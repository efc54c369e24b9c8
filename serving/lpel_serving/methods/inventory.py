"""What the installed methods are and cost with a bundle, found by trying each on noise."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.errors import LpelError
from lpel_serving.explainer import Explainer
from lpel_serving.methods.method import (
    Engine,
    FacePair,
    Floats,
    Method,
    find_method,
    is_control,
    methods,
    title_of,
)


@dataclass(frozen=True)
class MethodEntry:
    """A method as one bundle has it.

    Attributes
    ----------
    name
        As `find_method` takes it.
    title
        The same in plain words: see `lpel_serving.methods.method.title_of`.
    summary
        What it does, in one line.
    parameters
        Its own, with the values that they have.
    embeddings
        Images that it embeds besides the pair's own two, to explain a pair both ways: the larger
        number of those for a similar and for a dissimilar pair.
    signed
        Whether its maps tell what speaks against the decision.
    decisions
        Those that it can explain: ``similar``, ``dissimilar``, both or, for want of a response
        decoder, neither.
    control
        Whether it is a control: see `lpel_serving.methods.method.is_control`.
    """

    name: str
    title: str
    summary: str
    parameters: dict[str, Any]
    embeddings: int
    signed: bool
    decisions: tuple[str, ...]
    control: bool


def take_inventory(explainer: Explainer) -> tuple[MethodEntry, ...]:
    """Try every installed method on noise, with a bundle's decoders and no inference of `f`.

    Parameters
    ----------
    explainer
        The bundle.

    Returns
    -------
    tuple[MethodEntry, ...]
        In the order of their names, the controls after all others.
    """
    entries = [_entry(name, explainer) for name in methods()]
    return tuple(sorted(entries, key=lambda entry: entry.control))


def parameters_of(method: Method) -> dict[str, Any]:
    """Tell a method's own parameters, with the values that they have."""
    return asdict(method) if is_dataclass(method) and not isinstance(method, type) else {}


def _entry(name: str, explainer: Explainer) -> MethodEntry:
    method = find_method(name)
    trials = {
        decision: trial
        for decision, similar in (("similar", True), ("dissimilar", False))
        if (trial := _try_out(method, explainer, similar)) is not None
    }
    return MethodEntry(
        name,
        title_of(method, name),
        _summary(method),
        parameters_of(method),
        2 * max((embedded for embedded, _ in trials.values()), default=0),
        any(signed for _, signed in trials.values()),
        tuple(trials),
        is_control(method),
    )


def _try_out(method: Method, explainer: Explainer, similar: bool) -> tuple[int, bool] | None:
    """Count what a method embeds, and see whether its map has a sign; None if it refuses."""
    rng = np.random.default_rng(0)
    record = explainer.manifest.embedder
    crops = rng.integers(0, 256, (2, record.image_size, record.image_size, 3), dtype=np.uint8)
    h_r, h_t = rng.normal(size=(2, record.dimension)).astype(np.float32)
    counts: list[int] = []

    def embed(images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Floats:
        counts.append(len(images))
        return rng.normal(size=(len(images), record.dimension)).astype(np.float32)

    networks = Engine(embed, explainer.decode, explainer.respond)
    try:
        values = method(FacePair(crops[0], crops[1], h_r, h_t, similar), networks, rng)
    except LpelError:
        return None
    return sum(counts), bool((values < 0).any())


def _summary(method: Method) -> str:
    """The first line of what is written of a method's module, or of itself."""
    kind = type(method)
    module = sys.modules.get(kind.__module__)
    text = (module.__doc__ if module is not None else None) or kind.__doc__ or ""
    return text.strip().partition("\n")[0]
