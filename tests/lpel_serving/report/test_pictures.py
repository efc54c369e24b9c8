"""Pictures for a screen: their colours, pixel by pixel."""

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpel_serving.report import pictures
from lpel_serving.report.pictures import (
    AGAINST,
    FOR,
    displayable,
    heat_map_picture,
    mask_picture,
    overlay,
    png,
)
from support.images import pixels

BROWSER = Path(__file__).parents[3] / "serving" / "examples" / "browser" / "explain.js"
PAGE = Path(pictures.__file__).parents[1] / "service" / "http" / "page" / "static" / "draw.js"
WHITE = (255, 255, 255)


def test_colours_are_those_of_the_browser_example():
    script = BROWSER.read_text(encoding="utf-8")
    for name in ("FOR", "AGAINST"):
        numbers = re.search(rf"const {name} = \[(\d+), (\d+), (\d+)\];", script).groups()
        assert tuple(map(int, numbers)) == getattr(pictures, name)
    strongest = re.search(r"const STRONGEST = ([\d.]+);", script).group(1)
    assert float(strongest) == pictures.STRONGEST


def test_a_signed_map_is_red_for_blue_against_and_white_at_0():
    picture = heat_map_picture(np.array([[4, -4, 0], [2, -1, 0]], np.float32))
    assert picture.dtype == np.uint8
    assert picture.shape == (2, 3, 3)
    assert [tuple(one) for one in picture[0].tolist()] == [FOR, AGAINST, WHITE]
    np.testing.assert_allclose(picture[1, 0], (np.array(WHITE) + FOR) / 2, atol=0.51)
    np.testing.assert_allclose(picture[1, 1], (3 * np.array(WHITE) + AGAINST) / 4, atol=0.51)


def test_both_signs_are_on_one_scale():
    picture = heat_map_picture(np.array([[1, -4]], np.float32))
    assert tuple(picture[0, 1].tolist()) == AGAINST
    np.testing.assert_allclose(picture[0, 0], (3 * np.array(WHITE) + FOR) / 4, atol=0.51)


@pytest.mark.parametrize("scale", [1e-45, 1e-20, 1.0, 3e38])
def test_the_scale_of_a_map_does_not_matter(scale):
    signs = np.array([[1, 0, -1]], np.float32)
    received = heat_map_picture(np.float32(scale) * signs)
    np.testing.assert_array_equal(received, heat_map_picture(signs))


def test_an_empty_map_is_white():
    assert (heat_map_picture(np.zeros((5, 4), np.float32)) == 255).all()


def test_an_empty_map_leaves_the_face_in_grey():
    face = pixels(3, 20)
    laid = overlay(face, np.zeros((8, 8), np.float32))
    grey = np.asarray(Image.fromarray(face).convert("L"))
    np.testing.assert_array_equal(laid, np.repeat(grey[:, :, np.newaxis], 3, axis=2))


@pytest.mark.parametrize("opacity", [0.0, 0.5, 0.85, 1.0])
def test_a_map_of_one_value_tints_the_whole_face(opacity):
    face = np.full((12, 12, 3), 100, np.uint8)
    for value, colour in ((2.5, FOR), (-0.1, AGAINST)):
        laid = overlay(face, np.full((4, 4), value, np.float32), opacity)
        expected = 100 + opacity * (np.array(colour) - 100)
        np.testing.assert_allclose(laid, np.broadcast_to(expected, laid.shape), atol=0.51)


def test_the_face_shows_through_the_strongest_colour():
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)
    heat_map = np.ones((2, 2), np.float32)
    difference = overlay(white, heat_map).astype(int) - overlay(black, heat_map)
    assert (difference >= 37).all()


def test_a_fine_map_is_enlarged_smoothly_and_lies_where_it_belongs():
    face = np.full((200, 200, 3), 255, np.uint8)
    heat_map = np.zeros((20, 20), np.float32)
    heat_map[0, 15] = 1
    strength = 255 - overlay(face, heat_map, 1.0)[:, :, 1].astype(int)
    top, left = np.unravel_index(strength.argmax(), strength.shape)
    assert top < 10
    assert 150 <= left < 160
    assert np.abs(np.diff(strength, axis=0)).max() < 40  # no edge: a hard one would be 239
    assert (strength[25:, :100] == 0).all()


