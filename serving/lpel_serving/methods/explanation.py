"""The method, from two embeddings to two explanations."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.usual_record import UsualMaps
from lpel_serving.equations.agreement import Agreement, intersection_over_union, spearman
from lpel_serving.equations.decision import Decision
from lpel_serving.equations.heatmap import heat_map, normalise
from lpel_serving.equations.mask import DEFAULT_EPSILON, mask
from lpel_serving.equations.perturbation import DEFAULT_P, perturb
from lpel_serving.equations.relevance import relevance
from lpel_serving.methods.decided import DecidedPair
from lpel_serving.methods.used import MethodUsed
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import EmbeddingError, ParameterError

Decoder = Callable[[Floats], Floats]
"""``g``: embeddings, shape (N, D), to reconstructions, shape (N, H, W, 3)."""

MIN_P, MAX_P = 1e-4, 1e6
"""Beyond these float32 loses the difference that Eq. 4.6 is about."""
_SANE = 1e30


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why one image, the test, was called similar or dissimilar to another, the reference.

    Attributes
    ----------
    reconstruction
        ``g(h_t)``, float32, shape (H, W, 3); about [0, 1], not clipped.
    heat_map
        Which pixels matter, float32, shape (H, W). By LPEL Eq. 4.6, at least 0, in units of pixel
        intensity; by other methods signed, on a scale of their own and perhaps of another size.
    mask
        Eq. 4.7, bool, shape (H, W).
    """

    reconstruction: Floats
    heat_map: Floats
    mask: NDArray[np.bool_]

    @property
    def normalised_heat_map(self) -> Floats:
        """The heat-map scaled to [0, 1], float32, shape (H, W)."""
        return normalise(self.heat_map)


@dataclass(frozen=True, eq=False)
class LpelExplanation(Explanation):
    """An explanation by LPEL, with the steps that led to it.

    Attributes
    ----------
    relevance
        Eq. 4.4, float32, shape (D,), in [0, 1].
    perturbed_reconstruction
        ``g(h_p)``, float32, shape (H, W, 3); not clipped, and often far outside [0, 1].
    """

    relevance: Floats
    perturbed_reconstruction: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class PairExplanation(DecidedPair):
    """A pair of images explained both ways.

    Attributes
    ----------
    forward
        Explanation of the test against the reference.
    swapped
        Explanation of the reference against the test: the roles exchanged.
    agreement
        How alike the two explanations are.
    control
        Whether the maps are a control's, to measure others by: they know nothing of this pair. See
        `lpel_serving.methods.method.is_control`.
    usual
        What is usual of such maps, by other pairs; None where the bundle does not know.
    method
        What explained it; None if not known.
    """

    forward: Explanation
    swapped: Explanation
    agreement: Agreement
    control: bool = False
    usual: UsualMaps | None = None
    method: MethodUsed | None = None


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
    check_parameters(p, epsilon)
    check_embeddings(h_r, h_t)
    r = relevance(h_r, h_t, similar)
    h_p = perturb(h_t, r, p)
    both = decode(np.concatenate([h_t, h_p]))
    if not (np.abs(both) < _SANE).all():  # NaN must fail too
        raise EmbeddingError("the decoder gave NaN, infinity or worse than 1e30: it is broken.")
    reconstruction, perturbed = both[: len(h_t)], both[len(h_t) :]
    heat_maps = heat_map(reconstruction, perturbed)
    masks = mask(heat_maps, epsilon)
    return [
        LpelExplanation(*parts)
        for parts in zip(reconstruction, heat_maps, masks, r, perturbed, strict=True)
    ]


def explain_both_ways(
    decode: Decoder,
    crops: tuple[Pixels, Pixels],
    embeddings: Floats,
    decision: Decision,
    *,
    p: float = DEFAULT_P,
    epsilon: float = DEFAULT_EPSILON,
) -> PairExplanation:
    """Explain the network's decision on one pair, then again with the roles exchanged.

    Parameters
    ----------
    decode
        The decoder ``g``.
    crops
        Reference and test, uint8, shape (S, S, 3).
    embeddings
        Theirs, float32, shape (2, D).
    decision
        The network's.
    p, epsilon
        See `explain_embeddings`.
    """
    forward, swapped = explain_embeddings(
        decode, embeddings, embeddings[::-1], np.full(2, decision.similar), p=p, epsilon=epsilon
    )
    return put_together(crops, embeddings, decision, forward, swapped)


def put_together(
    crops: tuple[Pixels, Pixels],
    embeddings: Floats,
    decision: Decision,
    forward: Explanation,
    swapped: Explanation,
    *,
    control: bool = False,
) -> PairExplanation:
    """Join the two explanations of a pair to what they are explanations of."""
    return PairExplanation(
        decision=decision,
        reference_crop=crops[0],
        test_crop=crops[1],
        reference_embedding=embeddings[0],
        test_embedding=embeddings[1],
        forward=forward,
        swapped=swapped,
        agreement=compare(forward, swapped),
        control=control,
    )


def compare(forward: Explanation, swapped: Explanation) -> Agreement:
    """Say how alike the explanations of a pair are when the roles are exchanged."""
    return Agreement(
        spearman(forward.heat_map, swapped.heat_map),
        intersection_over_union(forward.mask, swapped.mask),
    )


def check_parameters(p: float, epsilon: float) -> None:
    """Raise `ParameterError` unless 1e-4 <= p <= 1e6 and 0 <= epsilon < 1."""
    if not MIN_P <= p <= MAX_P:
        raise ParameterError(
            f"p, the size of the perturbation, lies from {MIN_P:.0e} to {MAX_P:.0e}; received {p}."
        )
    if not 0 <= epsilon < 1:
        raise ParameterError(f"epsilon, the mask's threshold, lies in [0, 1); received {epsilon}.")


def check_embeddings(h_r: Floats, h_t: Floats) -> None:
    """Raise `EmbeddingError` unless both have one shape (N, D) and are finite."""
    if h_r.ndim != 2 or h_r.shape != h_t.shape:
        raise EmbeddingError(
            f"expected two arrays of one shape (N, D), received {h_r.shape} and {h_t.shape}."
        )
    if not (np.isfinite(h_r).all() and np.isfinite(h_t).all()):
        raise EmbeddingError("an embedding holds NaN or infinity: the embedder is broken.")
