"""What crops are called."""

import pytest

from lpel_serving.images.crop_words import called, crop_title, with_largest
from lpel_serving.images.crops import CentreCrop, parse_crop
from lpel_serving.support.image_shape import ImageShape, square

OBLONG = ImageShape(60, 240, 1)


@pytest.mark.parametrize(
    ("share", "shape", "title"),
    [
        (1, square(16), "the largest square in its middle"),
        (1, OBLONG, "the largest rectangle of the network's proportions in its middle"),
        (0.48, square(16), "its middle, 48%"),
        (0.997, OBLONG, "its middle, 99.7%"),
        (0.07, square(16), "its middle, 7%"),
    ],
)
def test_a_share_is_described_by_what_it_takes(share, shape, title):
    assert crop_title(str(share), CentreCrop(share), shape) == title


@pytest.mark.parametrize("name", ["none", "pad", "stretch"])
def test_what_takes_all_of_a_picture_says_so(name):
    assert crop_title(name, parse_crop(name), square(16)).startswith("the whole picture")


@pytest.mark.parametrize(
    ("name", "own", "expected"),
    [
        (None, "mtcnn", "mtcnn"),
        ("0.480", "0.48", "0.48"),
        ("4.8e-1", "0.480", "0.480"),
        ("1.0", "1", "1"),
        ("0.47", "0.48", "0.47"),
        ("none", "0.48", "none"),
        ("0.48", "none", "0.48"),
        ("nan", "nan", "nan"),
        ("mtcnn", "1", "mtcnn"),
    ],
)
def test_a_crop_is_called_as_the_bundle_calls_it(name, own, expected):
    assert called(name, own) == expected


def test_a_card_says_what_the_share_1_is():
    assert with_largest("1.0", square(16)) == "1.0 (the largest square in its middle)"
    assert [with_largest(one, OBLONG) for one in ("0.48", "none", "mtcnn")] == [
        *("0.48", "none", "mtcnn")
    ]
