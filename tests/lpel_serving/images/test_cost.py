"""Which files would take long to decode, and which of those that cameras write would not."""

import pytest
from PIL import Image

from lpel_serving.images.cost import MAX_COMMENTS, MAX_PIECES, MAX_SCANS, is_costly
from lpel_serving.images.reading import read_pixels
from support.image_parts import chunk, encoded, segment, with_chunks, with_segments
from support.images import pixels

PICTURE = Image.fromarray(pixels(0, 64))
PROGRESSIVE = encoded(PICTURE, "JPEG", progressive=True)
LAST_SCAN = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
SCANS = PROGRESSIVE.count(b"\xff\xda")
PNG = encoded(PICTURE, "PNG")


def with_scans(number: int) -> bytes:
    """A JPEG of so many scans: the last one is said again and again."""
    return PROGRESSIVE[:-2] + LAST_SCAN * (number - SCANS) + b"\xff\xd9"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "PPM"])
def test_no_usual_file_is_costly(kind):
    assert not is_costly(encoded(PICTURE, kind))


def test_the_limit_on_scans_is_exact():
    assert not is_costly(with_scans(MAX_SCANS))
    assert is_costly(with_scans(MAX_SCANS + 1))
    assert read_pixels(with_scans(MAX_SCANS)).shape == (64, 64, 3)


def test_the_limit_on_the_chunks_of_a_png_is_exact():
    more = chunk(b"abCd") * (MAX_PIECES - 3)
    assert not is_costly(with_chunks(PNG, more))
    assert is_costly(with_chunks(PNG, more, chunk(b"abCd")))


def test_the_limit_on_comments_is_exact():
    assert not is_costly(b"P3 1 1 255\n" + b"#\n" * MAX_COMMENTS + b"1 2 3")
    assert is_costly(b"P3 1 1 255\n" + b"#\n" * (MAX_COMMENTS + 1) + b"1 2 3")


def test_bytes_of_a_picture_are_no_comments():
    assert not is_costly(b"P6 100 1 255\n" + b"#" * 300)


def test_scans_of_other_pictures_in_a_file_do_not_count():
    thumbnail = segment(0xE1, b"Exif\0\0" + LAST_SCAN * (MAX_SCANS + 1))
    film = b"\xff\xda" * 1000
    assert not is_costly(with_segments(PROGRESSIVE, [thumbnail]) + film)


@pytest.mark.parametrize("marker", [b"\xff\x02", b"\xff\x01", b"\xff\xff\xff\x02", b"\xff\xd0"])
def test_scans_cannot_be_hidden_behind_what_is_no_segment(marker):
    hidden = marker + b"\xff\xff" + LAST_SCAN * (MAX_SCANS + 1)
    assert is_costly(PROGRESSIVE[:-2] + hidden + b"\xff\xd9")


@pytest.mark.parametrize("start", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff", PNG[:8], PNG[:11]])
def test_what_breaks_off_is_not_costly(start):
    assert not is_costly(start)
