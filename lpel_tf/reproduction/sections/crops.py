"""A tight and a loose crop, and decoders that were trained in different ways."""

from lpel_serving.laboratory.judgement import headline
from lpel_serving.laboratory.study import Answer
from lpel_serving.methods.derived import WithDecoder
from lpel_serving.methods.lpel import Lpel
from lpel_serving.methods.method import Method
from lpel_tf.reproduction.laboratory import Laboratory
from lpel_tf.reproduction.section import Finding, Section
from lpel_tf.reproduction.sections.curve_section import (
    LPEL,
    comparison_table,
    curve_arrays,
    curve_data,
    curve_picture,
)
from lpel_tf.reproduction.setting import LEAST_SQUARES, OURS, Setting


def run(laboratory: Laboratory) -> Section:
    """Measure similar pairs in the loose crop, each decoder as the method that is judged."""
    loose = laboratory.loose
    if loose is None:
        return Section(
            "crops", "A tight and a loose crop", "nothing", notes=("One crop was given.",)
        )
    answers = {LPEL: _ask(laboratory, loose)}
    judgement = answers[LPEL].judgement
    return Section(
        key="crops",
        title="A loose crop, and other decoders",
        counterpart="nothing: the thesis has one crop and one decoder",
        findings=(
            Finding(
                "(The result must not hang on the crop.)",
                f"In the loose crop {loose.crop}: {headline(judgement)}",
                "holds" if judgement.against("random").outcome == "better" else "does not hold",
            ),
        ),
        tables=(comparison_table(judgement, f"Similar pairs, crop {loose.crop}"),),
        pictures=(
            curve_picture("loose", answers[LPEL], f"Similar pairs in the loose crop {loose.crop}."),
        ),
        data=curve_data(answers[LPEL]),
        arrays=curve_arrays("loose", answers[LPEL]),
    )


def _ask(laboratory: Laboratory, loose: Setting) -> Answer:
    methods: dict[str, Method] = {LPEL: Lpel()}
    for name in (LEAST_SQUARES, OURS):
        methods[f"LPEL, {name}"] = WithDecoder(Lpel(), loose.decoders[name].decode, name)
    return laboratory.ask(
        "loose",
        "similar",
        loose,
        laboratory.draw(loose, laboratory.sizes.pairs, same=True),
        methods,
        every=laboratory.sizes.every_costly,
        draws=laboratory.sizes.draws_costly,
    )
