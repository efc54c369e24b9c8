"""The experiments on similar pairs, repeated with the loose crop."""

from lpel_serving.faithfulness.judgement import headline
from lpel_serving.faithfulness.study import Answer
from lpel_tf.research.harness.decoders import Setting
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.section import Finding, Section, by_outcomes
from lpel_tf.research.reproduction.sections.curve_section import (
    against_controls,
    comparison_table,
    curve_arrays,
    curve_data,
    curve_picture,
    how_measured,
    not_drawn,
)
from lpel_tf.research.reproduction.sections.decoders import (
    decoder_findings,
    decoder_tables,
    lpel_by_decoder,
)


def run(laboratory: Laboratory) -> Section:
    """Measure similar pairs in the loose crop, with each decoder."""
    loose = laboratory.loose
    if loose is None:
        return Section("crops", "A loose crop", "", notes=("One crop was given.",))
    answer = _ask(laboratory, loose)
    judgement, seed = answer.judgement, laboratory.seed
    caption = f"Similar pairs, crop {loose.crop}"
    return Section(
        key="crops",
        title="A loose crop",
        counterpart="",
        findings=(
            Finding(
                "(The explanation must beat its controls in the loose crop too.)",
                headline(judgement),
                by_outcomes(against_controls(judgement)),
            ),
            *decoder_findings(answer, " in the loose crop", seed),
        ),
        tables=(
            comparison_table(judgement, f"{caption}, LPEL"),
            *decoder_tables(answer, caption, seed),
        ),
        pictures=(curve_picture("loose", answer, f"{caption}."),),
        notes=(
            how_measured(answer),
            (
                "Areas measured after every few superpixels are not quite those measured more "
                "often: compare within a section, not across."
            ),
            *not_drawn(laboratory, loose),
        ),
        data=curve_data(answer),
        arrays=curve_arrays("loose", answer),
    )


def _ask(laboratory: Laboratory, loose: Setting) -> Answer:
    return laboratory.ask(
        "loose",
        "similar",
        loose,
        laboratory.draw(loose, laboratory.sizes.pairs, same=True),
        lpel_by_decoder(loose),
        every=laboratory.sizes.every_costly,
        draws=laboratory.sizes.draws_costly,
    )
