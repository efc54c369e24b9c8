"""Deletion curves as a figure: what is on it, and what it looks like in bytes."""

import io
import sys
from importlib import import_module

import matplotlib.colors
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from lpel_serving.faithfulness.controls import CONTROLS, RANDOM
from lpel_serving.faithfulness.judgement import title_of
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.measured.replacement import KINDS
from lpel_serving.report.figures import curve_figure, png
from lpel_serving.report.figures.canvas import OTHERS, QUIET, SUBJECT, bare, new_figure, quiet
from lpel_serving.support.errors import MissingExtraError
from support.judged import BETTER, TITLES, UNDECIDED, WORSE, colour, judged
from support.networks import BEST, Fixed


@pytest.fixture(scope="module")
def judgement():
    return judged()


# The canvas


def test_a_figure_is_of_so_many_inches_and_its_picture_says_nothing_of_its_maker():
    figure = new_figure(3, 2)
    assert isinstance(figure, matplotlib.figure.Figure)
    with Image.open(io.BytesIO(png(figure))) as image:
        assert image.format == "PNG"
        assert image.size == (390, 260)
        assert "Software" not in image.info


def test_the_subject_has_a_colour_that_nothing_else_has():
    assert SUBJECT not in {*OTHERS, QUIET}
    assert len(set(OTHERS)) == len(OTHERS)


def test_a_picture_has_no_frame_and_a_chart_two_lines():
    bared, quieted = new_figure(3, 2).subplots(1, 2)
    bare(bared)
    quiet(quieted)
    assert not [spine for spine in bared.spines.values() if spine.get_visible()]
    assert len(bared.get_xticks()) == len(bared.get_yticks()) == 0
    shown = {name for name, spine in quieted.spines.items() if spine.get_visible()}
    assert shown == {"left", "bottom"}


def test_the_same_curves_give_the_same_bytes():
    one, same = (curve_figure(judged()) for _ in range(2))
    data = png(one)
    assert data == png(one) == png(same)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.format == "PNG"


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"matplotlib.* pip install 'lpel-tf\[figures\]'"):
        curve_figure(judged())


@pytest.mark.parametrize("name", ["canvas", "curves", "pair", "reliability"])
def test_no_figure_uses_matplotlibs_global_state(name):
    assert "plt" not in vars(import_module(f"lpel_serving.report.figures.{name}"))
    assert "matplotlib" not in vars(import_module(f"lpel_serving.report.figures.{name}"))


# Curves and differences


def test_every_order_has_a_line_and_the_random_ones_a_band(judgement):
    left, _ = curve_figure(judgement).axes
    lines = {line.get_label(): line for line in left.lines}
    expected = {title_of(name) for name in CONTROLS if name != RANDOM}
    assert set(lines) == {"ours", "a random order, with band", *expected}
    assert len(left.lines) == len(judgement.curves)
    assert len(left.collections) == 1
    for name, curve in judgement.curves.items():
        label = "a random order, with band" if name == RANDOM else title_of(name)
        np.testing.assert_array_equal(lines[label].get_xdata(), judgement.replaced)
        np.testing.assert_array_equal(lines[label].get_ydata(), curve)
    band = left.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == pytest.approx(judgement.random_band.min())
    assert band.max() == pytest.approx(judgement.random_band.max())
    written = [text.get_text() for text in left.get_legend().get_texts()]
    assert sorted(written) == sorted(lines)


def test_the_subject_alone_is_highlighted_and_lies_above(judgement):
    left, _ = curve_figure(judgement).axes
    *others, subject = left.lines
    assert subject.get_label() == "ours"
    assert colour(subject) == SUBJECT
    assert subject.get_linewidth() > 1.5 * max(line.get_linewidth() for line in others)
    assert SUBJECT not in {colour(line) for line in others}


def test_many_rivals_are_told_apart_by_colour_or_dash():
    rivals = {f"rival {i}": Centre() for i in range(12)}
    left, _ = curve_figure(judged(**rivals)).axes
    looks = {(colour(line), line.get_linestyle()) for line in left.lines}
    assert len(looks) == len(left.lines) == 12 + 1 + len(CONTROLS)


def test_every_comparison_has_a_row_with_its_interval(judgement):
    _, right = curve_figure(judgement).axes
    names = [label.get_text() for label in right.get_yticklabels()]
    assert names == [title_of(one.against) for one in judgement.comparisons]
    zero = [line for line in right.lines if list(line.get_xdata()) == [0, 0]]
    intervals = [line for line in right.lines if line.get_marker() == "None" and line not in zero]
    means = [line for line in right.lines if line.get_marker() == "o"]
    assert len(means) == len(judgement.comparisons)
    assert len(zero) + len(intervals) == len(judgement.comparisons) + 1
    for row, (one, mean) in enumerate(zip(judgement.comparisons, means, strict=True)):
        assert mean.get_xdata() == [one.difference.mean]
        assert list(mean.get_ydata()) == [row]
    # The first comparison is on top.
    low, high = right.get_ylim()
    assert low > high
    assert "area of ours less that of" in right.get_title()


def test_a_row_has_the_colour_of_its_outcome():
    expected = {"better": BETTER, "worse": WORSE, "undecided": UNDECIDED}
    outcomes = set()
    for method in (BEST, Fixed(-BEST.values)):
        judgement = judged(method=method)
        _, right = curve_figure(judgement).axes
        means = [line for line in right.lines if line.get_marker() == "o"]
        for one, mean in zip(judgement.comparisons, means, strict=True):
            assert colour(mean) == expected[one.outcome]
            outcomes.add(one.outcome)
    assert outcomes == set(expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("similar", [True, False])
def test_the_axis_says_which_side_is_better(kind, similar):
    judgement = judged(kind, similar=similar)
    says = f"{'left' if similar else 'right'} of 0 is better, {'right' if similar else 'left'}"
    _, right = curve_figure(judgement).axes
    assert right.get_xlabel() == f"{says} is worse"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("similar", [True, False])
def test_the_axis_says_what_was_normalised_how(kind, similar):
    left, _ = curve_figure(judged(kind, similar=similar)).axes
    if not similar:
        expected = "similarity: 0 at first, 1 the same"
    elif kind == "transplant":
        expected = "how far the similarity moves"
    else:
        expected = "share of the first similarity"
    assert left.get_ylabel() == expected
    assert left.get_xlabel() == "superpixels replaced"
    assert left.get_title() == "mean of 7 pairs"


def test_without_a_title_the_method_is_named(judgement):
    assert curve_figure(judgement).get_suptitle() == "ours"


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_drawn_as_it_stands(judgement, title):
    figure = curve_figure(judgement, title)
    assert figure.get_suptitle() == title
    assert not figure._suptitle.get_parse_math()
