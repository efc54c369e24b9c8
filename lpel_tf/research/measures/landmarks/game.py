"""The inpainting game: whether a map finds a landmark swapped for another person's.

A twin is a face (the probe) with one landmark of another person: its mask, the pixels that
changed, is what an explanation of why it does not match ought to find (Williford, May and Byrne,
Explainable face recognition, ECCV 2020, who inpainted theirs).

The pair explained is another photograph of the probe's person (the reference) and the twin, as
dissimilar. The more a pixel of the twin speaks against the match, the sooner it is given back to
the probe. The twin has flipped when it is nearer to the probe than to itself. Pixels outside the
mask are the probe's already: calling them salient changes no image, and is a false alarm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_tf.research.measures.landmarks.boxes import with_landmark
from lpel_tf.research.measures.landmarks.settings import SwapSettings, Triplet
from lpel_tf.research.measures.landmarks.twin import Game, plan_game
from lpel_tf.research.measures.mixtures import refuse_broken, refuse_shapes


@dataclass(frozen=True, eq=False)
class MeasuredSwaps:
    """What each method found of each landmark that was swapped.

    Attributes
    ----------
    settings
        How it was measured.
    names
        The methods.
    likeness
        Cosine of each twin and its probe, float32, shape (triplets,).
    kept
        Which triplets were played, bool, shape (triplets,); what follows is of those alone, K.
    regions
        Their landmarks, K.
    share
        Of the crop that changed, in (0, 1), float64, shape (K,).
    flipped, false_alarms
        Whether the twin has flipped, and the salient share of what did not change, at each mass;
        bool and float64, shape (methods, K, masses).
    flipped_at
        Whether it has when as many pixels are given back, in the map's order, as each rate of
        false alarms allows; bool, shape (methods, K, rates).
    iou
        Intersection over union of the mask and as many highest pixels, in [0, 1], float64, shape
        (methods, K).
    hit
        Whether the highest pixel lies in the mask, bool, shape (methods, K).
    """

    settings: SwapSettings
    names: tuple[str, ...]
    likeness: NDArray[np.float32]
    kept: NDArray[np.bool_]
    regions: tuple[str, ...]
    share: NDArray[np.float64]
    flipped: NDArray[np.bool_]
    false_alarms: NDArray[np.float64]
    flipped_at: NDArray[np.bool_]
    iou: NDArray[np.float64]
    hit: NDArray[np.bool_]

    @property
    def dropped(self) -> int:
        """How many triplets were not played."""
        return int(np.count_nonzero(~self.kept))


def measure_swaps(
    networks: Networks,
    triplets: Sequence[Triplet],
    methods: Mapping[str, Method],
    settings: SwapSettings,
    rng: np.random.Generator,
    *,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> MeasuredSwaps:
    """Swap a landmark of each probe, and explain by every method why its twin does not match.

    Parameters
    ----------
    networks
        The embedder that is asked, and what the methods need.
    triplets
        Each is read once, one by one, so that they may be lazy.
    methods
        By name, at least one. All are given the same random numbers.
    settings
        The definition.
    rng
        The source of randomness: the same one gives the same result at any batch size.
    batch_size
        Images in one inference.
    progress
        ReportProgress of each triplet.

    Raises
    ------
    ParameterError
        If there are no triplets, no method, crops or regions that do not fit, or no swap moves an
        embedding far enough.
    EmbeddingError
        If a method's map or an embedding is not finite.
    """
    if not len(triplets) or not methods or batch_size < 1:
        raise ParameterError(
            "expected at least 1 triplet, 1 method and 1 image in a batch; received "
            f"{len(triplets)}, {len(methods)} and {batch_size}."
        )
    seed = int(rng.integers(2**62))
    likeness = np.empty(len(triplets), np.float32)
    done: list[tuple[str, Game, NDArray[np.bool_]]] = []
    with progress("landmarks swapped", len(triplets)) as advance:

        def jobs() -> Iterator[EmbeddingJob[tuple[Triplet, Game]]]:
            twins = _twins(triplets, settings)
            for (i, one, twin), h in embed_jobs(networks.embed, twins, batch_size):
                refuse_broken(one.h_reference, one.h_probe, h)
                likeness[i] = cosine_similarity(one.h_probe, h[0])
                if likeness[i] >= settings.alike:
                    advance(1)
                    continue
                game = _play(networks, one, twin, h[0], methods, settings, (seed, i))
                yield EmbeddingJob((one, game), game.plan.images(), len(game.plan.sets))

        for (one, game), embedded in embed_jobs(networks.embed, jobs(), batch_size):
            done.append((one.region, game, game.flips(one.h_probe, embedded)))
            advance(1)
    return _collect(settings, tuple(methods), likeness, done)


def _twins(
    triplets: Sequence[Triplet], settings: SwapSettings
) -> Iterator[EmbeddingJob[tuple[int, Triplet, Pixels]]]:
    for i in range(len(triplets)):
        one = triplets[i]
        if one.region not in settings.regions:
            raise ParameterError(
                f"no landmark is called {one.region!r}; there are: {', '.join(settings.regions)}."
            )
        refuse_shapes(one.reference, one.probe, one.donor)
        box = settings.regions[one.region]
        twin = with_landmark(one.probe, one.donor, box, settings.feather)
        yield EmbeddingJob((i, one, twin), [twin], 1)


def _play(
    networks: Networks,
    one: Triplet,
    twin: Pixels,
    h_twin: Floats,
    methods: Mapping[str, Method],
    settings: SwapSettings,
    seed: tuple[int, int],
) -> Game:
    """Explain one twin by every method."""
    pair = FacePair(one.reference, twin, one.h_reference, h_twin, similar=False)
    maps = [
        checked_map(method, pair, networks, np.random.default_rng((*seed, 1)), name)
        for name, method in methods.items()
    ]
    return plan_game(one.probe, pair, maps, (settings.masses, settings.rates), (*seed, 0))


def _collect(
    settings: SwapSettings,
    names: tuple[str, ...],
    likeness: NDArray[np.float32],
    done: list[tuple[str, Game, NDArray[np.bool_]]],
) -> MeasuredSwaps:
    if not done:
        raise ParameterError(
            f"none of {len(likeness)} swaps takes the cosine of twin and probe below "
            f"{settings.alike} (lowest: {likeness.min():.3f}): raise it, or give larger boxes."
        )
    regions, games, flips = zip(*done, strict=True)
    flipped, flipped_at = np.split(np.stack(flips, axis=1), [len(settings.masses)], axis=-1)
    return MeasuredSwaps(
        settings=settings,
        names=names,
        likeness=likeness,
        kept=likeness < settings.alike,
        regions=regions,
        share=np.array([game.share for game in games]),
        flipped=flipped,
        false_alarms=np.stack([game.false_alarms for game in games], axis=1),
        flipped_at=flipped_at,
        iou=np.stack([game.iou for game in games], axis=1),
        hit=np.stack([game.hit for game in games], axis=1),
    )