def test_a_coarse_map_is_drawn_as_its_squares():
    face = np.full((64, 64, 3), 255, np.uint8)
    heat_map = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    laid = overlay(face, heat_map, 1.0)
    expected = np.repeat(np.repeat(heat_map_picture(heat_map), 8, axis=0), 8, axis=1)
    np.testing.assert_array_equal(laid, expected)


def test_the_page_draws_the_same_maps_as_squares():
    script = PAGE.read_text(encoding="utf-8")
    assert int(re.search(r"const COARSE = (\d+);", script).group(1)) == pictures.COARSE


def test_a_map_with_nothing_against_is_never_blue():
    heat_map = np.zeros((8, 8), np.float32)
    heat_map[2:4, 5] = 1
    heat_map[6, 1] = 0.2
    laid = overlay(np.full((64, 64, 3), 255, np.uint8), heat_map).astype(int)
    assert (laid[:, :, 0] >= laid[:, :, 2]).all()
    turned = overlay(np.full((64, 64, 3), 255, np.uint8), -heat_map).astype(int)
    assert (turned[:, :, 0] <= turned[:, :, 2]).all()


def test_between_for_and_against_the_face_is_bare():
    face = np.full((640, 640, 3), 255, np.uint8)
    heat_map = np.repeat(np.array([[1.0] * 10 + [-1.0] * 10], np.float32), 20, axis=0)
    laid = overlay(face, heat_map, 1.0).astype(int)
    across = (255 - laid).sum(axis=2)[320]
    assert across[319:321].max() < across[[0, -1]].min() / 10


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (40, 40), (160, 160), (300, 300)])
def test_a_map_of_any_size_fits_the_face(shape):
    heat_map = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    laid = overlay(pixels(0, 50), heat_map)
    assert laid.shape == (50, 50, 3)
    assert laid.dtype == np.uint8


def test_the_given_arrays_stay_as_they_are():
    face, heat_map = pixels(1, 16), np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
    mask = heat_map > 0
    before = [one.copy() for one in (face, heat_map, mask)]
    overlay(face, heat_map)
    heat_map_picture(heat_map)
    mask_picture(face, mask)
    for one, other in zip((face, heat_map, mask), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_mask_keeps_what_it_marks_and_pales_the_rest():
    face = pixels(5, 8)
    mask = np.zeros((2, 2), np.bool_)
    mask[0, 1] = True
    shown = mask_picture(face, mask)
    np.testing.assert_array_equal(shown[:4, 4:], face[:4, 4:])
    rest = np.ones((8, 8), np.bool_)
    rest[:4, 4:] = False
    pale = shown[rest].astype(int)
    assert (pale == pale[:, :1]).all()
    assert pale.min() >= 178
    grey = np.asarray(Image.fromarray(face).convert("L")).astype(float)[rest]
    np.testing.assert_allclose(pale[:, 0], 255 - 0.3 * (255 - grey), atol=0.51)


def test_a_full_mask_shows_the_face_itself():
    face = pixels(6, 16)
    np.testing.assert_array_equal(mask_picture(face, np.ones((40, 40), np.bool_)), face)


def test_a_reconstruction_is_clipped():
    values = np.array([[[-3, 0, 0.5], [1, 1.001, 1e9]]], np.float32)
    np.testing.assert_array_equal(displayable(values), [[[0, 0, 128], [255, 255, 255]]])
    assert displayable(values).dtype == np.uint8


def test_a_png_holds_the_pixels_and_nothing_else():
    picture = pixels(7, 31)
    data = png(picture)
    assert data == png(picture.copy())
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "PNG"
        assert opened.info == {}
        np.testing.assert_array_equal(np.asarray(opened), picture)


def test_pictures_need_no_plotting():
    source = Path(pictures.__file__).read_text(encoding="utf-8")
    assert "matplotlib" not in source
    assert "figures" not in source
