"""Figures 5.14 and 5.15: dissimilar pairs lose superpixels; beside them the transplant curve."""

from lpel_serving.laboratory.assessment_record import BOTH_CAVEAT
from lpel_serving.laboratory.judgement import headline
from lpel_serving.laboratory.study import Answer
from lpel_serving.methods.lpel import Lpel
from lpel_tf.reproduction.laboratory import Laboratory
from lpel_tf.reproduction.section import Finding, Section
from lpel_tf.reproduction.sections.curve_section import (
    LPEL,
    comparison_table,
    curve_arrays,
    curve_data,
    curve_picture,
    strip_picture,
)


def run(laboratory: Laboratory) -> Section:
    """Measure the thesis's curve of dissimilar pairs, and both transplant curves."""
    pairs = laboratory.dissimilar_pairs
    answers = {
        name: laboratory.ask(
            name,
            name,
            laboratory.main,
            laboratory.similar_pairs[: len(pairs) // 2]
            if name.endswith("similar-pairs")
            else pairs,
            {LPEL: Lpel()},
            every=laboratory.sizes.every_costly,
            draws=laboratory.sizes.draws_costly,
        )
        for name in ("dissimilar", "transplant")
    }
    few = max(2, laboratory.sizes.pairs // 2)
    answers["transplant-similar"] = laboratory.ask(
        "transplant-similar",
        "transplant-similar",
        laboratory.main,
        laboratory.similar_pairs[:few],
        {LPEL: Lpel()},
        every=laboratory.sizes.every_costly,
        draws=laboratory.sizes.draws_costly,
    )
    strip = "One pair in LPEL's order (figure 5.15): superpixels replaced, and similarity."
    return Section(
        key="dissimilar",
        title="Dissimilar pairs lose superpixels, or take over the other's",
        counterpart="figures 5.14 and 5.15",
        findings=_findings(answers),
        tables=tuple(
            comparison_table(answer.judgement, answer.question.title) for answer in answers.values()
        ),
        pictures=(
            curve_picture("dissimilar", answers["dissimilar"], "Both perturbed (figure 5.14)."),
            strip_picture(laboratory, "dissimilar-strip", pairs, "both", strip),
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
        ),
        notes=(
            BOTH_CAVEAT,
            (
                "The noise is drawn for each image by itself. For a similar pair a good map "
                "marks what the two images share, so that its superpixels should change little: "
                "lower is better."
            ),
        ),
        data={name: curve_data(answer) for name, answer in answers.items()},
        arrays={
            k: v for name, answer in answers.items() for k, v in curve_arrays(name, answer).items()
        },
    )


def _findings(answers: dict[str, Answer]) -> tuple[Finding, ...]:
    thesis, transplant = answers["dissimilar"].judgement, answers["transplant"].judgement
    random = thesis.against("random")
    return (
        Finding(
            "The similarity of dissimilar pairs increases as the most important superpixels of "
            "both images are perturbed, if irregularly.",
            f"It does, by {thesis.curves[LPEL][-1]:.0%} of the way to 1, as it does in any order. "
            f"{random.words}",
            "holds" if random.outcome == "better" else "holds in part",
        ),
        Finding(
            "(The explanation must beat its controls when the reference's own superpixels are "
            "transplanted.)",
            headline(transplant),
            "holds"
            if all(transplant.against(c).outcome == "better" for c in ("random", "another pair"))
            else "does not hold",
        ),
        Finding(
            "(For similar pairs, transplanting what the map marks should change little.)",
            headline(answers["transplant-similar"].judgement),
            "holds"
            if answers["transplant-similar"].judgement.against("random").outcome == "better"
            else "does not hold",
        ),
    )
