"""Ablations: the magnitude p, the number of superpixels, and their fill."""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.agreement import intersection_over_union, spearman
from lpel_serving.equations.fill import Fill, FillName
from lpel_serving.equations.mask import mask
from lpel_serving.equations.superpixels import descending, grid_side, superpixel_sums
from lpel_serving.faithfulness.judgement import Judgement, Outcome, in_numbers
from lpel_serving.faithfulness.study import Answer
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.report.figures import png
from lpel_tf.decoders.decoder import IMAGE_SIZE
from lpel_tf.research.figures import difference_figure
from lpel_tf.research.reproduction.laboratory import SUPERPIXEL, Laboratory
from lpel_tf.research.reproduction.section import (
    Finding,
    Picture,
    Section,
    Table,
    between,
    by_outcomes,
)
from lpel_tf.research.reproduction.sections.curve_section import LPEL, left_out, not_drawn

_MAGNITUDES = (0.1, 0.3, 1.0, 3.0)
_SUPERPIXELS = (10, 4)
FILLS: tuple[FillName, ...] = ("uniform", "grey", "black", "mean", "blur")
"""Those of the table besides the usual noise. They are named, not all that there are, so that a
fill that is added later changes no report that was published."""


def run(laboratory: Laboratory) -> Section:
    """Measure small numbers of similar pairs under each setting."""
    lowest = _magnitudes(laboratory)
    answers = {f"superpixels of {s} pixels": _ask(laboratory, s, Fill()) for s in _SUPERPIXELS}
    answers |= {f"fill: {name}": _ask(laboratory, SUPERPIXEL, Fill(name)) for name in FILLS}
    judged = {name: answer.judgement for name, answer in answers.items()}
    return Section(
        key="ablations",
        title="Other settings",
        counterpart="section 5.3, on p",
        findings=(_about_p(lowest), _about_settings(judged)),
        tables=(_table(judged),),
        pictures=(
            Picture(
                "ablations",
                "Similar pairs: area of LPEL less that of a random ordering, by setting.",
                png(difference_figure(list(judged.items()), "random")),
            ),
        ),
        notes=(
            (
                f"{next(iter(judged.values())).pairs} similar pairs for each setting, which gives "
                f"wide intervals; about {laboratory.sizes.ablation_steps} measurements in a curve, "
                f"{laboratory.sizes.draws_costly} random orders for each pair."
                f"{left_out(next(iter(answers.values())))}"
            ),
            *not_drawn(laboratory, laboratory.main),
        ),
        data={
            "across_p": dict(zip(("spearman", "iou", "same_order"), lowest, strict=True)),
            "areas": {
                name: {
                    "lpel": vars(one.area),
                    "against": {c.against: vars(c.difference) for c in one.comparisons},
                }
                for name, one in judged.items()
            },
        },
    )


def _magnitudes(laboratory: Laboratory) -> tuple[float, float, float]:
    """Lowest rank correlation and mask overlap across p, and the share of orders that stay."""
    pairs, engine = laboratory.similar_pairs, laboratory.main.engine()
    correlations: list[float] = []
    overlaps: list[float] = []
    same: list[bool] = []
    for i in range(len(pairs)):
        pair = pairs[i]
        maps = [Lpel(p)(pair, engine, np.random.default_rng(0)) for p in _MAGNITUDES]
        for other in maps[1:]:
            correlations.append(spearman(maps[0], other))
            overlaps.append(intersection_over_union(mask(maps[0]), mask(other)))
            same.append(bool(np.array_equal(_order(maps[0]), _order(other))))
    return min(correlations), min(overlaps), float(np.mean(same))


def _order(values: NDArray[np.float32]) -> NDArray[np.int64]:
    sums = superpixel_sums(values, grid_side(IMAGE_SIZE, SUPERPIXEL))
    return descending(sums, np.random.default_rng(0))


def _ask(laboratory: Laboratory, superpixel: int, fill: Fill) -> Answer:
    every = max(1, grid_side(IMAGE_SIZE, superpixel) ** 2 // laboratory.sizes.ablation_steps)
    return laboratory.ask(
        f"ablation-{superpixel}-{fill.name}",
        "similar",
        laboratory.main,
        laboratory.similar_pairs[: laboratory.sizes.ablation_pairs],
        {LPEL: Lpel()},
        every=every,
        draws=laboratory.sizes.draws_costly,
        superpixel=superpixel,
        fill=fill,
    )


def _about_p(lowest: tuple[float, float, float]) -> Finding:
    correlation, overlap, same = lowest
    return Finding(
        "Other values of p do not change masks and quality significantly.",
        f"For p from {_MAGNITUDES[0]} to {_MAGNITUDES[-1]} the lowest rank correlation of any "
        f"pair's maps is {correlation:.4f}, the lowest overlap of its masks {overlap:.2f}, and "
        f"{same:.0%} of the orders of superpixels are the very same, so that their curves are too.",
        "holds" if correlation > 0.99 and overlap > 0.9 else "does not hold",
    )


def _about_settings(judged: dict[str, Judgement]) -> Finding:
    outcomes: list[Outcome] = [one.against("random").outcome for one in judged.values()]
    return Finding(
        "(LPEL must beat a random ordering under every setting.)",
        f"It is better in {outcomes.count('better')} of {len(judged)} settings, worse in "
        f"{outcomes.count('worse')}, undecided in {outcomes.count('undecided')}.",
        by_outcomes(outcomes),
    )


def _table(judged: dict[str, Judgement]) -> Table:
    against = ("random", "centre", "occlusion", "another pair")
    return Table(
        "Area of LPEL, and less that of each control; lower is better",
        ("setting", "area", *against),
        tuple(
            (
                name,
                between(one.area, 3),
                *(in_numbers(one.against(control).difference) for control in against),
            )
            for name, one in judged.items()
        ),
    )
