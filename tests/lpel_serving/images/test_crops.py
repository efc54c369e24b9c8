"""Cutting faces out of photographs."""

import numpy as np
import pytest

from lpel_serving.images.crops import CentreCrop, Pad, Stretch, WholeImage, parse_crop
from lpel_serving.images.resizing import decoder_target, resize
from lpel_serving.support.errors import ImageError, ParameterError
from lpel_serving.support.image_shape import ImageShape, square
from support.images import pixels


def test_lfw_photographs_give_the_usual_face_crop():
    photograph = pixels(0, 250)
    received = CentreCrop(0.48)(photograph, square(120))
    np.testing.assert_array_equal(received, photograph[65:185, 65:185])


@pytest.mark.parametrize(
    ("height", "width", "fraction", "box"),
    [
        (10, 10, 1.0, (0, 10, 0, 10)),
        (10, 20, 1.0, (0, 10, 5, 15)),
        (20, 10, 1.0, (5, 15, 0, 10)),
        (20, 10, 0.5, (7, 12, 2, 7)),
        (11, 11, 0.5, (2, 8, 2, 8)),
        (50, 50, 0.08, (23, 27, 23, 27)),
        (1, 9, 1.0, (0, 1, 4, 5)),
    ],
)
def test_the_square_is_cut_from_the_middle(height, width, fraction, box):
    shape = (height, width, 3)
    photograph = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    top, bottom, left, right = box
    received = CentreCrop(fraction)(photograph, square(bottom - top))
    np.testing.assert_array_equal(received, photograph[top:bottom, left:right])


@pytest.mark.parametrize("size", [1, 8, 160, 300])
def test_the_crop_has_the_size_that_was_asked_for(size):
    received = CentreCrop(0.48)(pixels(0, 250), square(size))
    assert received.shape == (size, size, 3)
    assert received.dtype == np.uint8
    assert received.flags.c_contiguous


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    inner = resize(stripes, square(8))[:, 2:-2].astype(int)
    assert abs(inner - 127).max() < 20


OUT_OF_RANGE = [0, -0.1, 1e-300, 0.0099, 1.01, 48, float("nan"), float("inf")]


@pytest.mark.parametrize("fraction", OUT_OF_RANGE)
def test_a_share_out_of_range_is_refused(fraction):
    with pytest.raises(ParameterError, match=r"from 0\.01 to 1"):
        CentreCrop(fraction)


@pytest.mark.parametrize(("side", "fraction"), [(5, 0.01), (40, 0.08), (6, 0.5)])
def test_a_share_of_hardly_a_pixel_is_refused(side, fraction):
    with pytest.raises(ImageError, match="expected at least 4"):
        CentreCrop(fraction)(pixels(0, side), square(16))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", WholeImage()),
        ("pad", Pad()),
        ("stretch", Stretch()),
        ("1", CentreCrop(1)),
        ("0.48", CentreCrop(0.48)),
    ],
)
def test_texts_that_name_a_crop(text, expected):
    assert parse_crop(text) == expected


@pytest.mark.parametrize("text", ["", "None", "48%", "0,48", "face", "\0", "\ud800"])
def test_texts_that_name_no_crop_are_refused_with_those_that_do(text):
    with pytest.raises(ParameterError) as caught:
        parse_crop(text)
    message = str(caught.value)
    assert repr(text) in message
    assert "none, pad, stretch, a share such as 0.48" in message
    assert "mtcnn" in message


@pytest.mark.parametrize("text", ["0", "-1", "1e-300", "1.5", "nan", "inf", "1e400"])
def test_texts_of_shares_out_of_range_are_refused(text):
    with pytest.raises(ParameterError, match=r"from 0\.01 to 1"):
        parse_crop(text)


SIGNATURE = ImageShape(6, 20, 1)


def signature(height, width):
    """White paper with a black line along the whole of its left edge."""
    paper = np.full((height, width, 1), 240, np.uint8)
    paper[:, 0] = 0
    return paper


