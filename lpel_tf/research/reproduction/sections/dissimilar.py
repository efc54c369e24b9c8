"""Figures 5.14 and 5.15: deletion curves of dissimilar pairs, beside the transplant curves."""

import numpy as np

from lpel_serving.faithfulness.assessment_record import BOTH_CAVEAT
from lpel_serving.faithfulness.judgement import headline
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.faithfulness.study import Answer
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Finding, Picture, Section, by_outcomes
from lpel_tf.research.reproduction.sections.curve_section import (
    LPEL,
    against_controls,
    comparison_table,
    curve_arrays,
    curve_data,
    curve_picture,
    how_measured,
    not_drawn,
    strip_picture,
)

_STRIP = "One pair in LPEL's order (figure 5.15): superpixels replaced, and similarity."


def run(laboratory: Laboratory) -> Section:
    """Measure the thesis's curve of dissimilar pairs, and both transplant curves."""
    few = max(2, laboratory.sizes.pairs // 2)
    pairs = laboratory.dissimilar_pairs
    answers = {
        "dissimilar": _ask(laboratory, "dissimilar", pairs),
        "transplant": _ask(laboratory, "transplant", pairs),
        "transplant-similar": _ask(
            laboratory, "transplant-similar", laboratory.similar_pairs[:few]
        ),
    }
    return Section(
        key="dissimilar",
        title="Dissimilar pairs lose superpixels, or take over the other's",
        counterpart="figures 5.14 and 5.15",
        findings=_findings(answers),
        tables=tuple(
            comparison_table(answer.judgement, answer.question.title) for answer in answers.values()
        ),
        pictures=_pictures(laboratory, answers),
        notes=(
            BOTH_CAVEAT,
            (
                f"Dissimilar pairs start {_start(laboratory)}, of which there is no share: their "
                "curves run from 0 at the first similarity to 1 where the two images are the same "
                "to the network. The noise is drawn for each image by itself."
            ),
            (
                "For similar pairs a good map marks what the two images share, so that "
                "transplanting it should move the similarity little: lower is better."
            ),
            *(f"{answer.question.title}: {how_measured(answer)}" for answer in answers.values()),
            *not_drawn(laboratory, laboratory.main),
        ),
        data={name: curve_data(answer) for name, answer in answers.items()},
        arrays={
            key: values
            for name, answer in answers.items()
            for key, values in curve_arrays(name, answer).items()
        },
    )


def _start(laboratory: Laboratory) -> str:
    """Say which similarities dissimilar pairs have: of distances there is no least."""
    kind = laboratory.main.compared.record.kind
    return "about 0 or below" if kind == "euclidean" else "about 0"


def _ask(laboratory: Laboratory, question: str, pairs: PhotographPairs) -> Answer:
    return laboratory.ask(
        question,
        question,
        laboratory.main,
        pairs,
        {LPEL: Lpel()},
        every=laboratory.sizes.every_costly,
        draws=laboratory.sizes.draws_costly,
    )


def _pictures(laboratory: Laboratory, answers: dict[str, Answer]) -> tuple[Picture, ...]:
    pairs = laboratory.dissimilar_pairs
    return (
        curve_picture("dissimilar", answers["dissimilar"], "Both perturbed (figure 5.14)."),
        strip_picture(laboratory, "dissimilar-strip", pairs, "both", _STRIP),
        curve_picture(
            "transplant",
            answers["transplant"],
            "Dissimilar pairs: the test image takes over the reference's superpixels.",
        ),
        strip_picture(
            laboratory,
            "transplant-strip",
            pairs,
            "transplant",
            "The same pair: the reference's superpixels in the test image, in LPEL's order.",
        ),
        curve_picture(
            "transplant-similar", answers["transplant-similar"], "The same for similar pairs."
        ),
    )


def _findings(answers: dict[str, Answer]) -> tuple[Finding, ...]:
    thesis, transplant = answers["dissimilar"].judgement, answers["transplant"].judgement
    random = thesis.against("random")
    half = {
        name: float(np.interp(int(thesis.replaced[-1]) / 2, thesis.replaced, thesis.curves[name]))
        for name in (LPEL, "random")
    }
    rises = thesis.curves[LPEL][-1] > 0
    return (
        Finding(
            "The similarity of dissimilar pairs increases as the most important superpixels of "
            "both images are perturbed, if irregularly.",
            f"With half of the superpixels gone it stands at {half[LPEL]:.2f} of the way to 1, in "
            f"a random order at {half['random']:.2f}. {random.words}",
            "does not hold"
            if not rises
            else "holds"
            if random.outcome == "better"
            else "holds in part",
        ),
        Finding(
            "(The explanation must beat its controls when the reference's own superpixels are "
            "transplanted.)",
            headline(transplant),
            by_outcomes(against_controls(transplant)),
        ),
        Finding(
            "(For similar pairs, transplanting what the map marks should change little.)",
            headline(answers["transplant-similar"].judgement),
            by_outcomes([answers["transplant-similar"].judgement.against("random").outcome]),
        ),
    )
