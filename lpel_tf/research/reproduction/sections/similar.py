"""Figures 5.12, 5.13 and 5.18: deletion curves of similar pairs."""

import numpy as np

from lpel_serving.faithfulness.controls import CONTROLS
from lpel_serving.faithfulness.judgement import headline, in_numbers, judge
from lpel_serving.faithfulness.study import Answer
from lpel_serving.methods.controls.derived import WithDecoder
from lpel_serving.methods.decoded.emsnn import Emsnn
from lpel_serving.methods.method import Method
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Finding, Picture, Section, between, by_outcomes
from lpel_tf.research.reproduction.sections.curve_section import (
    LPEL,
    against_controls,
    comparison_table,
    curve_arrays,
    curve_data,
    curve_picture,
    how_measured,
    meanings,
    not_drawn,
    strip_picture,
)
from lpel_tf.research.reproduction.sections.decoders import (
    OTHERS,
    decoder_findings,
    decoder_tables,
    lpel_by_decoder,
    lpel_with,
)

_K = 100


def run(laboratory: Laboratory) -> Section:
    """Measure the thesis's main curve, beside every control."""
    setting, pairs, top_k = laboratory.main, laboratory.similar_pairs, _emsnn_name(laboratory)
    answer = laboratory.ask(
        "similar",
        "similar",
        setting,
        pairs,
        _methods(laboratory),
        every=laboratory.sizes.every,
        draws=laboratory.sizes.draws,
    )
    seed = laboratory.seed
    of_top_k = judge(answer.measured, np.random.default_rng(seed), top_k)
    caption = "Area under the similarity as a share of the first"
    return Section(
        key="similar",
        title="Similar pairs lose superpixels",
        counterpart="figures 5.12, 5.13 and 5.18",
        findings=(*_findings(answer, top_k), *decoder_findings(answer, "", seed)),
        tables=(
            meanings(),
            comparison_table(answer.judgement, f"{caption}, LPEL"),
            comparison_table(of_top_k, f"{caption}, {top_k}"),
            *decoder_tables(answer, caption, seed),
        ),
        pictures=_pictures(laboratory, answer, top_k),
        notes=(
            how_measured(answer),
            (
                "The fill is noise of mean 0 and variance 0.09 on pixels in [0, 1], clipped; the "
                "thesis names no variance."
            ),
            *not_drawn(laboratory, setting),
        ),
        data=curve_data(answer),
        arrays=curve_arrays("similar", answer),
    )


def _pictures(laboratory: Laboratory, answer: Answer, top_k: str) -> tuple[Picture, ...]:
    strip = "One pair in LPEL's order (figure 5.13): superpixels replaced, and similarity."
    return (
        curve_picture(
            "similar",
            answer,
            "Similar pairs, the test image perturbed (figure 5.12).",
            only=tuple(CONTROLS),
        ),
        strip_picture(laboratory, "similar-strip", laboratory.similar_pairs, "test", strip),
        curve_picture(
            "relevance-or-top-k",
            answer,
            "By relevance or by the top k (figure 5.18), and with other decoders.",
            only=("random", top_k, "EMSNN with its autoencoder", *map(lpel_with, OTHERS)),
        ),
    )


def _emsnn_name(laboratory: Laboratory) -> str:
    return f"EMSNN, top {min(_K, laboratory.main.embedder.record.dimension)}"


def _methods(laboratory: Laboratory) -> dict[str, Method]:
    setting = laboratory.main
    k = min(_K, setting.embedder.record.dimension)
    methods = lpel_by_decoder(setting)
    methods[_emsnn_name(laboratory)] = Emsnn(k)
    methods["EMSNN with its autoencoder"] = WithDecoder(
        Emsnn(k), laboratory.emsnn_decoder.decode, "autoencoder"
    )
    return methods


def _beginning(own: float, random: float) -> str:
    """Say how much of the similarity is gone with the first quarter of the superpixels."""
    if min(own, random) >= 0 and max(own, random) <= 1:
        return (
            f"The first quarter of the superpixels takes {own:.0%} of the similarity, and "
            f"{random:.0%} in a random order."
        )
    # It rose, or fell below 0: no share of it was taken.
    return (
        "With the first quarter of the superpixels gone the similarity is "
        f"{1 - own:.2f} times what it was, and {1 - random:.2f} times in a random order."
    )


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
            f"{_beginning(start[LPEL], start['random'])} {random.words}",
            by_outcomes([random.outcome]),
        ),
        Finding(
            "(The explanation must beat its controls.)",
            headline(judgement),
            by_outcomes(against_controls(judgement)),
        ),
        Finding(
            "The method performs significantly better than perturbing the top k at random.",
            f"LPEL {between(judgement.area, 3)}, {top_k} {between(emsnn.area, 3)}: difference "
            f"{in_numbers(emsnn.difference)}.",
            by_outcomes([emsnn.outcome]),
        ),
    )
