"""Patch-LFW: faces with patches of other people, given back in the order of an explanation.

Square patches of another face make a genuine pair look like an impostor's, and an impostor's pair
like a genuine one. The better the map of the patched pair, the sooner the network errs less when
the pixels that the map ranks highest are given back (decision-based patch replacement; Huber et
al., xSSAB, 2023).

xSSAB's maps are positive where a pixel speaks for a match, whatever was decided, so that it gives
back the lowest values first where the pair was called a non-match, else the highest. Our maps are
positive where a pixel speaks for the decision that was made. Those are the same pixels, so that
here the highest values always come first, on the map of the decision on the patched pair.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.decision import Decision, Decisions
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.controls import RANDOM
from lpel_serving.faithfulness.deletion_curve import prefixes
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_tf.research.measures.equal_error import equal_error_threshold
from lpel_tf.research.measures.mixtures import (
    Mixtures,
    mixtures,
    pixel_order,
    refuse_broken,
)
from lpel_tf.research.measures.patches.pasting import PatchSettings, paste


@dataclass(frozen=True, eq=False)
class MeasuredPatches:
    """Which pairs are decided wrongly, clean, patched, and as pixels are given back.

    Attributes
    ----------
    settings
        How it was measured.
    threshold
        Where |1 - TAR - FAR| of the clean pairs is least; a pair more similar is called a match.
    names
        The methods; giving back at random, `RANDOM`, last.
    same
        Whether each pair is of one person, bool, shape (pairs,): the genuine pairs come first.
    clean, patched
        Wrong decisions before anything is pasted, and before anything is given back, (pairs,).
    wrong
        Wrong decisions, bool, shape (methods, pairs, levels).
    """

    settings: PatchSettings
    threshold: float
    names: tuple[str, ...]
    same: NDArray[np.bool_]
    clean: NDArray[np.bool_]
    patched: NDArray[np.bool_]
    wrong: NDArray[np.bool_]


def measure_patches(
    networks: Networks,
    genuine: Sequence[FacePair],
    impostor: Sequence[FacePair],
    donors: Sequence[Pixels],
    methods: Mapping[str, Method],
    settings: PatchSettings,
    rng: np.random.Generator,
    *,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> MeasuredPatches:
    """Patch the test image of every pair, explain it, and give its pixels back.

    Parameters
    ----------
    networks
        The embedder that is asked, and what the methods need.
    genuine, impostor
        Clean pairs of one person, and of two. Each is read twice, since the threshold is of all
        their embeddings, and the methods are asked once. The decision that they hold is not used.
    donors
        For each genuine pair a crop of another person, uint8, shape (S, S, 3). An impostor's
        patches are of his own reference, as in the paper.
    methods
        By name, at least one. All see the same patches and the same random numbers.
    settings
        The definition.
    rng
        The source of randomness: the same one gives the same result at any batch size.
    batch_size
        Images in one inference.
    progress
        ReportProgress of each pair.

    Raises
    ------
    ParameterError
        If a kind of pair is absent, donors or crops do not fit, or a method is missing.
    EmbeddingError
        If a method's map or an embedding is not finite.
    """
    _check(genuine, impostor, donors, methods, batch_size)
    same = np.arange(len(genuine) + len(impostor)) < len(genuine)
    clean = np.array([_similarity(pair) for pairs in (genuine, impostor) for pair in pairs])
    threshold = equal_error_threshold(clean.astype(np.float32), same)
    seed = int(rng.integers(2**62))

    def patched() -> Iterator[EmbeddingJob[tuple[int, FacePair, Pixels]]]:
        for i in range(len(same)):
            pair = genuine[i] if same[i] else impostor[i - len(genuine)]
            donor = donors[i] if same[i] else pair.reference
            image = paste(pair.test, donor, settings, np.random.default_rng((seed, i, 2)))
            yield EmbeddingJob((i, pair, image), [image], 1)

    def jobs() -> Iterator[EmbeddingJob[tuple[int, FacePair, FacePair, Mixtures]]]:
        for (i, pair, image), h in embed_jobs(networks.embed, patched(), batch_size):
            seen = replace(pair, test=image, h_t=h[0])
            seen = replace(seen, similar=Decision(_similarity(seen), threshold).similar)
            plan = _plan(networks, pair, seen, methods, settings, (seed, i))
            yield EmbeddingJob((i, pair, seen, plan), plan.images(), len(plan.sets))

    before = np.empty(len(same), np.float64)
    similarities = np.empty((len(methods) + 1, len(same), len(settings.levels)), np.float64)
    with progress("patches given back", len(same)) as advance:
        for (i, pair, seen, plan), embedded in embed_jobs(networks.embed, jobs(), batch_size):
            h = plan.distinct([seen.h_t, pair.h_t], embedded)[plan.place]
            before[i] = _similarity(seen)
            similarities[:, i] = cosine_similarity(np.broadcast_to(pair.h_r, h.shape), h)
            advance(1)
    return MeasuredPatches(
        settings=settings,
        threshold=threshold,
        names=(*methods, RANDOM),
        same=same,
        clean=Decisions(clean.astype(np.float32), threshold).similar != same,
        patched=Decisions(before.astype(np.float32), threshold).similar != same,
        wrong=Decisions(similarities.astype(np.float32), threshold).similar != same[:, np.newaxis],
    )


def _check(
    genuine: Sequence[FacePair],
    impostor: Sequence[FacePair],
    donors: Sequence[Pixels],
    methods: Mapping[str, Method],
    batch_size: int,
) -> None:
    """Refuse before anything is embedded what cannot be measured."""
    if not len(genuine) or not len(impostor):
        raise ParameterError(
            f"error rates need pairs of one person and of two; received {len(genuine)} and "
            f"{len(impostor)}."
        )
    if len(donors) != len(genuine):
        raise ParameterError(
            f"expected another person's crop for each of {len(genuine)} genuine pairs; received "
            f"{len(donors)}."
        )
    if not methods or RANDOM in methods:
        raise ParameterError(
            f"expected at least one method, none of them called {RANDOM!r}, which names the "
            f"control; received: {', '.join(methods) or 'none'}."
        )
    if batch_size < 1:
        raise ParameterError(f"a batch holds at least 1 image; received {batch_size}.")


def _plan(
    networks: Networks,
    pair: FacePair,
    patched: FacePair,
    methods: Mapping[str, Method],
    settings: PatchSettings,
    seed: tuple[int, int],
) -> Mixtures:
    """Explain a patched pair by every method; shape of the plan's wishes (methods + 1, levels)."""
    size = len(pair.test)
    orders: list[NDArray[np.int64]] = []
    for name, method in methods.items():
        values = checked_map(method, patched, networks, np.random.default_rng((*seed, 1)), name)
        orders.append(pixel_order(values, size, np.random.default_rng((*seed, 0))))
    orders.append(np.random.default_rng((*seed, 3)).permutation(size * size))
    counts = settings.counts(size * size)
    wishes = np.stack([prefixes(order, counts) for order in orders])
    return mixtures(patched.test, pair.test, wishes, other_known=True)


def _similarity(pair: FacePair) -> float:
    refuse_broken(pair.h_r, pair.h_t)
    return float(cosine_similarity(pair.h_r, pair.h_t))
