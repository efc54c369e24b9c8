"""The laboratory's figures: what is on them, and what they look like in bytes."""

import functools
import io
import sys
from importlib import import_module

import matplotlib.colors
import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.controls import CONTROLS, RANDOM
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.judgement import Judgement, judge, title_of
from lpel_serving.methods.centre import Centre
from lpel_serving.methods.replacement import KINDS, replacement
from lpel_serving.report.figures import (
    accuracy_figure,
    curve_figure,
    difference_figure,
    gallery_figure,
    png,
    strip_figure,
)
from lpel_serving.report.figures.canvas import OTHERS, QUIET, SUBJECT, bare, new_figure, quiet
from lpel_serving.support.errors import MissingExtraError
from support.images import pixels
from support.networks import BEST, Fixed, Weighing, dissimilar_pairs, face_pair, similar_pairs

TITLES = ["$10 and $20", r"$\no such command$", "a_b ^ c", "{x} %s", "#", "Ünïcode"]
BETTER, WORSE, UNDECIDED = "#2c8a4b", "#b3123f", "#5f6068"


@functools.cache
def judged(kind="test", method=BEST, *, similar: bool | None = None, **rivals) -> Judgement:
    similar = kind == "test" if similar is None else similar
    pairs = similar_pairs(range(225, 190, -5)) if similar else dissimilar_pairs(range(0, 35, 5))
    settings = CurveSettings(kind, 2, 8, fill=Fill("black"), draws=4)
    rng = np.random.default_rng(0)
    measured = measure_curves(Weighing(), pairs, ("ours", method), settings, rng, rivals=rivals)
    return judge(measured, np.random.default_rng(0))


@pytest.fixture(scope="module")
def judgement():
    return judged()


@pytest.fixture(scope="module")
def accuracies():
    levels = (0, 50, 100)
    rng = np.random.default_rng(0)
    games = {
        game: {n: rng.random(3) for n in ("a", "b", "c")} for game in ("deletion", "insertion")
    }
    return games, levels


