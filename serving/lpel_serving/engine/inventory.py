"""What the installed methods are and cost with a bundle, found by trying each on noise."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.explainer import Explainer
from lpel_serving.methods.method import (
    AssembledNetworks,
    FacePair,
    Method,
    find_method,
    is_control,
    methods,
    title_of,
)
from lpel_serving.methods.used import parameters_of
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import LpelError


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
        decoder or because it fails, neither.
    control
        Whether it is a control: see `lpel_serving.methods.method.is_control`.
    images
        The same as `embeddings`, for each decision that it can explain.
    reason
        Why it can explain neither decision, in words; None if it can.
    """

    name: str
    title: str
    summary: str
    parameters: dict[str, Any]
    embeddings: int
    signed: bool
    decisions: tuple[str, ...]
    control: bool
    images: dict[str, int] = field(default_factory=dict[str, int])
    reason: str | None = None


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


def images_needed(method: Method, explainer: Explainer) -> dict[str, int]:
    """Count what a method embeds to explain a pair both ways, for each decision that it explains.

    It is tried on noise, with the bundle's decoders and no inference of `f`.
    """
    trials, _ = _trials(method, explainer)
    return {decision: trial.images for decision, trial in trials.items()}


@dataclass(frozen=True)
class _Trial:
    """How a method did: images it embedded, both ways, and whether its map has a sign."""

    images: int
    signed: bool


def _entry(name: str, explainer: Explainer) -> MethodEntry:
    try:
        method = find_method(name)
    except Exception as error:  # noqa: BLE001 - another package's method may fail as it likes
        return MethodEntry(name, name, "", {}, 0, False, (), False, reason=_complaint(error))
    trials, complaints = _trials(method, explainer)
    return MethodEntry(
        name,
        title_of(method, name),
        _summary(method),
        parameters_of(method),
        max((trial.images for trial in trials.values()), default=0),
        any(trial.signed for trial in trials.values()),
        tuple(trials),
        is_control(method),
        {decision: trial.images for decision, trial in trials.items()},
        None if trials else complaints[0],
    )


def _trials(method: Method, explainer: Explainer) -> tuple[dict[str, _Trial], list[str]]:
    """Try a method on both decisions; where it refuses or fails there is a complaint instead."""
    trials: dict[str, _Trial] = {}
    complaints: list[str] = []
    for decision, similar in (("similar", True), ("dissimilar", False)):
        try:
            trials[decision] = _try_out(method, explainer, similar)
        except Exception as error:  # noqa: BLE001 - another package's method may fail as it likes
            complaints.append(_complaint(error))
    return trials, complaints


def _complaint(error: Exception) -> str:
    """Say why a method explains nothing; the words of others may speak of files, and are kept."""
    if isinstance(error, LpelError):
        return str(error)
    return f"it fails with {type(error).__name__} where it is tried out."


def _try_out(method: Method, explainer: Explainer, similar: bool) -> _Trial:
    rng = np.random.default_rng(0)
    record = explainer.manifest.embedder
    crops = rng.integers(0, 256, (2, record.image_size, record.image_size, 3), dtype=np.uint8)
    h_r, h_t = rng.normal(size=(2, record.dimension)).astype(np.float32)
    counts: list[int] = []

    def embed(images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Floats:
        counts.append(len(images))
        return rng.normal(size=(len(images), record.dimension)).astype(np.float32)

    networks = AssembledNetworks(embed, explainer.decode, explainer.respond)
    values = method(FacePair(crops[0], crops[1], h_r, h_t, similar), networks, rng)
    return _Trial(2 * sum(counts), bool((values < 0).any()))


def _summary(method: Method) -> str:
    """The first line of what is written of a method's module, or of itself."""
    kind = type(method)
    module = sys.modules.get(kind.__module__)
    text = (module.__doc__ if module is not None else None) or kind.__doc__ or ""
    return text.strip().partition("\n")[0]