@pytest.mark.parametrize(("height", "width"), [(60, 240), (6, 24), (20, 6), (7, 20)])
def test_none_refuses_what_it_would_have_to_cut(height, width):
    with pytest.raises(ImageError, match=r"cuts nothing off: choose the crop pad.*stretch"):
        WholeImage()(signature(height, width), SIGNATURE)


@pytest.mark.parametrize(("height", "width"), [(6, 20), (60, 200), (3, 10), (61, 202)])
def test_none_resizes_what_has_the_proportions(height, width):
    paper = signature(height, width)
    received = WholeImage()(paper, SIGNATURE)
    np.testing.assert_array_equal(received, Stretch()(paper, SIGNATURE))
    if (height, width) == (6, 20):
        np.testing.assert_array_equal(received, paper)


SQUARES = [(113, 112, 112), (112, 113, 112), (250, 251, 160), (251, 250, 112), (2515, 2500, 160)]


@pytest.mark.parametrize(("height", "width", "side"), SQUARES)
def test_none_stretches_what_is_less_than_a_pixel(height, width, side):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 1), dtype=np.uint8)
    shape = ImageShape(side, side, 1)
    received = WholeImage()(picture, shape)
    np.testing.assert_array_equal(received, Stretch()(picture, shape))


OBLONGS = [(114, 112, 112), (110, 112, 112), (250, 252, 160), (2516, 2500, 160)]


@pytest.mark.parametrize(("height", "width", "side"), OBLONGS)
def test_none_refuses_a_pixel_or_more(height, width, side):
    with pytest.raises(ImageError, match="cuts nothing off"):
        WholeImage()(np.zeros((height, width, 1), np.uint8), ImageShape(side, side, 1))


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [(60, 240, (0, 5), (0, 20)), (12, 10, (0, 6), (7, 12)), (6, 20, (0, 6), (0, 20))],
)
def test_padding_keeps_all_of_a_picture_between_margins_of_its_mean(height, width, rows, columns):
    paper = signature(height, width)
    received = Pad()(paper, SIGNATURE)
    inside = np.zeros(SIGNATURE, np.bool_)
    inside[slice(*rows), slice(*columns)] = True
    assert (received[~inside] == round(paper.mean())).all()
    inner = received[slice(*rows), slice(*columns)]
    np.testing.assert_array_equal(inner, Stretch()(paper, ImageShape(*inner.shape)))


def test_a_share_has_the_networks_own_proportions():
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 1), dtype=np.uint8)
    whole = CentreCrop()(picture, ImageShape(15, 50, 1))
    np.testing.assert_array_equal(whole, picture[12:27])
    half = CentreCrop(0.5)(picture, ImageShape(20, 10, 1))
    np.testing.assert_array_equal(half, picture[10:30, 20:30])


PLUGIN = """
import numpy as np

class Corner:
    def __call__(self, pixels, shape):
        return np.ascontiguousarray(pixels[: shape.height, : shape.width])
"""


def test_an_installed_plugin_gives_its_crop(tmp_path, monkeypatch):
    (tmp_path / "corner_crop.py").write_text(PLUGIN)
    home = tmp_path / "corner_crop-1.0.dist-info"
    home.mkdir()
    (home / "METADATA").write_text("Metadata-Version: 2.1\nName: corner-crop\nVersion: 1.0\n")
    (home / "entry_points.txt").write_text("[lpel.crops]\ncorner = corner_crop:Corner\n")
    monkeypatch.syspath_prepend(tmp_path)
    crop = parse_crop("corner")
    np.testing.assert_array_equal(crop(pixels(0), square(5)), pixels(0)[:5, :5])
    with pytest.raises(ParameterError, match="corner"):
        parse_crop("centre")


def test_the_target_of_the_decoder_is_the_mean_of_what_each_pixel_covers():
    crop = pixels(0, 16)
    means = crop.reshape(8, 2, 8, 2, 3).mean(axis=(1, 3))
    received = decoder_target(crop, square(8))
    assert received.dtype == np.uint8
    np.testing.assert_allclose(received, means, atol=1)  # rounded once for rows, once for columns
