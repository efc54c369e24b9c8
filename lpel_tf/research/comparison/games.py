"""Deletion/insertion, patches, landmarks and occluders: a score for each pair."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from lpel_serving.equations.fill import Fill
from lpel_serving.images.held import as_image
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.progress import Progress
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.comparison.summary import Scores
from lpel_tf.research.measures.deletion_insertion.areas import areas as accuracy_areas
from lpel_tf.research.measures.deletion_insertion.games import (
    GAMES,
    AccuracySettings,
    measure_accuracy,
)
from lpel_tf.research.measures.landmarks.boxes import LANDMARKS
from lpel_tf.research.measures.landmarks.game import measure_swaps
from lpel_tf.research.measures.landmarks.scores import scores
from lpel_tf.research.measures.landmarks.settings import SwapSettings, Triplet
from lpel_tf.research.measures.occluders.game import measure_occluders, rises
from lpel_tf.research.measures.patches.areas import PAIR_KINDS
from lpel_tf.research.measures.patches.areas import areas as patch_areas
from lpel_tf.research.measures.patches.game import measure_patches
from lpel_tf.research.measures.patches.pasting import PatchSettings

ACCURACY_LEVELS = (0, 10, 20, 30, 50, 70, 90, 100)
PATCH_LEVELS = tuple(range(5, 96, 15))
MASSES = (0, 25, 50, 75, 100)
"""Percentages of pixels, of pixels given back, and of a map's mass given back."""


def accuracy(
    networks: Networks,
    pairs: Sequence[FacePair],
    methods: Mapping[str, Method],
    fill: Fill,
    seed: int,
    progress: Progress,
) -> dict[str, Scores]:
    """Deletion and insertion of verification accuracy, in both polarities."""
    order: list[int] = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    mixed = [pairs[i] for i in order]
    same = np.array([pair.similar for pair in mixed])
    found: dict[str, Scores] = {}
    for polarity in (True, False):
        measured = measure_accuracy(
            networks,
            mixed,
            same,
            methods,
            AccuracySettings(ACCURACY_LEVELS, fill, polarity),
            np.random.default_rng(seed),
            progress=progress,
        )
        for game in GAMES:
            title = f"{game}, maps of why {'similar' if polarity else 'dissimilar'}, {fill.name}"
            found[title] = {n: accuracy_areas(measured, game, n).tolist() for n in measured.names}
    return found


def patches(
    networks: Networks,
    pairs: tuple[Sequence[FacePair], Sequence[FacePair]],
    donors: Sequence[Pixels],
    methods: Mapping[str, Method],
    seed: int,
    progress: Progress,
) -> dict[str, Scores]:
    """Patch-LFW: mean error as pixels are given back."""
    settings = PatchSettings(levels=PATCH_LEVELS)
    rng = np.random.default_rng(seed)
    measured = measure_patches(networks, *pairs, donors, methods, settings, rng, progress=progress)
    return {
        f"patches, {kind}": {n: patch_areas(measured, kind, n).tolist() for n in measured.names}
        for kind in PAIR_KINDS
    }


def swaps(
    networks: Networks,
    triplets: Sequence[Triplet],
    methods: Mapping[str, Method],
    seed: int,
    progress: Progress,
) -> Mapping[str, Scores]:
    """Landmarks of another person, and whether they are found."""
    rng = np.random.default_rng(seed)
    settings = SwapSettings(masses=MASSES)
    measured = measure_swaps(networks, triplets, methods, settings, rng, progress=progress)
    found: dict[str, dict[str, list[float]]] = {}
    for name in measured.names:
        for score, values in scores(measured, name).items():
            found.setdefault(f"swapped landmarks, {score}", {})[name] = values.tolist()
    return found


def occluders(
    networks: Networks,
    pairs: Sequence[FacePair],
    methods: Mapping[str, Method],
    threshold: float,
    seed: int,
    progress: Progress,
) -> Mapping[str, Scores]:
    """Glasses, a hand, a mask or a scarf put on, and whether maps move there."""
    rng = np.random.default_rng(seed)
    measured = measure_occluders(networks, pairs, methods, threshold, rng, progress=progress)
    return {f"occluders, {title}": values for title, values in rises(measured).items()}


def triplets(setting: Setting, n: int) -> list[Triplet]:
    """The test's landmarks are replaced by a third person's, each region in its turn."""
    read = setting.explainer.embedder.read
    chosen = zip(
        setting.similar[:n], setting.pairs.donors[:n], itertools.cycle(LANDMARKS), strict=False
    )
    return [
        Triplet(pair.reference, pair.test, read(as_image(donor)), pair.h_r, pair.h_t, region)
        for pair, donor, region in chosen
    ]
