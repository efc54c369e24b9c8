"""Any bytes are read as a picture, or refused."""

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from lpel_serving.images.reading import read_pixels
from lpel_serving.support.errors import ImageError
from support.images import pixels
from support.strategies import damaged, few

pytestmark = pytest.mark.property


def encoded(kind: str) -> bytes:
    """The bytes of a small picture."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels(0, 12)).save(buffer, format=kind, exif=exif)
    return buffer.getvalue()


def reads_or_refuses(data: bytes) -> None:
    try:
        received = read_pixels(data)
    except ImageError:
        return
    assert received.dtype == np.uint8
    assert received.ndim == 3
    assert received.shape[2] == 3


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@few
@given(st.binary(max_size=100))
@example(b"P5 2 1 65535\n\x00\x00\xff\xff")
@example(b"P2 2 1 0 1 1")
@example(b"Pf\n1 1\n-1.0\n\x00\x00\x00\x3f")
def test_any_bytes_are_read_as_a_picture_or_refused(data):
    reads_or_refuses(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow's remarks on damaged EXIF
@settings(few, max_examples=300)
@given(st.sampled_from([encoded(kind) for kind in ("JPEG", "PNG", "WEBP")]), st.data())
def test_a_damaged_picture_is_read_or_refused(picture, data):
    reads_or_refuses(damaged(data, picture))
