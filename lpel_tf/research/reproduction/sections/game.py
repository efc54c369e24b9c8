"""Deletion and insertion of verification accuracy, as in the literature on face explanation."""

from typing import Any

import numpy as np

from lpel_serving.equations.comparison import ComparisonKind
from lpel_serving.faithfulness.judgement import Outcome, outcome
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.controls.random_order import RandomOrder
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.report.figures import png
from lpel_tf.research.figures import accuracy_figure
from lpel_tf.research.harness.pairs import decided_pairs
from lpel_tf.research.measures.deletion_insertion.areas import (
    area_difference,
    area_under,
    curves,
    in_percent,
)
from lpel_tf.research.measures.deletion_insertion.games import (
    ANOTHER_PAIR,
    GAMES,
    AccuracySettings,
    Game,
    MeasuredAccuracy,
    measure_accuracy,
)
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import (
    Finding,
    Picture,
    Section,
    Table,
    between,
    by_outcomes,
)
from lpel_tf.research.reproduction.sections.curve_section import LPEL

_RANDOM, _CENTRE = "a random order", "distance from the centre"
_POLARITIES = {True: "maps of why similar", False: "maps of why dissimilar"}


def run(laboratory: Laboratory) -> Section:
    """Take away or keep the pixels that maps rank highest, in both polarities."""
    pairs, same = _pairs(laboratory)
    methods: dict[str, Method] = {LPEL: Lpel(), _RANDOM: RandomOrder(), _CENTRE: Centre()}
    measured = {
        polarity: measure_accuracy(
            laboratory.main.engine(),
            pairs,
            same,
            methods,
            AccuracySettings(laboratory.sizes.game_levels, polarity=polarity),
            np.random.default_rng(laboratory.seed),
            another_pair_of=LPEL,
            progress=laboratory.progress,
        )
        for polarity in _POLARITIES
    }
    record = laboratory.main.compared.record
    threshold = record.own_of(measured[True].threshold)
    return Section(
        key="game",
        title="Deletion and insertion of verification accuracy",
        counterpart="",
        findings=tuple(_finding(laboratory, measured[p], p) for p in _POLARITIES),
        tables=tuple(_table(laboratory, measured[p], p) for p in _POLARITIES),
        pictures=tuple(
            Picture(
                f"game-{'similar' if p else 'dissimilar'}",
                f"Accuracy as the highest-ranked pixels go (left) or alone remain; {title}.",
                png(accuracy_figure(curves(measured[p]), laboratory.sizes.game_levels, LPEL)),
            )
            for p, title in _POLARITIES.items()
        ),
        notes=(
            (
                f"{np.count_nonzero(same)} pairs of one person and {np.count_nonzero(~same)} of "
                "two, whatever the network says of them; pixels become black; the threshold is "
                f"that of equal errors on the whole images, {threshold:.3f}. "
                f"Areas are times 100. {_nothing_left(record.kind)}"
            ),
        ),
        data={title: _data(measured[p], threshold) for p, title in _POLARITIES.items()},
    )


def _nothing_left(kind: ComparisonKind) -> str:
    """Say how much of the scale can be reached: no cosine is large of an image without a trace."""
    if kind == "cosine":
        return (
            "An image with nothing left is like no one, so that pairs of two people stay right: "
            "half of the scale is out of reach."
        )
    return (
        "Where an image with nothing left is like no one, pairs of two people stay right, and half "
        "of the scale is out of reach."
    )


def _pairs(laboratory: Laboratory) -> tuple[list[FacePair], Any]:
    pairs: list[FacePair] = []
    for same in (True, False):
        rng = np.random.default_rng((laboratory.seed, 2, int(same)))
        n, subject = laboratory.sizes.game_pairs, laboratory.subject
        pairs += decided_pairs(
            laboratory.main, n, same=same, threshold=None, rng=rng, subject=subject
        )
    # Mixed, so that the pair whose map is the control is of either kind.
    order: list[int] = np.random.default_rng(laboratory.seed).permutation(len(pairs)).tolist()
    mixed = [pairs[i] for i in order]
    return mixed, np.array([pair.similar for pair in mixed])


def _finding(laboratory: Laboratory, measured: MeasuredAccuracy, polarity: bool) -> Finding:
    parts: list[str] = []
    outcomes: list[Outcome] = []
    for game in GAMES:
        for other in (_RANDOM, ANOTHER_PAIR):
            rng = np.random.default_rng(laboratory.seed)
            difference = in_percent(area_difference(measured, game, LPEL, other, rng))
            result = outcome(difference, lower_is_better=game == "deletion")
            outcomes.append(result)
            title = "another pair's map" if other == ANOTHER_PAIR else other
            parts.append(f"{game} less that of {title} {between(difference, 1)}, {result}")
    return Finding(
        f"(The {_POLARITIES[polarity]} must beat chance and another pair's map.)",
        f"Area of LPEL, times 100: {'; '.join(parts)}.",
        by_outcomes(outcomes),
    )


def _table(laboratory: Laboratory, measured: MeasuredAccuracy, polarity: bool) -> Table:
    def cell(game: Game, name: str) -> str:
        rng = np.random.default_rng(laboratory.seed)
        return between(in_percent(area_under(measured, game, name, rng)), 1)

    return Table(
        f"Area under accuracy, {_POLARITIES[polarity]}",
        ("map", "deletion (lower is better)", "insertion (higher is better)"),
        tuple((name, cell("deletion", name), cell("insertion", name)) for name in measured.names),
    )


def _data(measured: MeasuredAccuracy, threshold: float) -> dict[str, Any]:
    return {
        "threshold": threshold,
        "levels": list(measured.settings.levels),
        "accuracy": {
            game: {name: values.tolist() for name, values in by_name.items()}
            for game, by_name in curves(measured).items()
        },
    }
