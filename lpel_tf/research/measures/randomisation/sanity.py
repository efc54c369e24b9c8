"""Sanity check: whether a map depends on the weights and the decision (Adebayo et al. 2018)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.agreement import spearman
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent

DECISION_FLIPPED = "decision flipped"


def sanity(
    networks: Networks,
    pairs: Sequence[FacePair],
    method: Method,
    randomised: Mapping[str, Networks],
    rng: np.random.Generator,
    progress: Progress = silent,
) -> dict[str, NDArray[np.float64]]:
    """Correlate each pair's map with that of randomised networks, or of the other decision.

    A map that explains the networks changes with them: correlations near 0 are a good sign, near 1
    a bad one. The random numbers, and for broken networks the decision explained, stay the same.

    Parameters
    ----------
    networks
        The trained ones.
    pairs
        At least one; read one by one, so that they may be lazy.
    method
        Whose maps are compared.
    randomised
        Networks with weights drawn at random, by what was randomised. They embed both images anew,
        unless their ``embed`` is that of `networks`.
    rng
        The source of randomness.
    progress
        ReportProgress of each pair.

    Returns
    -------
    dict[str, NDArray[np.float64]]
        Spearman's rank correlations in [-1, 1], shape (pairs,), 0 where a map is constant: by the
        names of `randomised`, and ``decision flipped`` unless the method refuses one of the pairs
        then.

    Raises
    ------
    ParameterError
        If there are no pairs, or the method refuses a pair as it is.
    EmbeddingError
        If a map is not finite.
    """
    if not len(pairs):
        raise ParameterError("sanity is checked on at least 1 pair; received none.")
    if DECISION_FLIPPED in randomised:
        raise ParameterError(f"{DECISION_FLIPPED!r} is a check by itself: name networks otherwise.")
    seed = int(rng.integers(2**62))
    found = {name: np.empty(len(pairs)) for name in (*randomised, DECISION_FLIPPED)}
    with progress("sanity", len(pairs)) as advance:
        for i in range(len(pairs)):
            pair = pairs[i]
            original = checked_map(method, pair, networks, np.random.default_rng((seed, i)))
            for name, broken in randomised.items():
                anew = _embedded_anew(pair, networks, broken)
                values = checked_map(method, anew, broken, np.random.default_rng((seed, i)))
                found[name][i] = spearman(original, values)
            if DECISION_FLIPPED in found:
                values = _flipped(method, pair, networks, np.random.default_rng((seed, i)))
                if values is None:
                    del found[DECISION_FLIPPED]
                else:
                    found[DECISION_FLIPPED][i] = spearman(original, values)
            advance(1)
    return found


def _embedded_anew(pair: FacePair, networks: Networks, broken: Networks) -> FacePair:
    # Not `is`: asking an object for a method makes a new object each time.
    if broken.embed == networks.embed:
        return pair
    h_r, h_t = broken.embed(np.stack([pair.reference, pair.test]))
    return replace(pair, h_r=h_r, h_t=h_t)


def _flipped(
    method: Method, pair: FacePair, networks: Networks, rng: np.random.Generator
) -> SignedMap | None:
    """Explain the other decision; None if the method knows only one."""
    try:
        return checked_map(method, replace(pair, similar=not pair.similar), networks, rng)
    except ParameterError:
        return None
