"""What is kept of an explanation, and what is drawn of it."""

import io
import subprocess
import sys
from dataclasses import replace

import matplotlib.figure
import numpy as np
import pytest
from PIL import Image

from lpel_serving.equations.decision import Decision
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.report.array_file import arrays, write_arrays
from lpel_serving.report.figures import COLUMNS, highlight, pair_figure, write_pair_figure
from lpel_serving.report.pictures import displayable
from lpel_serving.support.errors import OutputError
from support.images import pixels

ROLES = ("test", "reference")
FIELDS = ("relevance", "reconstruction", "perturbed_reconstruction", "heat_map", "mask")


@pytest.fixture(scope="module")
def pair(tiny_explainer):
    return tiny_explainer.explain(pixels(0), pixels(1))


def test_the_arrays_are_those_of_the_explanations(pair):
    named = arrays(pair)
    assert set(named) == {
        f"{role}_{field}" for role in ROLES for field in ("crop", "embedding", *FIELDS)
    }
    for role, explanation in (("test", pair.forward), ("reference", pair.swapped)):
        for field in FIELDS:
            assert named[f"{role}_{field}"] is getattr(explanation, field)
        for field in ("crop", "embedding"):
            assert named[f"{role}_{field}"] is getattr(pair, f"{role}_{field}")


def test_the_arrays_come_back_from_the_file_bit_by_bit_without_pickle(pair, tmp_path):
    path = tmp_path / "new" / "pair.npz"
    write_arrays(pair, path)
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == set(arrays(pair))
        for name, expected in arrays(pair).items():
            assert file[name].dtype == expected.dtype
            np.testing.assert_array_equal(file[name], expected)
    assert [entry.name for entry in path.parent.iterdir()] == ["pair.npz"]


def test_arrays_that_cannot_be_written_are_refused(pair, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"pair\.npz"):
        write_arrays(pair, tmp_path / "file" / "pair.npz")


def test_a_figure_has_a_row_for_each_explanation_the_references_first(pair):
    figure = pair_figure(pair, "Ann and Bob")
    assert isinstance(figure, matplotlib.figure.Figure)
    *grid, scale = figure.axes
    assert len(grid) == 12
    assert [axis.get_title() for axis in grid[:6]] == [
        name.format(whose="Other face") for name in COLUMNS
    ]
    assert [axis.get_title() for axis in grid[6:]] == [""] * 6
    assert [label.get_text() for label in scale.get_yticklabels()] == ["least", "most"]
    assert figure.get_suptitle().startswith("Ann and Bob\nsimilarity ")
    images = [axis.images[0].get_array() for axis in grid]
    for row, face, other, explanation in (
        (images[:6], pair.reference_crop, pair.test_crop, pair.swapped),
        (images[6:], pair.test_crop, pair.reference_crop, pair.forward),
    ):
        np.testing.assert_array_equal(row[0], face)
        np.testing.assert_array_equal(row[1], other)
        np.testing.assert_array_equal(row[2], displayable(explanation.reconstruction))
        assert row[3].shape == row[4].shape == (8, 8, 3)
        np.testing.assert_array_equal(
            row[4], highlight(displayable(explanation.reconstruction), explanation.mask)
        )
        np.testing.assert_array_equal(row[5], explanation.normalised_heat_map)


def scale_of(figure) -> list[str]:
    return [label.get_text() for label in figure.axes[-1].get_yticklabels()]


def test_a_controls_map_is_drawn_as_an_order_and_called_a_control(tiny_explainer):
    """Though every pixel of the distance from the centre is below 0."""
    pair = tiny_explainer.explain(pixels(0), pixels(1), method=Centre())
    assert (pair.forward.heat_map < 0).all()
    figure = pair_figure(pair)
    assert scale_of(figure) == ["least", "most"]
    assert figure.axes[5].images[0].get_cmap().name == "viridis"
    assert figure.get_suptitle().endswith(
        "The maps are a control's: they do not depend on this pair"
    )


def test_both_rows_are_drawn_on_the_scale_that_is_shown(pair):
    """Though only the second has anything that speaks against the decision."""
    signed = replace(pair.swapped, heat_map=pair.swapped.heat_map - 1)
    figure = pair_figure(replace(pair, swapped=signed))
    assert scale_of(figure) == ["against", "for it"]
    first, second = (figure.axes[place].images[0] for place in (5, 11))
    assert first.get_cmap().name == second.get_cmap().name == "RdBu_r"
    assert first.get_clim()[0] == -first.get_clim()[1]


@pytest.mark.parametrize("similar", [True, False])
def test_the_headline_says_what_the_network_decided(pair, similar):
    similarity, decision = (0.387, "similar") if similar else (0.1, "dissimilar")
    headline = pair_figure(replace(pair, decision=Decision(similarity, 0.25))).get_suptitle()
    assert headline == (
        f"similarity {similarity:.3f}, threshold 0.250: the network calls them {decision}"
    )


def test_a_figure_is_written_as_a_png_that_says_nothing_of_its_maker(pair, tmp_path):
    path = tmp_path / "new" / "pair.png"
    write_pair_figure(pair, path)
    with Image.open(path) as image:
        image.load()
        assert image.format == "PNG"
        assert image.size == (1326, 559)
        assert "Software" not in image.info
    assert [entry.name for entry in path.parent.iterdir()] == ["pair.png"]
    again = tmp_path / "again.png"
    write_pair_figure(pair, again)
    assert again.read_bytes() == path.read_bytes()


def test_a_figure_that_cannot_be_written_is_refused(pair, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match=r"pair\.png"):
        write_pair_figure(pair, tmp_path / "file" / "pair.png")


@pytest.mark.parametrize("title", ["$10 and $20", r"$\no such command$", "a_b ^ c", "{x} %s", "#"])
def test_a_title_is_drawn_as_it_stands(pair, title):
    figure = pair_figure(pair, title)
    figure.savefig(io.BytesIO(), format="png")
    assert figure.get_suptitle().startswith(f"{title}\n")
    # Two dollar signs would set what is between them as a formula.
    assert title.count("$") < 2 or not figure._suptitle.get_parse_math()


def test_drawing_uses_none_of_matplotlibs_global_state(tmp_path, tiny_bundle):
    program = f"""
import sys
import numpy as np
from pathlib import Path
from lpel_serving import Explainer
from lpel_serving.report.figures import write_pair_figure
pixels = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
pair = Explainer.load({str(tiny_bundle)!r}).explain(*pixels)
write_pair_figure(pair, Path({str(tmp_path / "pair.png")!r}))
assert "matplotlib" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert (tmp_path / "pair.png").is_file()


def test_a_mask_tints_what_it_selects_and_takes_the_colour_of_the_rest():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:] = [200, 100, 0]
    mask = np.array([[True, False], [False, False]])
    received = highlight(image, mask)
    np.testing.assert_array_equal(received[:2, :2], np.broadcast_to([230, 167, 28], (2, 2, 3)))
    np.testing.assert_array_equal(received[2:], 75)
    np.testing.assert_array_equal(received[:2, 2:], 75)
    np.testing.assert_array_equal(image[0, 0], [200, 100, 0])


def test_a_reconstruction_is_clipped_to_what_a_screen_shows():
    values = np.array([-9.0, 0.0, 0.5, 1.0, 1.5, 1e30], np.float32)
    received = displayable(values)
    assert received.dtype == np.uint8
    np.testing.assert_array_equal(received, [0, 0, 128, 255, 255, 255])
