"""The magnitude p, the number of superpixels, and what they are filled with."""

import numpy as np

from lpel_serving.agreement import spearman
from lpel_serving.figures import difference_figure, png
from lpel_serving.fill import FILLS, Fill
from lpel_serving.laboratory.judgement import Judgement, in_numbers
from lpel_serving.laboratory.study import Answer
from lpel_serving.methods.lpel import Lpel
from lpel_serving.superpixels import grid_side
from lpel_tf.decoder import IMAGE_SIZE
from lpel_tf.reproduction.laboratory import SUPERPIXEL, Laboratory
from lpel_tf.reproduction.section import Finding, Picture, Section, Table, between
from lpel_tf.reproduction.sections.curve_section import LPEL

_MAGNITUDES = (0.1, 0.3, 1.0, 3.0)
_SUPERPIXELS = (10, 4)
_STEPS = 8


def run(laboratory: Laboratory) -> Section:
    """Measure small numbers of similar pairs under each setting."""
    lowest = _magnitudes(laboratory)
    answers = {f"superpixels of {s} pixels": _ask(laboratory, s, Fill()) for s in _SUPERPIXELS}
    for name in FILLS:
        if name != "normal":
            answers[f"fill: {name}"] = _ask(laboratory, SUPERPIXEL, Fill(name))
    judged = {name: answer.judgement for name, answer in answers.items()}
    return Section(
        key="ablations",
        title="Other settings",
        counterpart="section 5.3 on p; nothing on the rest",
        findings=(_about_p(lowest), _about_settings(judged)),
        tables=(_table(judged),),
        pictures=(
            Picture(
                "ablations",
                "Similar pairs: area of LPEL less that of a random order, by setting.",
                png(difference_figure(list(judged.items()), "random")),
            ),
        ),
        notes=(f"{next(iter(judged.values())).pairs} similar pairs, which gives wide intervals.",),
        data={
            "lowest_rank_correlation_across_p": lowest,
            "areas": {
                name: {
                    "lpel": vars(one.area),
                    "against": {c.against: vars(c.difference) for c in one.comparisons},
                }
                for name, one in judged.items()
            },
        },
    )


def _magnitudes(laboratory: Laboratory) -> float:
    """The lowest rank correlation of any pair's maps across all p."""
    pairs, engine = laboratory.similar_pairs, laboratory.main.engine()
    lowest = 1.0
    for i in range(min(len(pairs), laboratory.sizes.probes)):
        pair, rng = pairs[i], np.random.default_rng(0)
        maps = [Lpel(p)(pair, engine, rng) for p in _MAGNITUDES]
        lowest = min(lowest, *(spearman(maps[0], other) for other in maps[1:]))
    return lowest


def _ask(laboratory: Laboratory, superpixel: int, fill: Fill) -> Answer:
    every = max(1, grid_side(IMAGE_SIZE, superpixel) ** 2 // _STEPS)
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


def _about_p(lowest: float) -> Finding:
    return Finding(
        "Other values of p do not change masks and quality significantly.",
        f"For p from {_MAGNITUDES[0]} to {_MAGNITUDES[-1]} the lowest rank correlation of any "
        f"pair's maps is {lowest:.4f}: with a linear decoder p only scales the map.",
        "holds" if lowest > 0.99 else "does not hold",
    )


def _about_settings(judged: dict[str, Judgement]) -> Finding:
    better = [n for n, one in judged.items() if one.against("random").outcome == "better"]
    worse = [n for n, one in judged.items() if one.against("random").outcome == "worse"]
    return Finding(
        "(The result must not hang on superpixels and fill.)",
        f"Against a random order LPEL is better in {len(better)} of {len(judged)} settings, worse "
        f"in {len(worse)}, not told apart in {len(judged) - len(better) - len(worse)}.",
        "holds" if len(better) == len(judged) else "holds in part" if better else "does not hold",
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
