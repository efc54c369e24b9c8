"""Finds which decisions a bundle's methods can explain, and at what cost, by a trial on noise."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.explainer import Explainer
from lpel_serving.methods.catalogue.description import Description, as_record, describe, unknown
from lpel_serving.methods.catalogue.parameter import Parameter
from lpel_serving.methods.catalogue.parameters import parameters_of
from lpel_serving.methods.catalogue.registry import find_method, methods
from lpel_serving.methods.each_once import EachOnce, knowing
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import ImageFeatures, with_embed
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import LpelError


@dataclass(frozen=True)
class MethodEntry:
    """A method's description, cost and abilities with one bundle.

    Attributes
    ----------
    description
        What the method declares.
    parameters
        Its own parameters with their values.
    embeddings
        The number of images that it embeds to explain a pair both ways, besides the pair's own two:
        the larger of the numbers for a similar and a dissimilar pair.
    signed
        Whether its maps are signed: they show what speaks against the decision.
    decisions
        The decisions that it can explain: ``similar``, ``dissimilar``, both, or neither if it lacks
        a response decoder or fails.
    images
        The same as `embeddings`, for each decision that it can explain.
    one_way
        The part of `images` that one direction needs.
    reason
        Why it can explain neither decision, in words; None if it can.
    """

    description: Description
    parameters: dict[str, Any]
    embeddings: int
    signed: bool
    decisions: tuple[str, ...]
    images: dict[str, int] = field(default_factory=dict[str, int])
    one_way: dict[str, int] = field(default_factory=dict[str, int])
    reason: str | None = None

    @property
    def name(self) -> str:
        """Its name for `find_method`."""
        return self.description.name

    def record(self, *, served: bool = False) -> dict[str, Any]:
        """Return it as JSON-serialisable values: see `methods.catalogue.description.as_record`."""
        said = as_record(self.description, served=served)
        return {
            **said,
            "parameters": self.parameters,
            "parameter_details": said["parameters"],
            "embeddings": self.embeddings,
            "signed": self.signed,
            "decisions": self.decisions,
            "reason": self.reason,
            "available": bool(self.decisions),
        }


def take_inventory(explainer: Explainer) -> tuple[MethodEntry, ...]:
    """Try every installed method on noise, with a bundle's decoders and without running `f`.

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
    return tuple(sorted(entries, key=lambda entry: entry.description.control))


def images_needed(method: Method, explainer: Explainer) -> dict[str, int]:
    """Count the images that a method embeds for a pair, both ways, by decision that it explains.

    It is tried on noise, with the bundle's decoders and no inference of `f`.
    """
    trials, _ = _trials(method, explainer)
    return {decision: trial.images for decision, trial in trials.items()}


def count_images(
    method: Method,
    explainer: Explainer,
    *,
    similar: bool,
    one_way: bool,
    is_too_many: Callable[[int], bool],
) -> int:
    """Count the images that a method embeds for a pair of one decision, and stop at too many.

    Parameters
    ----------
    method, explainer
        What is tried on noise, with whose decoders; see `images_needed`.
    similar
        The decision.
    one_way
        Whether to count one direction only; both by default.
    is_too_many
        Called with the count so far before each inference; it may raise to cancel the trial.

    Returns
    -------
    int
        The first count that is too many where there is one.

    Raises
    ------
    Exception
        Whatever the method or `is_too_many` raises.
    """
    try:
        trial = _try_out(method, explainer, similar, is_too_many)
    except _TooManyError as error:
        return error.images
    return trial.one_way if one_way else trial.images


class _TooManyError(Exception):
    """Ends a trial whose count is too large already."""

    def __init__(self, images: int) -> None:
        super().__init__(images)
        self.images = images


@dataclass(frozen=True)
class _Trial:
    """A trial's result: the number of distinct images embedded, and whether the map is signed."""

    images: int
    one_way: int
    signed: bool


