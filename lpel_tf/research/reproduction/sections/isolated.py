"""Figure 3.3: EMSNN by a prototype, as it was published, with LPEL and controls beside it."""

from collections.abc import Mapping, Sequence

import numpy as np

from lpel_serving.faithfulness.drawable import least_shared
from lpel_serving.faithfulness.judgement import Judgement, headline, in_numbers, judge
from lpel_serving.methods.method import Method
from lpel_serving.report.figures import png
from lpel_tf.research.emsnn.by_prototype import (
    EMSNN,
    LPEL,
    ByPrototype,
    explain_by_prototype,
    features_perturbed,
    methods,
)
from lpel_tf.research.figures import IsolatedRow, isolated_figure, row_by_prototype
from lpel_tf.research.harness.prototype_pairs import PrototypePairs, draw_prototype_pairs
from lpel_tf.research.reproduction.laboratory import Laboratory
from lpel_tf.research.reproduction.likeness import Likeness, likeness
from lpel_tf.research.reproduction.section import (
    Finding,
    Picture,
    Section,
    Table,
    below,
    between,
    by_outcomes,
)
from lpel_tf.research.reproduction.sections.curve_section import (
    comparison_table,
    curve_arrays,
    curve_data,
    curve_picture,
    how_measured,
)

ANOTHER = "other class"
_SHOWN = 5


def run(laboratory: Laboratory) -> Section:
    """Explain test images by their prototypes, draw them as EMSNN's authors did, and measure."""
    title, counterpart = "EMSNN's own figure, and LPEL beside it", "figure 3.3, section 6.1"
    main = laboratory.main
    found = _pairs(laboratory)
    if found is None:
        note = (
            "Too few people have five photographs besides one for the test that is called similar "
            "to their prototype."
        )
        return Section("isolated", title, counterpart, notes=(note,))
    k = features_perturbed(main.embedder.record.dimension)
    chosen = methods(laboratory.emsnn_decoder.decode, k)
    maps = _maps(laboratory, found, chosen)
    numbers = _numbers(maps, laboratory.seed)
    answer = laboratory.ask(
        "isolated",
        "similar",
        main,
        found.pairs,
        dict(chosen),
        every=laboratory.sizes.every_costly,
        draws=laboratory.sizes.draws_costly,
    )
    of_emsnn = judge(answer.measured, np.random.default_rng(laboratory.seed), EMSNN)
    caption = "Area under the similarity to the prototype, as a share of the first"
    return Section(
        key="isolated",
        title=title,
        counterpart=counterpart,
        findings=_findings(answer.judgement, of_emsnn, numbers),
        tables=(
            Table(
                "How alike two maps are",
                ("maps", "Spearman", "IoU"),
                tuple(one.row(name) for name, one in numbers.items()),
            ),
            comparison_table(answer.judgement, f"{caption}, {LPEL}"),
            comparison_table(of_emsnn, f"{caption}, {EMSNN}"),
        ),
        pictures=(
            _draw(laboratory, found, maps),
            curve_picture("isolated-curves", answer, "The test image loses its superpixels."),
        ),
        notes=(_how(k), how_measured(answer)),
        data={
            "features_perturbed": k,
            "likeness": {name: one.data() for name, one in numbers.items()},
            "curves": curve_data(answer),
        },
        arrays=curve_arrays("isolated", answer),
    )


def _pairs(laboratory: Laboratory) -> PrototypePairs | None:
    """Test images of which a curve can be drawn, too."""
    main = laboratory.main
    least = least_shared(main.compared.comparison)
    return draw_prototype_pairs(
        main,
        laboratory.sizes.pairs,
        threshold=max(laboratory.similarity_threshold(main), least),
        rng=np.random.default_rng((laboratory.seed, 33)),
    )


def _maps(
    laboratory: Laboratory, found: PrototypePairs, chosen: Mapping[str, Method]
) -> list[ByPrototype]:
    engine = laboratory.main.engine()
    return [
        explain_by_prototype(
            engine, chosen, (pair.test, pair.h_t), pair.h_r, another, (laboratory.seed, i)
        )
        for i, (pair, another) in enumerate(zip(found.pairs, found.another, strict=True))
    ]


def _numbers(maps: Sequence[ByPrototype], seed: int) -> dict[str, Likeness]:
    """How alike the methods' maps are, and each method's by two prototypes."""
    own = {name: [one.own[name] for one in maps] for name in (LPEL, EMSNN)}
    another = {name: [one.another[name] for one in maps] for name in (LPEL, EMSNN)}
    found = {f"{LPEL} and {EMSNN}": likeness(own[LPEL], own[EMSNN], seed)}
    for name in (LPEL, EMSNN):
        found[_by_two(name)] = likeness(own[name], another[name], seed)
    return found


def _by_two(name: str) -> str:
    return f"{name}, by its own prototype and by another person's"


def _findings(
    lpel: Judgement, emsnn: Judgement, numbers: Mapping[str, Likeness]
) -> tuple[Finding, ...]:
    rival = lpel.against(EMSNN)
    return (
        Finding(
            "(By a prototype, LPEL's order of superpixels must be better than EMSNN's.)",
            f"LPEL {between(lpel.area, 3)}, EMSNN {between(emsnn.area, 3)}: difference "
            f"{in_numbers(rival.difference)}. {headline(lpel)}",
            by_outcomes([rival.outcome]),
        ),
        *(
            Finding(
                f"({name}'s mask depends on the class whose prototype explains.)",
                f"By its own prototype and by another person's: {numbers[_by_two(name)].words()}.",
                below(numbers[_by_two(name)].iou, 0.5, 0.8),
            )
            for name in (LPEL, EMSNN)
        ),
    )


def _draw(laboratory: Laboratory, found: PrototypePairs, maps: Sequence[ByPrototype]) -> Picture:
    main = laboratory.main
    by = {LPEL: main.engine().decode, EMSNN: laboratory.emsnn_decoder.decode}
    rows: list[IsolatedRow] = []
    for i, one in enumerate(maps[:_SHOWN]):
        pair = found.pairs[i]
        original = laboratory.shown(pair.test, pair.h_t)
        rows.append(row_by_prototype(original, pair.h_t, one, by, ANOTHER))
    caption = (
        "In the layout of EMSNN's own figure (3.3): the image, its reconstruction by each method's "
        "decoder, the mask in yellow, and what it selects alone. On the right the masks by the "
        "prototype of another person, as if the image were similar to it: a control."
    )
    return Picture("isolated", caption, png(isolated_figure(rows)))


def _how(k: int) -> str:
    return (
        "A prototype is the mean embedding of all of a person's images but the one explained, "
        "whether or not the decoder was trained on them; images are called similar to it. EMSNN "
        f"perturbs the {k} features that are closest to the prototype's, a fifth of them and at "
        "most 100 (the thesis: 100 of 512), and has its own autoencoder. LPEL takes the prototype "
        "as its reference."
    )
