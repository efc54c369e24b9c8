"""LPEL as published: shifts the numbers of a face, and marks where its decoded picture changes.

Chapter 4: the embedding is perturbed by its relevance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.heatmap import heat_map
from lpel_serving.equations.mask import DEFAULT_EPSILON, check_epsilon, mask
from lpel_serving.equations.perturbation import DEFAULT_P, MAX_P, MIN_P, check_p, perturb
from lpel_serving.equations.relevance import relevance
from lpel_serving.methods.both_ways import BothWays, Steps
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import check_own
from lpel_serving.methods.explanation import LpelExplanation
from lpel_serving.methods.many import Decisions, ExplainSome, Maps, Places
from lpel_serving.methods.method import FacePair, Need
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import EmbeddingError

Decoder = Callable[[Floats], Floats]
"""``g``: embeddings, shape (N, D), to reconstructions, shape (N, H, W, 3)."""

_SANE = 1e30


@dataclass(frozen=True)
class Lpel:
    """LPEL, the method of the thesis; its maps are not signed."""

    title: ClassVar[str] = "Change of the decoded face"
    paper: ClassVar[str] = (
        "Explaining siamese neural architectures from local perturbations on the embedding layer; "
        "published as ExplainLFS, Information Fusion 2024, doi 10.1016/j.inffus.2024.102407"
    )
    needs: ClassVar[tuple[Need, ...]] = ("decoder",)
    signed: ClassVar[bool] = False
    one_file: ClassVar[bool] = True
    caveat: ClassVar[str] = (
        "Where LPEL's maps were measured, they did not beat chance (docs/faithfulness.md): "
        "take these as illustrations of the method, not as evidence. That the maps of the two "
        "pictures are alike follows from the formula, and proves nothing."
    )
    elsewhere: ClassVar[str] = (
        "That the maps of the two pictures are alike follows from the formula, and proves nothing."
    )
    p: Annotated[float, Range("Size of the perturbation (Eq. 4.5).", MIN_P, MAX_P)] = DEFAULT_P

    def __post_init__(self) -> None:
        check_own(self)

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Compute the heat-map of Eq. 4.6, shape (H, H)."""
        del rng
        h_r, h_t = pair.h_r[np.newaxis], pair.h_t[np.newaxis]
        return _heat_maps(_steps(networks.decode, h_r, h_t, np.array([pair.similar]), self.p))[0]

    def both_ways(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> BothWays:
        """Compute both heat-maps, with the steps that led to them."""
        del rng
        h = np.stack([pair.h_r, pair.h_t])
        steps = _steps(networks.decode, h, h[::-1], np.full(2, pair.similar), self.p)
        of_test, of_reference = _each(steps)
        return BothWays(*_heat_maps(steps), steps=(of_test, of_reference))

    def many(self, networks: Networks, embeddings: Floats) -> ExplainSome:
        """Prepare to explain many pairs at once: see `lpel_serving.methods.many`."""

        def explain(references: Places, tests: Places, similar: Decisions) -> Maps:
            h_r, h_t = embeddings[references], embeddings[tests]
            forward = _steps(networks.decode, h_r, h_t, similar, self.p)
            swapped = _steps(networks.decode, h_t, h_r, similar, self.p)
            return _heat_maps(forward), _heat_maps(swapped)

        return explain


def explain_embeddings(
    decode: Decoder,
    h_r: Floats,
    h_t: Floats,
    similar: NDArray[np.bool_],
    *,
    p: float = DEFAULT_P,
    epsilon: float = DEFAULT_EPSILON,
) -> list[LpelExplanation]:
    """Explain each test embedding against its reference embedding, section 4.1.

    Parameters
    ----------
    decode
        The decoder ``g``.
    h_r, h_t
        Embeddings of the references and of the tests, float32, shape (N, D).
    similar
        The network's decision on each pair, shape (N,).
    p
        Magnitude of the perturbation, from 1e-4 to 1e6 (Eq. 4.5).
    epsilon
        Threshold of the mask, in [0, 1) (Eq. 4.7).

    Raises
    ------
    EmbeddingError
        If the embeddings differ in shape, or they or the reconstructions are not finite.
    ParameterError
        If `p` or `epsilon` is out of range.
    """
    check_p(p)
    check_epsilon(epsilon)
    steps = _steps(decode, h_r, h_t, similar, p)
    heat_maps = _heat_maps(steps)
    masks = mask(heat_maps, epsilon)
    parts = (heat_maps, masks, steps.relevance, steps.perturbed_reconstruction)
    return [LpelExplanation(*of_one) for of_one in zip(steps.reconstruction, *parts, strict=True)]


def _steps(
    decode: Decoder, h_r: Floats, h_t: Floats, similar: NDArray[np.bool_], p: float
) -> Steps:
    """Compute the steps of section 4.1 for N pairs: each step has N as its first dimension."""
    _check_embeddings(h_r, h_t)
    r = relevance(h_r, h_t, similar)
    h_p = perturb(h_t, r, p)
    both = decode(np.concatenate([h_t, h_p]))
    if not (np.abs(both) < _SANE).all():  # NaN must fail too
        raise EmbeddingError("the decoder gave NaN, infinity or worse than 1e30: it is broken.")
    return Steps(both[: len(h_t)], r, both[len(h_t) :])


def _heat_maps(steps: Steps) -> Floats:
    return heat_map(steps.reconstruction, steps.perturbed_reconstruction)


def _each(steps: Steps) -> list[Steps]:
    """Split the steps of N pairs into those of each pair."""
    parts = (steps.reconstruction, steps.relevance, steps.perturbed_reconstruction)
    return [Steps(*of_one) for of_one in zip(*parts, strict=True)]


def _check_embeddings(h_r: Floats, h_t: Floats) -> None:
    """Raise `EmbeddingError` unless both have one shape (N, D) and are finite."""
    if h_r.ndim != 2 or h_r.shape != h_t.shape:
        raise EmbeddingError(
            f"expected two arrays of one shape (N, D), received {h_r.shape} and {h_t.shape}."
        )
    if not (np.isfinite(h_r).all() and np.isfinite(h_t).all()):
        raise EmbeddingError("an embedding holds NaN or infinity: the embedder is broken.")
