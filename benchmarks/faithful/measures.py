"""The measures, each a number for every pair or so, by method."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.assessment import Measured, measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import Interval, bootstrap
from lpel_serving.faithfulness.judgement import areas
from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress
from lpel_tf.research.measures.deletion_insertion.areas import areas as accuracy_areas
from lpel_tf.research.measures.deletion_insertion.games import (
    GAMES,
    AccuracySettings,
    measure_accuracy,
)
from lpel_tf.research.measures.landmarks.game import measure_swaps
from lpel_tf.research.measures.landmarks.scores import scores
from lpel_tf.research.measures.landmarks.settings import SwapSettings, Triplet
from lpel_tf.research.measures.patches.areas import PAIR_KINDS
from lpel_tf.research.measures.patches.areas import areas as patch_areas
from lpel_tf.research.measures.patches.game import measure_patches
from lpel_tf.research.measures.patches.pasting import PatchSettings

SUBJECT = "responses"
EVERY = 8
DRAWS = 3
RESAMPLES_SEED = 7
Scores = dict[str, list[float]]
"""One number for each pair, by method."""


@dataclass(frozen=True)
class Question:
    """A curve to be drawn: what is replaced, by what, in pairs of which decision."""

    name: str
    similar: bool
    kind: Any
    fill: Fill
    lower_is_better: bool

    @property
    def settings(self) -> CurveSettings:
        return CurveSettings(self.kind, every=EVERY, fill=self.fill, draws=DRAWS)


QUESTIONS = (
    Question("similar, noise", True, "test", Fill("normal"), True),
    Question("similar, mean", True, "test", Fill("mean"), True),
    Question("similar, blur", True, "test", Fill("blur"), True),
    Question("dissimilar, transplant", False, "transplant", Fill("normal"), False),
    Question("dissimilar, noise in both", False, "both", Fill("normal"), False),
    Question("dissimilar, mean in both", False, "both", Fill("mean"), False),
    Question("dissimilar, blur in both", False, "both", Fill("blur"), False),
)


def curve(
    question: Question,
    networks: Networks,
    pairs: Sequence[FacePair],
    methods: Mapping[str, Method],
    seed: int,
    work: Path,
    progress: Progress,
) -> Scores:
    """Area under each method's curve, on the scale of the thesis, for each pair."""
    # The folder belongs to one bundle and one set of pairs, so that names stand for maps.
    made_of = f"{question} {sorted(methods)} {seed} {len(pairs)}"
    identity = hashlib.sha256(made_of.encode()).hexdigest()
    measured: Measured = measure_curves(
        networks,
        pairs,
        (SUBJECT, methods[SUBJECT]),
        question.settings,
        np.random.default_rng(seed),
        rivals={name: method for name, method in methods.items() if name != SUBJECT},
        partial=Partial(work / f"curve-{identity[:16]}.npz", identity),
        progress=progress,
    )
    return {name: values.tolist() for name, values in areas(measured).items()}


def accuracy(
    networks: Networks,
    pairs: Sequence[FacePair],
    methods: Mapping[str, Method],
    fill: Fill,
    seed: int,
    progress: Progress,
) -> dict[str, Scores]:
    """Deletion and insertion of verification accuracy, in both polarities."""
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    mixed = [pairs[i] for i in order]
    same = np.array([pair.similar for pair in mixed])
    found: dict[str, Scores] = {}
    for polarity in (True, False):
        measured = measure_accuracy(
            networks,
            mixed,
            same,
            methods,
            AccuracySettings((0, 10, 20, 30, 50, 70, 90, 100), fill, polarity),
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
    donors: Sequence[np.ndarray],
    methods: Mapping[str, Method],
    seed: int,
    progress: Progress,
) -> dict[str, Scores]:
    """Patch-LFW: mean error as pixels are given back."""
    settings = PatchSettings(levels=tuple(range(5, 96, 15)))
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
) -> dict[str, Scores]:
    """Landmarks of another person, and whether they are found."""
    rng = np.random.default_rng(seed)
    settings = SwapSettings(masses=(0, 25, 50, 75, 100))
    measured = measure_swaps(networks, triplets, methods, settings, rng, progress=progress)
    found: dict[str, Scores] = {}
    for name in measured.names:
        for score, values in scores(measured, name).items():
            found.setdefault(f"swapped landmarks, {score}", {})[name] = values.tolist()
    return found


def interval(values: Sequence[float]) -> Interval:
    return bootstrap(np.array(values, np.float64), np.random.default_rng(RESAMPLES_SEED))


def summary(scores_: Scores, against: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Mean of each method, and its paired difference to others, with intervals."""
    return {
        name: {
            "mean": asdict(interval(values)),
            "less": {
                other: asdict(interval(np.subtract(values, scores_[other]).tolist()))
                for other in against
                if other in scores_ and other != name
            },
        }
        for name, values in scores_.items()
    }
