"""Planted occluders: whether a map of why two faces are less similar moves to what was put on one.

A similar pair's test is given glasses, a hand, a mask or a scarf, so that it is less similar to the
same person's other photograph than it was. Maps of both pairs are asked for, of one decision, the
network's on the occluded pair. What counts is how much more of the occluded pair's map lies in the
occluder than of the same map before: its rise.

A rise of 1 is best: nothing of the map was there before, and all of it is afterwards. 0 is that of
a map that does not move, as every map that does not depend on the pair: the mean map, the centre,
or random numbers. -1 is worst: all of it was there and leaves. A map that always lies where
occluders are usually put gains nothing by that in the rise, but does in the share itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.decision import Decision
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_tf.research.measures.mixtures import refuse_broken
from lpel_tf.research.measures.occluders.drawing import OCCLUDERS, Occluded, occlude
from lpel_tf.research.measures.occluders.scores import (
    covered_rank,
    covered_share,
    why_different,
)

LEAST = 0.05


@dataclass(frozen=True, eq=False)
class MeasuredOccluders:
    """What each method's map does when an occluder is put on.

    Attributes
    ----------
    names
        The methods.
    kinds
        The occluders.
    kept
        Whether the similarity fell far enough, bool, shape (pairs, kinds); scores are NaN where it
        did not.
    share
        Of what speaks for a difference in the occluder, without and with it, float64, shape
        (methods, pairs, kinds, 2).
    rank
        How often a pixel there has a higher value than one elsewhere, likewise.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    kept: NDArray[np.bool_]
    share: NDArray[np.float64]
    rank: NDArray[np.float64]


def measure_occluders(
    networks: Networks,
    pairs: Sequence[FacePair],
    methods: Mapping[str, Method],
    threshold: float,
    rng: np.random.Generator,
    *,
    least: float = LEAST,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> MeasuredOccluders:
    """Put every occluder on the test of every pair, and ask every method for its maps.

    Parameters
    ----------
    networks
        The embedder that is asked, and what the methods need.
    pairs
        Of one person, called similar; read one by one.
    methods
        By name. All are given the same random numbers, without and with the occluder too.
    threshold
        A more similar pair is called similar.
    rng
        The source of randomness: the same one gives the same result at any batch size.
    least
        By how much the similarity has to fall: where an occluder moves nothing, nobody can say that
        a map should.
    batch_size
        Images in one inference.
    progress
        Receives progress after each pair.

    Raises
    ------
    ParameterError
        If there are no pairs, no methods, or no occluder moves the similarity far enough.
    EmbeddingError
        If a map or an embedding is not finite.
    """
    if not len(pairs) or not methods:
        raise ParameterError(
            f"expected pairs and methods; received {len(pairs)} and {len(methods)}."
        )
    seed = int(rng.integers(2**62))
    kept = np.zeros((len(pairs), len(OCCLUDERS)), np.bool_)
    scores = np.full((2, len(methods), *kept.shape, 2), np.nan)
    jobs = embed_jobs(networks.embed, _jobs(pairs, seed), batch_size)
    with progress("occluders", len(pairs)) as advance:
        for (i, pair, drawn), embedded in jobs:
            refuse_broken(embedded, pair.h_r, pair.h_t)
            for j, (one, h) in enumerate(zip(drawn, embedded, strict=True)):
                worn = replace(pair, test=one.image, h_t=h)
                kept[i, j] = _similarity(pair) - _similarity(worn) >= least
                if kept[i, j]:
                    similar = Decision(_similarity(worn), threshold).similar
                    both = (replace(pair, similar=similar), replace(worn, similar=similar))
                    scores[:, :, i, j] = _scores(networks, both, one, methods, (seed, i, j, 1))
            advance(1)
    if not kept.any():
        raise ParameterError(
            f"no occluder makes a pair less similar by {least}: choose a lower `least`."
        )
    return MeasuredOccluders(tuple(methods), OCCLUDERS, kept, scores[0], scores[1])


def _jobs(
    pairs: Sequence[FacePair], seed: int
) -> Iterator[EmbeddingJob[tuple[int, FacePair, list[Occluded]]]]:
    for i in range(len(pairs)):
        pair = pairs[i]
        drawn = [
            occlude(pair.test, kind, np.random.default_rng((seed, i, j, 0)))
            for j, kind in enumerate(OCCLUDERS)
        ]
        yield EmbeddingJob((i, pair, drawn), [one.image for one in drawn], len(drawn))


def _similarity(pair: FacePair) -> float:
    return float(cosine_similarity(pair.h_r, pair.h_t))


def _scores(
    networks: Networks,
    both: tuple[FacePair, FacePair],
    occluded: Occluded,
    methods: Mapping[str, Method],
    seed: tuple[int, ...],
) -> NDArray[np.float64]:
    """Share and rank by every method, without and with the occluder, shape (2, methods, 2)."""
    found = np.empty((2, len(methods), 2))
    size = len(occluded.image)
    for m, (name, method) in enumerate(methods.items()):
        for k, pair in enumerate(both):
            values = checked_map(method, pair, networks, np.random.default_rng(seed), name)
            different = why_different(values, size, similar=pair.similar)
            found[0, m, k] = covered_share(different, occluded.covered)
            found[1, m, k] = covered_rank(different, occluded.covered)
    return found


def rises(measured: MeasuredOccluders) -> dict[str, dict[str, list[float]]]:
    """Scores of each pair, averaged over the occluders that moved it, by title and method.

    Returns
    -------
    dict[str, dict[str, list[float]]]
        ``rise of the share`` and ``rise of the rank``, from -1 (worst) to 1 (best), 0 for a map
        that does not move; ``share`` with the occluder on; and the rise of the share for each
        occluder. Pairs that no occluder moved are left out.
    """
    rise = measured.share[..., 1] - measured.share[..., 0]
    titles = {
        "rise of the share": rise,
        "rise of the rank": measured.rank[..., 1] - measured.rank[..., 0],
        "share": measured.share[..., 1],
    }
    found = {
        title: _by_method(measured, values[:, measured.kept.any(axis=1)])
        for title, values in titles.items()
    }
    for j, kind in enumerate(measured.kinds):
        if (some := measured.kept[:, j]).any():
            found[f"{kind}, rise of the share"] = _by_method(measured, rise[:, some, j : j + 1])
    return found


def _by_method(measured: MeasuredOccluders, values: NDArray[np.float64]) -> dict[str, list[float]]:
    means = np.nanmean(values, axis=-1)
    return {name: means[m].tolist() for m, name in enumerate(measured.names)}