def _entry(name: str, explainer: Explainer) -> MethodEntry:
    try:
        method = find_method(name)
        manifest = explainer.manifest
        description = _with_known_fills(
            describe(name, method, subject=manifest.subject, embedder=manifest.embedder.name),
            explainer,
        )
    except Exception as error:  # noqa: BLE001 - another package's method may fail as it likes
        return MethodEntry(unknown(name), {}, 0, False, (), reason=error_message(error))
    trials, messages = _trials(method, explainer)
    return MethodEntry(
        description,
        parameters_of(method),
        max((trial.images for trial in trials.values()), default=0),
        any(trial.signed for trial in trials.values()),
        tuple(trials),
        {decision: trial.images for decision, trial in trials.items()},
        {decision: trial.one_way for decision, trial in trials.items()},
        None if trials else messages[0],
    )


def _with_known_fills(description: Description, explainer: Explainer) -> Description:
    """Let what simulates offer the fills alone that the bundle's surrogate was trained on."""
    known = explainer.simulated_fills
    if not known or "surrogate" not in (description.needs or ()):
        return description

    def narrowed(one: Parameter) -> Parameter:
        choices = tuple(fill for fill in one.range.choices if fill in known)
        return replace(one, range=replace(one.range, choices=choices))

    parameters = (narrowed(one) if one.name == "fill" else one for one in description.parameters)
    return replace(description, parameters=tuple(parameters))


def _trials(method: Method, explainer: Explainer) -> tuple[dict[str, _Trial], list[str]]:
    """Try a method on both decisions; return an error message where it refuses or fails."""
    trials: dict[str, _Trial] = {}
    messages: list[str] = []
    for decision, similar in (("similar", True), ("dissimilar", False)):
        try:
            trials[decision] = _try_out(method, explainer, similar)
        except Exception as error:  # noqa: BLE001 - another package's method may fail as it likes
            messages.append(error_message(error))
    return trials, messages


def error_message(error: Exception) -> str:
    """Say why a method fails; other packages' messages may contain file names, and are withheld."""
    if isinstance(error, LpelError):
        return str(error)
    return f"it fails with {type(error).__name__} where it is tried out."


def _try_out(
    method: Method,
    explainer: Explainer,
    similar: bool,
    is_too_many: Callable[[int], bool] = lambda _: False,
) -> _Trial:
    rng = np.random.default_rng(0)
    record = explainer.manifest.embedder
    crops = rng.integers(0, 256, (2, *record.shape), dtype=np.uint8)
    h_r, h_t = rng.normal(size=(2, record.dimension)).astype(np.float32)
    counts: list[int] = []

    def embed(images: NDArray[np.uint8] | Sequence[NDArray[np.uint8]]) -> Floats:
        counts.append(len(images))
        if is_too_many(sum(counts)):
            raise _TooManyError(sum(counts))
        return rng.normal(size=(len(images), record.dimension)).astype(np.float32)

    def features(images: NDArray[np.uint8]) -> ImageFeatures:
        if not explainer.simulates:
            return explainer.features(images)  # refuses
        return _with_local(embed(images), explainer, rng)

    networks = replace(with_embed(explainer, embed), features=features)
    pair = FacePair(crops[0], crops[1], h_r, h_t, similar)
    once = EachOnce(networks)
    if explainer.simulates:  # the pass that embeds a pair gives its local features, too
        once = knowing(networks, list(crops), _with_local(np.stack([h_r, h_t]), explainer, rng))
    values = method(pair, once, np.random.default_rng(0))
    one_way = sum(counts)
    if one_way:  # the reverse direction embeds only new images
        method(pair.swapped, once, np.random.default_rng(0))
    return _Trial(sum(counts), one_way, bool((values < 0).any()))


def _with_local(
    embeddings: Floats, explainer: Explainer, rng: np.random.Generator
) -> ImageFeatures:
    """Add noise in place of local features."""
    shape = explainer.embedder.local_shape or ()
    local = rng.normal(size=(len(embeddings), *shape)).astype(np.float32)
    return ImageFeatures(embeddings, local)
