"""Figures of experiments: what is on them, and what they look like in bytes."""

import io
import sys
from dataclasses import replace
from importlib import import_module

import matplotlib.text
import numpy as np
import pytest
from PIL import Image

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.controls import RANDOM
from lpel_serving.methods.measured.replacement import KINDS, replacement
from lpel_serving.report.figures import png
from lpel_serving.report.figures.canvas import SUBJECT
from lpel_serving.support.errors import MissingExtraError
from lpel_tf.research.figures import (
    IsolatedRow,
    accuracy_figure,
    difference_figure,
    gallery_figure,
    isolated,
    isolated_figure,
    strip_figure,
)
from support.images import pixels
from support.judged import BETTER, TITLES, WORSE, colour, judged
from support.networks import BEST, Fixed, Weighing, face_pair


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
    change = replacement(pair, COSINE, kind, Fill("mean"), np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(16)
    similarities = [0.5 - count / 100 for count in shown]
    return change, order, strip_figure(change, order, shown, similarities, title)


def texts(figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


FIGURES = {
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


@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_uses_matplotlibs_global_state(name):
    assert "plt" not in vars(import_module(f"lpel_tf.research.figures.{name}"))
    assert "matplotlib" not in vars(import_module(f"lpel_tf.research.figures.{name}"))


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_drawn_as_it_stands(title):
    figures = [strip(title=title)[2], gallery_figure([[pixels(0)]], title=title)]
    figures[0].savefig(io.BytesIO(), format="png")
    for figure in figures:
        assert figure.get_suptitle() == title
        assert not figure._suptitle.get_parse_math()


# Differences


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


@pytest.mark.parametrize("similar", [True, False])
def test_the_axis_of_differences_says_which_side_is_better(similar):
    says = f"{'left' if similar else 'right'} of 0 is better, {'right' if similar else 'left'}"
    figure = difference_figure([("one", judged("transplant", similar=similar))], RANDOM)
    assert figure.axes[0].get_xlabel() == f"{says} is worse"


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


def test_grey_images_are_drawn_grey_and_not_as_maps():
    grey = pixels(0)[..., :1]
    pair = replace(
        face_pair(Weighing(), pixels(0), pixels(1), similar=True), reference=grey, test=grey
    )
    change = replacement(pair, COSINE, "test", Fill("mean"), np.random.default_rng(0))
    figures = [gallery_figure([[grey]]), strip_figure(change, np.arange(16), (0,), [0.5])]
    for figure in figures:
        (drawn,) = figure.axes[0].images
        np.testing.assert_array_equal(drawn.get_array(), np.repeat(grey, 3, axis=-1))


# --- isolated -------------------------------------------------------------------------------------


def test_isolated_is_what_a_mask_selects_and_grey_around_it():
    image = pixels(3)
    chosen = np.zeros((4, 4), bool)
    chosen[1, 2] = True
    shown = isolated(image, chosen)
    side = len(image) // 4
    inside = np.zeros(image.shape[:2], bool)
    inside[side : 2 * side, 2 * side : 3 * side] = True
    np.testing.assert_array_equal(shown[inside], image[inside])
    assert np.unique(shown[~inside]).tolist() == [205]


def test_the_figure_of_emsnn_has_three_columns_for_what_draws_and_two_for_what_does_not():
    heat = np.zeros((4, 4), np.float32)
    heat[0] = 1
    rows = [
        IsolatedRow(pixels(i), {"LPEL": pixels(i + 1)}, {"LPEL": heat, "control": heat.T}, label)
        for i, label in enumerate(("three", "eight"))
    ]
    figure = isolated_figure(rows)
    titles = [axis.get_title() for axis in figure.axes[:6]]
    assert titles == [
        "original",
        "LPEL:\nreconstruction",
        "LPEL:\nhighlighted",
        "LPEL:\nisolated",
        "control:\nhighlighted",
        "control:\nisolated",
    ]
    assert "three" in texts(figure)
    drawn = [axis.images[0].get_array() for axis in figure.axes[:6]]
    np.testing.assert_array_equal(drawn[0], pixels(0))
    np.testing.assert_array_equal(drawn[1], pixels(1))
    np.testing.assert_array_equal(drawn[5], isolated(pixels(0), heat.T > 0))
    grey = IsolatedRow(pixels(0)[..., :1], {}, {"LPEL": heat})
    assert isolated_figure([grey]).axes[2].images[0].get_array().shape == pixels(0).shape
