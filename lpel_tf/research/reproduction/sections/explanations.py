"""Figures 5.10 and 5.11: explanations both ways, and how much they depend on the pair."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.origin import Origin
from lpel_serving.equations.decision import decide
from lpel_serving.equations.heatmap import heat_map
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.explain import explain_by
from lpel_serving.methods.used import MethodUsed
from lpel_serving.report.figures import pair_figure, png
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.likeness import Likeness, likeness, lpel_maps
from lpel_tf.research.reproduction.section import Finding, Picture, Section, Table, above, below

BOTH_WAYS, DISSIMILAR = "similar, roles exchanged", "dissimilar, roles exchanged"
OTHER, ACROSS = "similar, another pair's map", "of a similar and of a dissimilar pair"
CONSTANT = "similar, constant relevance"
_SHOWN = 3
_MARGIN = 0.01


def run(laboratory: Laboratory) -> Section:
    """Explain similar and dissimilar pairs both ways, and compare the maps."""
    similar, dissimilar = laboratory.similar_pairs, laboratory.dissimilar_pairs
    engine, seed = laboratory.main.engine(), laboratory.seed
    alike = lpel_maps(engine, similar.h_r, similar.h_t, similar=True)
    unlike = lpel_maps(engine, dissimilar.h_r, dissimilar.h_t, similar=False)
    compared = {
        BOTH_WAYS: (alike, lpel_maps(engine, similar.h_t, similar.h_r, similar=True)),
        DISSIMILAR: (unlike, lpel_maps(engine, dissimilar.h_t, dissimilar.h_r, similar=False)),
        OTHER: (alike, _next(alike)),
        "dissimilar, another pair's map": (unlike, _next(unlike)),
        ACROSS: (alike[: len(unlike)], unlike[: len(alike)]),
        CONSTANT: (alike, _constant(laboratory, len(similar))),
    }
    numbers = {name: likeness(*maps, seed) for name, maps in compared.items()}
    pictures = [
        Picture(
            f"{name}-{i + 1}",
            f"A {name} pair, explained both ways ({figure}).",
            _draw(laboratory, pairs, i),
        )
        for name, figure, pairs in (
            ("similar", "figure 5.10", similar),
            ("dissimilar", "figure 5.11", dissimilar),
        )
        for i in range(min(_SHOWN, len(pairs)))
    ]
    return Section(
        key="explanations",
        title="Explanations both ways",
        counterpart="figures 5.10 and 5.11",
        findings=_findings(numbers),
        tables=(
            Table(
                "How alike two maps are: rank correlation, and overlap of the masks",
                ("maps", "Spearman", "IoU"),
                tuple(one.row(name) for name, one in numbers.items()),
            ),
        ),
        pictures=tuple(pictures),
        notes=(
            (
                f"{len(similar)} similar and {len(dissimilar)} dissimilar pairs. With a linear "
                "decoder the map is p·|W r|, and r does not change when the two images change "
                "places: that the maps agree both ways is arithmetic, not evidence."
            ),
        ),
        data={name: one.data() for name, one in numbers.items()},
    )


def _findings(numbers: Mapping[str, Likeness]) -> tuple[Finding, ...]:
    both, dissimilar = numbers[BOTH_WAYS], numbers[DISSIMILAR]
    other, across, constant = numbers[OTHER], numbers[ACROSS], numbers[CONSTANT]
    more = dissimilar.spearman.high < both.spearman.low - _MARGIN
    return (
        Finding(
            "For similar pairs, masks and heat-maps are essentially identical both ways.",
            f"{both.words().capitalize()}.",
            above(both.spearman, 0.95, 0.5),
        ),
        Finding(
            "For dissimilar pairs the maps change more with the choice of the reference.",
            f"{dissimilar.words().capitalize()}.",
            "holds" if more else "does not hold",
        ),
        Finding(
            "The importance of areas changes between pairs of images.",
            f"The maps of two different similar pairs: {other.words()}. A map and that of constant "
            f"relevance, which does not depend on the pair: {constant.words()}.",
            below(other.iou, 0.5, 0.9),
        ),
        Finding(
            "The areas highlighted for dissimilar pairs are quite like those for similar ones.",
            f"Across the two kinds: {across.words()}.",
            above(across.spearman, 0.5, 0.2),
        ),
    )


def _constant(laboratory: Laboratory, n: int) -> NDArray[np.float32]:
    decode = laboratory.main.engine().decode
    dimension = laboratory.main.embedder.record.dimension
    at_zero = np.zeros((1, dimension), np.float32)
    return np.repeat(heat_map(decode(at_zero), decode(at_zero + 1)), n, axis=0)


def _next(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.roll(maps, -1, axis=0)


def _draw(laboratory: Laboratory, pairs: PhotographPairs, i: int) -> bytes:
    pair = pairs[i]
    main = laboratory.main
    compared, threshold = main.compared, laboratory.similarity_threshold(main)
    explanation = explain_by(
        Lpel(),
        main.engine(),
        laboratory.shown_pair(pair),
        np.stack([pair.h_r, pair.h_t]),
        decide(compared.comparison, pair.h_r, pair.h_t, threshold),
    )
    origin = Origin(
        main.crop,
        main.crop,
        main.embedder.record.name,
        comparison=compared.record,
        subject=laboratory.subject,
    )
    made = replace(explanation, method=MethodUsed(Lpel()), origin=origin)
    return png(pair_figure(made))
