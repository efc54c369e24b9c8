"""Images of all kinds, as the service reads them: pixels, or a typed refusal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lpel_serving.images.cost import is_costly
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.cutting import read_face
from lpel_serving.support.errors import ImageError
from lpel_serving.support.image_shape import square
from support.hostile_images import PROGRESSIVE
from support.image_parts import encoded, exif, turned, with_right_sums
from support.images import pixels
from support.mutation import mutants, outcome
from support.odd_images import LOSSLESS, ODD, PICTURE, PNG

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")

RUNS = 10_000
SHAPE, MOST = square(16), 24_000_000
SEEDS = {
    "JPEG": [
        PROGRESSIVE,
        encoded(PICTURE, "JPEG", exif=exif(turned(6))),
        encoded(PICTURE.convert("CMYK"), "JPEG"),
        ODD["several pictures in a JPEG"][0],
    ],
    "PNG": [
        PNG,
        encoded(PICTURE.convert("P"), "PNG", transparency=3, exif=exif(turned(5))),
        *(ODD[name][0] for name in ("16-bit grey", "1-bit PNG", "interlaced PNG", "RGBA PNG")),
        encoded(PICTURE, "PNG", save_all=True, append_images=[Image.fromarray(pixels(1))]),
    ],
    "WEBP": [
        encoded(PICTURE, "WEBP", exif=exif(turned(8))),
        encoded(PICTURE, "WEBP", **LOSSLESS["WEBP"]),
        encoded(PICTURE, "WEBP", save_all=True, append_images=[Image.fromarray(pixels(1))]),
    ],
    "the rest": [
        encoded(PICTURE, "BMP"),
        ODD["BMP in runs"][0],
        encoded(PICTURE, "PPM"),
        *(ODD[name][0] for name in ("text PPM", "text PBM", "1-bit PBM", "16-bit PGM")),
        b"Pf\n1 1\n-1.0\n" + bytes(4),
    ],
}


def refused_or_read(data: bytes) -> bool:
    """Read a face as the service does; whether there was one."""
    face, error = outcome(
        lambda: read_face(data, CentreCrop(), SHAPE, "reference", MOST), ImageError
    )
    if face is None:
        assert str(error).startswith("reference ")
        assert len(str(error)) < 300
        return False
    assert (face.dtype, face.shape) == (np.uint8, SHAPE)
    return True


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", *(one[:40] for one in SEEDS["PNG"])]))
def test_whatever_comes_is_read_or_refused(data, start):
    refused_or_read(start + data)


@pytest.mark.parametrize("kind", SEEDS)
def test_a_changed_image_is_read_or_refused(kind):
    read = sum(refused_or_read(one) for one in mutants(SEEDS[kind], RUNS // 4))
    assert 0 < read < RUNS // 4


def test_a_changed_png_whose_sums_are_right_is_read_or_refused():
    changed = (with_right_sums(one) for one in mutants(SEEDS["PNG"], RUNS // 3, seed=1))
    read = sum(refused_or_read(one) for one in changed)
    assert read > RUNS // 300


def test_a_picture_with_changed_exif_is_read_or_refused():
    entries = [turned(6), (0x010F, 2, 99, b"\x1a\0\0\0"), (0x8769, 4, 1, b"\x08\0\0\0")]
    for one in mutants([exif(*entries), exif(turned(3))], RUNS // 6):
        refused_or_read(encoded(Image.new("RGB", (3, 2)), "PNG", exif=one))


def test_the_judgement_of_what_an_image_costs_never_fails():
    for one in mutants([*SEEDS["JPEG"], *SEEDS["PNG"], b"P3 1 1 255 #a\n1 2 3"], RUNS // 3):
        is_costly(one)