def strip(kind="test", shown=(0, 4, 16), title=""):
    pair = face_pair(Weighing(), pixels(0), pixels(1), similar=True)
    change = replacement(pair, kind, Fill("mean"), np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(16)
    similarities = [0.5 - count / 100 for count in shown]
    return change, order, strip_figure(change, order, shown, similarities, title)


def colour(artist) -> str:
    return matplotlib.colors.to_hex(artist.get_color())


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


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


FIGURES = {
    "curves": lambda: curve_figure(judged()),
    "differences": lambda: difference_figure([("one", judged())], RANDOM),
    "accuracy": lambda: accuracy_figure(
        {game: {"a": np.array([0.5, 1])} for game in ("deletion", "insertion")}, (0, 100), "a"
    ),
    "strip": lambda: strip()[2],
    "gallery": lambda: gallery_figure([[pixels(0)]]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_figure_gives_the_same_bytes(name):
    one, same = (FIGURES[name]() for _ in range(2))
    data = png(one)
    assert data == png(one) == png(same)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.format == "PNG"


@pytest.mark.parametrize("name", FIGURES)
def test_without_matplotlib_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"matplotlib.* pip install 'lpel-tf\[figures\]'"):
        FIGURES[name]()


@pytest.mark.parametrize(
    "name", ["accuracy", "canvas", "curves", "gallery", "pair", "reliability", "strip"]
)
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
    assert difference_figure([("one", judgement)], RANDOM).axes[0].get_xlabel().startswith(says)


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


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_drawn_as_it_stands(judgement, title):
    figures = [strip(title=title)[2], gallery_figure([[pixels(0)]], title=title)]
    figures[0].savefig(io.BytesIO(), format="png")
    for figure in (*figures, curve_figure(judgement, title)):
        assert figure.get_suptitle() == title
        assert not figure._suptitle.get_parse_math()


def test_without_a_title_the_method_is_named(judgement):
    assert curve_figure(judgement).get_suptitle() == "ours"


def test_several_measurements_are_compared_with_one_control():
    named = [("tight", judged()), ("loose", judged(method=Fixed(-BEST.values)))]
    figure = difference_figure(named, "centre")
    (axis,) = figure.axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["tight", "loose"]
    assert figure.get_suptitle() == "Area less that of distance from the centre"
    means = [line for line in axis.lines if line.get_marker() == "o"]
    assert [colour(mean) for mean in means] == [BETTER, WORSE]
    for mean, (_, judgement) in zip(means, named, strict=True):
        assert mean.get_xdata() == [judgement.against("centre").difference.mean]


# Accuracy


def test_each_game_has_a_chart_with_a_line_for_each_method(accuracies):
    games, levels = accuracies
    figure = accuracy_figure(games, levels, "b")
    assert [axis.get_title() for axis in figure.axes] == list(games)
    for axis, by_name in zip(figure.axes, games.values(), strict=True):
        assert [line.get_label() for line in axis.lines] == list(by_name)
        assert [text.get_text() for text in axis.get_legend().get_texts()] == list(by_name)
        assert axis.get_xlabel() == "% of the test image's pixels"
        assert axis.get_ylabel() == "accuracy"
        for line, values in zip(axis.lines, by_name.values(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), levels)
            np.testing.assert_array_equal(line.get_ydata(), values)


@pytest.mark.parametrize("subject", ["a", "b", "c"])
def test_the_subject_of_accuracy_is_highlighted(accuracies, subject):
    games, levels = accuracies
    for axis in accuracy_figure(games, levels, subject).axes:
        for line in axis.lines:
            assert (colour(line) == SUBJECT) == (line.get_label() == subject)
            assert (line.get_linewidth() > 2) == (line.get_label() == subject)


# Strips


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shown", [(0,), (0, 4, 16), (1, 2, 3, 4, 5)])
def test_a_strip_has_a_column_for_each_step_and_a_row_for_each_image(kind, shown):
    change, order, figure = strip(kind, shown)
    rows = 2 if kind == "both" else 1
    assert len(figure.axes) == rows * len(shown)
    for column, count in enumerate(shown):
        chosen = np.isin(np.arange(16), order[:count])
        for row, expected in enumerate(change.images(chosen)):
            axis = figure.axes[row * len(shown) + column]
            np.testing.assert_array_equal(axis.images[0].get_array(), expected)
        title = figure.axes[column].get_title()
        assert title == f"{count}\n{0.5 - count / 100:.2f}"
        for row in range(1, rows):
            assert figure.axes[row * len(shown) + column].get_title() == ""


def test_a_similarity_is_needed_for_every_column():
    change, order, _ = strip()
    with pytest.raises(ValueError, match="zip"):
        strip_figure(change, order, (0, 1), (0.5,))


# Galleries


def test_a_gallery_has_the_pictures_of_its_rows():
    heat = np.arange(16, dtype=np.float32).reshape(4, 4) * 3 - 7
    rows = [[pixels(0), heat, pixels(1)], [pixels(2), heat[::-1]]]
    figure = gallery_figure(rows, ("image", "map", "other"), ("first", "second"), "Ann and Bob")
    assert len(figure.axes) == 6
    shown = [axis.images[0].get_array() if axis.images else None for axis in figure.axes]
    for place, expected in ((0, pixels(0)), (2, pixels(1)), (3, pixels(2))):
        np.testing.assert_array_equal(shown[place], expected)
    np.testing.assert_allclose(shown[1], np.arange(16).reshape(4, 4) / 15, atol=1e-6)
    np.testing.assert_array_equal(shown[4], shown[1][::-1])
    assert shown[5] is None
    assert [axis.get_title() for axis in figure.axes] == ["image", "map", "other", "", "", ""]
    labels = [axis.get_ylabel() for axis in figure.axes]
    assert labels == ["first", "", "", "second", "", ""]
    assert figure.get_suptitle() == "Ann and Bob"


def test_a_constant_map_is_drawn_too():
    figure = gallery_figure([[np.full((4, 4), 2.5, np.float32)]])
    assert np.isfinite(figure.axes[0].images[0].get_array()).all()
    png(figure)


def test_a_gallery_needs_no_words():
    figure = gallery_figure([[pixels(0)], [pixels(1)]])
    assert texts(figure).strip() == ""
