"""Figures 5.12, 5.13 and 5.18: similar pairs lose superpixels."""

import numpy as np

from lpel_serving.laboratory.judgement import headline, in_numbers, judge
from lpel_serving.laboratory.study import Answer
from lpel_serving.methods.derived import WithDecoder
from lpel_serving.methods.emsnn import Emsnn
from lpel_serving.methods.lpel import Lpel
from lpel_serving.methods.method import Method
from lpel_tf.reproduction.laboratory import Laboratory
from lpel_tf.reproduction.section import Finding, Section, between
from lpel_tf.reproduction.sections.curve_section import (
    LPEL,
    comparison_table,
    curve_arrays,
    curve_data,
    curve_picture,
    strip_picture,
)
from lpel_tf.reproduction.setting import LEAST_SQUARES, OURS

_K = 100


def run(laboratory: Laboratory) -> Section:
    """Measure the thesis's main curve, beside every control."""
    setting, pairs = laboratory.main, laboratory.similar_pairs
    answer = laboratory.ask(
        "similar",
        "similar",
        setting,
        pairs,
        _methods(laboratory),
        every=laboratory.sizes.every,
        draws=laboratory.sizes.draws,
    )
    top_k = _emsnn_name(laboratory)
    rng = np.random.default_rng(laboratory.seed)
    return Section(
        key="similar",
        title="Similar pairs lose superpixels",
        counterpart="figures 5.12, 5.13 and 5.18",
        findings=_findings(answer, top_k),
        tables=(
            comparison_table(answer.judgement, "Area under the normalised similarity, LPEL"),
            comparison_table(judge(answer.measured, rng, top_k), f"The same, {top_k}"),
        ),
        pictures=(
            curve_picture(
                "similar", answer, "Similar pairs, test image perturbed (figures 5.12 and 5.18)."
            ),
            strip_picture(
                laboratory,
                "similar-strip",
                pairs,
                "test",
                "One pair in LPEL's order (figure 5.13): superpixels replaced, and similarity.",
            ),
        ),
        notes=(
            (
                f"The similarity is measured after every {laboratory.sizes.every} of the 64 "
                f"superpixels; {laboratory.sizes.draws} random orders for each pair; noise of "
                "mean 0 and variance 0.09 on pixels in [0, 1], clipped, as the thesis has it "
                "without naming the variance."
            ),
        ),
        data=curve_data(answer),
        arrays=curve_arrays("similar", answer),
    )


def _emsnn_name(laboratory: Laboratory) -> str:
    return f"EMSNN, top {min(_K, laboratory.main.embedder.record.dimension)}"


def _methods(laboratory: Laboratory) -> dict[str, Method]:
    setting = laboratory.main
    k = min(_K, setting.embedder.record.dimension)
    methods: dict[str, Method] = {LPEL: Lpel()}
    for name in (LEAST_SQUARES, OURS):
        methods[f"LPEL, {name}"] = WithDecoder(Lpel(), setting.decoders[name].decode, name)
    methods[_emsnn_name(laboratory)] = Emsnn(k)
    methods["EMSNN with its autoencoder"] = WithDecoder(
        Emsnn(k), laboratory.emsnn_decoder.decode, "autoencoder"
    )
    return methods


def _findings(answer: Answer, top_k: str) -> tuple[Finding, ...]:
    judgement = answer.judgement
    random, emsnn = judgement.against("random"), judgement.against(top_k)
    replaced = judgement.replaced
    start = {
        name: 1 - float(np.interp(int(replaced[-1]) / 4, replaced, curve))
        for name, curve in judgement.curves.items()
    }
    return (
        Finding(
            "The decrease of similarity is steeper at the beginning, so the method explains well.",
            f"The first quarter of the superpixels takes {start[LPEL]:.0%} of the similarity, and "
            f"{start['random']:.0%} in a random order. {random.words}",
            "holds" if random.outcome == "better" else "does not hold",
        ),
        Finding(
            "(The explanation must beat its controls.)",
            headline(judgement),
            "holds"
            if all(judgement.against(c).outcome == "better" for c in ("random", "another pair"))
            else "does not hold",
        ),
        Finding(
            "The method performs significantly better than perturbing the top k at random.",
            f"LPEL {between(judgement.area, 3)}, {top_k} {between(emsnn.area, 3)}: difference "
            f"{in_numbers(emsnn.difference)}.",
            "holds" if emsnn.outcome == "better" else "does not hold",
        ),
    )
