"""What the canvases show, pixel by pixel: the same whoever computed it, and in every state."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from support.page.acting import ROLES, array, choose, decided, posts, record
from support.page.canvases import KINDS, canvas, cells

SIDE = 16
"""Of the tiny network's crops and maps."""
NEAR = 6
"""Of 255: how far a smoothed enlargement may lie from its pixels, in the middle of each."""
FOR, AGAINST = np.array([200, 16, 46]), np.array([31, 111, 180])
GREY = np.array([0.299, 0.587, 0.114])
HALF = 160
"""Of an outlined picture: above, a pixel is marked; below, it fades into the page."""
ALIKE = 0.95
"""Correlation of what an untrained decoder makes, which is noise, with its smooth enlargement."""
GREY_LEVELS = 3
"""Of 255: what the browser's and the server's maps may differ by, drawn."""
MODES = ("server", "browser")
modes = pytest.mark.parametrize(
    "mode", [MODES[0], pytest.param(MODES[1], marks=pytest.mark.network)]
)


def smooth(turn):
    """A picture without noise, which an enlargement shows as it is."""
    down, along = np.mgrid[:SIDE, :SIDE] / 6 + turn
    waves = np.stack([np.sin(down), np.cos(along), np.sin(down - along)], 2)
    return np.round(waves * 100 + 128).astype(np.uint8)


FACES = dict(zip(ROLES, (smooth(0), smooth(2)), strict=True))


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{role}.png" for role in ROLES]
    for path, face in zip(paths, FACES.values(), strict=True):
        Image.fromarray(face).save(path)
    return paths


def compare(page, mode, files):
    """Compare both faces, by the server or in the browser."""
    page.set_checked("#here", mode == "browser")
    choose(page, "reference", *files)
    decided(page)


def shows(page, faces):
    """Every canvas of both cards shows what it should of these faces."""
    found = record(page)
    opacity = float(page.input_value("#opacity"))
    for role, face in faces.items():
        one = found["explanations"][role]
        heat_map, mask = array(one["heat_map"]), array(one["mask"])
        photograph = cells(canvas(page, role, "photograph"), SIDE)
        np.testing.assert_allclose(photograph[..., :3], face, atol=NEAR)
        assert (photograph[..., 3] == 255).all()
        large = enlarged(face, len(heat_map))
        overlay = cells(canvas(page, role, "overlay"), len(heat_map))[..., :3]
        inner = ~edges(mask)  # no outline is drawn there
        expected = coloured(large, heat_map, opacity)
        np.testing.assert_allclose(overlay[inner], expected[inner], atol=3 * NEAR)
        marked = cells(canvas(page, role, "marked"), len(heat_map))
        np.testing.assert_array_equal(marked[..., 3] > HALF, mask)
        np.testing.assert_allclose(marked[mask][:, :3], large[mask], atol=3 * NEAR)
        expected = np.clip(array(one["reconstruction"]) * 255, 0, 255)
        decoded = cells(canvas(page, role, "decoded"), len(expected))[..., :3]
        assert np.corrcoef(decoded.ravel(), expected.ravel())[0, 1] > ALIKE
        assert np.ptp(heat_map) > 0


def enlarged(face, side):
    return np.asarray(Image.fromarray(face).resize((side, side), Image.Resampling.BILINEAR))


def edges(mask):
    """The cells that have a border of the mask, or of the picture."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    beside = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    return np.any([one != inner for one in beside], axis=0)


def coloured(face, heat_map, opacity):
    """The overlay: grey as far as it is opaque, and the map's colours over it."""
    luminance = (face @ GREY)[..., np.newaxis]
    under = face + opacity * (luminance - face)
    strength = (opacity * np.abs(heat_map) / np.abs(heat_map).max())[..., np.newaxis]
    colour = np.where(heat_map[..., np.newaxis] < 0, AGAINST, FOR)
    return under + strength * (colour - under)


def swapped(page):
    page.click("#swap")
    decided(page)
    expect(page.locator("[data-role=reference] .name")).to_have_text("test.png")
    return dict(zip(ROLES, reversed(FACES.values()), strict=True))


@modes
def test_every_canvas_shows_its_picture(page, mode, files):
    compare(page, mode, files)
    shows(page, FACES)
    page.fill("#opacity", "0")
    shows(page, FACES)
    page.fill("#opacity", "1")
    page.fill("#epsilon", "0.4")
    shows(page, FACES)


@modes
def test_after_a_swap_and_back(page, mode, files):
    compare(page, mode, files)
    shows(page, swapped(page))
    page.click("#swap")
    decided(page)
    shows(page, FACES)


@modes
def test_one_file_as_both_faces_and_again(page, mode, files):
    compare(page, mode, [files[0], files[0]])
    shows(page, dict.fromkeys(ROLES, FACES["reference"]))
    choose(page, "test", files[1])
    decided(page)
    shows(page, FACES)


@pytest.mark.network
def test_the_browsers_canvases_are_the_servers(page, files):
    drawn = []
    for mode in MODES:
        compare(page, mode, files)
        kinds = [kind for kind in KINDS if kind != "found"]
        drawn.append({(r, k): canvas(page, r, k).astype(int) for r in ROLES for k in kinds})
    for key, expected in drawn[0].items():
        np.testing.assert_allclose(drawn[1][key], expected, atol=GREY_LEVELS, err_msg=str(key))


@pytest.mark.network
def test_where_it_is_computed_may_be_changed_at_any_time(page, files):
    compare(page, "browser", files)
    page.uncheck("#here")
    decided(page)
    shows(page, FACES)
    page.check("#here")
    decided(page)
    page.fill("#epsilon", "0.5")
    shows(page, swapped(page))
    assert len(posts(page)) == 1


@pytest.mark.network
def test_a_pair_that_is_chosen_while_the_network_is_fetched(page, files):
    page.check("#here")
    page.route("**/models/explainer.onnx", lambda route: None)  # it never comes
    choose(page, "reference", *files)
    expect(page.locator("#status")).to_have_text("Fetching the network …")
    page.unroute("**/models/explainer.onnx")
    page.select_option("#crop", "0.5")  # asks at once, and lets the other go
    page.select_option("#crop", "none")
    decided(page)
    assert "computed in your browser" in page.inner_text("#words")
    choose(page, "reference", *files)
    decided(page)
    shows(page, FACES)
