"""Shared parts of the sections about deletion and transplant curves."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.fill import Fill
from lpel_serving.equations.superpixels import descending, grid_side, superpixel_sums
from lpel_serving.faithfulness.assessment_record import judgement_record, measured_arrays
from lpel_serving.faithfulness.controls import CONTROLS
from lpel_serving.faithfulness.deletion_curve import counts, prefixes
from lpel_serving.faithfulness.drawable import least_shared
from lpel_serving.faithfulness.judgement import Judgement, Outcome, in_numbers, title_of
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.faithfulness.study import Answer
from lpel_serving.images.resizing import resize
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.measured.replacement import Kind, Replacement, replacement
from lpel_serving.methods.method import FacePair
from lpel_serving.report.figures import curve_figure, png
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.decoders.decoder import IMAGE_SIZE
from lpel_tf.research.figures import strip_figure
from lpel_tf.research.harness.people import People
from lpel_tf.research.reproduction.laboratory import SUPERPIXEL, Laboratory
from lpel_tf.research.reproduction.section import Picture, Table, between

LPEL = "LPEL"
_STRIP_STEPS = 8


def curve_picture(
    name: str, answer: Answer, caption: str, only: Sequence[str] | None = None
) -> Picture:
    """Draw the curves and the differences."""
    figure = curve_figure(answer.judgement, answer.question.title, only)
    return Picture(name, caption, png(figure))


def strip_picture(
    laboratory: Laboratory, name: str, pairs: PhotographPairs, kind: Kind, caption: str
) -> Picture:
    """Draw one pair losing its superpixels in LPEL's order."""
    setting, side = laboratory.main, grid_side(IMAGE_SIZE, SUPERPIXEL)
    pair = pairs[0]
    values = Lpel()(pair, setting.engine(), np.random.default_rng(laboratory.seed))
    order = descending(superpixel_sums(values, side), np.random.default_rng(laboratory.seed))
    shown = counts(side**2, side**2 // _STRIP_STEPS)
    change = _replacement(laboratory, pair, kind)
    images = [image for chosen in prefixes(order, shown) for image in change.images(chosen)]
    similarities = change.similarities(setting.embedder.embed(images))
    if laboratory.hide_photographs:
        reference, test = (
            resize(face, ImageShape(*pair.test.shape)) for face in laboratory.shown_pair(pair)
        )
        change = _replacement(laboratory, replace(pair, reference=reference, test=test), kind)
        caption += " Reconstructions are shown; the similarities are those of the photographs."
    figure = strip_figure(change, order, shown.tolist(), similarities.tolist())
    return Picture(name, caption, png(figure))


def _replacement(laboratory: Laboratory, pair: FacePair, kind: Kind) -> Replacement:
    rng = np.random.default_rng((laboratory.seed, 513))
    comparison = laboratory.main.compared.comparison
    return replacement(pair, comparison, kind, Fill(grain=IMAGE_SIZE), rng)


def comparison_table(judgement: Judgement, caption: str) -> Table:
    """Areas and differences, a row for each control and rival."""
    rows = [(judgement.method, between(judgement.area, 3), "", "")]
    rows += [
        (
            title_of(comparison.against),
            between(comparison.area, 3),
            in_numbers(comparison.difference),
            comparison.outcome,
        )
        for comparison in judgement.comparisons
    ]
    better = "lower" if judgement.lower_is_better else "higher"
    return Table(
        f"{caption}; {better} is better; 95 % intervals over {judgement.pairs} pairs",
        ("order", "area", f"area of {judgement.method} less this", "so it is"),
        tuple(rows),
    )


def meanings() -> Table:
    """What each control is there for."""
    return Table(
        "The controls",
        ("order", "what it asks"),
        tuple((control.title, control.meaning) for control in CONTROLS.values()),
    )


def against_controls(judgement: Judgement) -> list[Outcome]:
    """How a method does against each control but the occlusion, which no map need beat."""
    return [
        one.outcome
        for one in judgement.comparisons
        if one.against in CONTROLS and one.against != "occlusion"
    ]


def how_measured(answer: Answer) -> str:
    """The definition of a curve in a sentence."""
    settings, judgement = answer.measured.settings, answer.judgement
    return (
        f"{judgement.pairs} pairs; the similarity is measured after every {settings.every} of "
        f"{settings.side**2} superpixels; {settings.draws} random orders for each pair, whose band "
        f"goes from the lowest to the highest of their mean curves.{left_out(answer)}"
    )


def left_out(answer: Answer) -> str:
    """Say which pairs the curve is not drawn of, after a sentence; nothing if of all."""
    return "" if answer.left_out is None else f" {answer.left_out.words}"


def not_drawn(laboratory: Laboratory, people: People) -> tuple[str, ...]:
    """Say that not all pairs called similar are drawn, where the threshold lies so far off."""
    least = least_shared(people.compared.comparison)
    if laboratory.similarity_threshold(people) >= least:
        return ()
    said = f"Of pairs called similar those whose similarity is {least:g} or below have no share"
    return (f"{said}, and are left out.",)


def curve_data(answer: Answer) -> dict[str, Any]:
    """The numbers behind it."""
    record = judgement_record(answer.measured, answer.judgement)
    return record if answer.left_out is None else record | {"left_out": asdict(answer.left_out)}


def curve_arrays(name: str, answer: Answer) -> dict[str, NDArray[Any]]:
    """Every pair's curves."""
    return {f"{name}_{key}": value for key, value in measured_arrays(answer.measured).items()}
