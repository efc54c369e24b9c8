"""Images that are broken, misleading, or made to do harm."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpel_serving.images import reading as images
from lpel_serving.images.reading import read_pixels
from lpel_serving.support.errors import ImageError
from support.image_parts import chunk as png_chunk
from support.image_parts import encoded, exif, png, turned
from support.images import pixels

pytestmark = pytest.mark.hostile


def picture(seed: int = 0, size: int = 16) -> Image.Image:
    return Image.fromarray(pixels(seed, size))


def grey_16(*values: int) -> bytes:
    """A 16-bit grey PNG of one row."""
    return png(len(values), 1, 16, 0, b"\0" + struct.pack(f">{len(values)}H", *values))


def frames(kind: str) -> bytes:
    return encoded(picture(0), kind, save_all=True, append_images=[picture(1)])


def refuse(image: object, *words: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_pixels(image)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


JPEG = encoded(picture(), "JPEG")
PNG = encoded(picture(), "PNG")

REFUSED = {
    "text.jpg": (b"not an image at all", "is not an image: expected one of JPEG, PNG"),
    "empty.png": (b"", "is not an image"),
    "half.jpg": (JPEG[: len(JPEG) // 2], "damaged or truncated"),
    "half.png": (PNG[: len(PNG) // 2], "damaged or truncated"),
    "header.jpg": (JPEG[:20], "is not an image"),
    "bomb.png": (png(30000, 30000, 8, 2, b""), "too large: at most 64,000,000 pixels"),
    "wide.png": (png(8001, 8000, 8, 2, b""), "too large: at most 64,000,000 pixels"),
    "film.webp": (frames("WEBP"), "animated: expected a single picture"),
    "film.png": (frames("PNG"), "animated: expected a single picture"),
    "film.gif": (frames("GIF"), "is not an image: expected one of"),
    "gif.jpg": (encoded(picture(), "GIF"), "is not an image: expected one of"),
    "tiff.jpg": (encoded(picture(), "TIFF"), "is not an image: expected one of"),
    "floats.tiff": (
        encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"),
        "is not an image: expected one of",
    ),
    "icon.png": (encoded(picture(), "ICO"), "is not an image: expected one of"),
    "eps.jpg": (encoded(picture(), "EPS"), "is not an image: expected one of"),
    "pdf.jpg": (encoded(picture(), "PDF"), "is not an image: expected one of"),
    "svg.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not an image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_usable_picture_is_refused_and_named(tmp_path, name):
    data, words = REFUSED[name]
    path = tmp_path / name
    path.write_bytes(data)
    refuse(path, str(path), words)
    refuse(str(path), str(path), words)
    refuse(data, "the image", words)
    with pytest.raises(ImageError, match=r"^upload 3 "):
        read_pixels(data, "upload 3")


def test_a_missing_file_and_a_folder_are_refused_and_named(tmp_path):
    refuse(tmp_path / "none.jpg", str(tmp_path / "none.jpg"), "No such file")
    refuse(tmp_path, str(tmp_path), "directory")


def test_a_path_that_no_file_can_have_is_refused():
    refuse("face\0.jpg", "face")


def test_a_very_large_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", len(PNG) - 1)
    path = tmp_path / "large.png"
    path.write_bytes(PNG)
    refuse(path, str(path), "at most")
    monkeypatch.setattr(images, "MAX_BYTES", len(PNG))
    np.testing.assert_array_equal(read_pixels(path), pixels(0))


def test_a_stream_without_a_size_is_read_up_to_the_limit(monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", len(PNG))
    received = []
    for data in (PNG, PNG + b"more"):
        out, into = os.pipe()
        with open(out, "rb"), open(into, "wb") as writer:  # noqa: PTH123
            writer.write(data)
            writer.close()
            path = Path(f"/dev/fd/{out}")
            if data == PNG:
                received.append(read_pixels(path))
            else:
                refuse(path, str(path), "at most")
    np.testing.assert_array_equal(received, [pixels(0)])


def test_the_limit_on_pixels_is_exact():
    for image in (picture(0, 16), encoded(picture(0, 16), "PNG")):
        assert read_pixels(image, most=256).shape == (16, 16, 3)
        with pytest.raises(ImageError, match="too large: at most 255"):
            read_pixels(image, most=255)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "PPM"])
def test_a_picture_is_the_same_as_file_bytes_pillow_and_array(tmp_path, kind):
    data = encoded(picture(), kind, **({"lossless": True} if kind == "WEBP" else {}))
    path = tmp_path / "misnamed.txt"
    path.write_bytes(data)
    for image in (data, path, str(path), picture(), pixels(0)):
        received = read_pixels(image)
        assert received.dtype == np.uint8
        np.testing.assert_array_equal(received, pixels(0))


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = [0, 255, 256, 32768, 65280, 65535]
    expected = [round(value / 257) for value in values]
    received = read_pixels(grey_16(*values))
    assert received.shape == (1, 6, 3)
    for channel in range(3):
        np.testing.assert_array_equal(received[0, :, channel], expected)


@pytest.mark.parametrize("most", [65535, 1023])
def test_a_sixteen_bit_pgm_is_scaled_and_not_clipped(most):
    values = [0, most // 2, most]
    data = f"P5 3 1 {most}\n".encode() + struct.pack(">3H", *values)
    np.testing.assert_array_equal(read_pixels(data)[0, :, 0], [0, 127, 255])


def test_sixteen_bit_grey_is_turned_upright():
    data = encoded(
        Image.fromarray(np.array([[0, 65535, 0]], np.uint16)), "PNG", exif=exif(turned(6))
    )
    np.testing.assert_array_equal(read_pixels(data)[:, :, 0], [[0], [255], [0]])


def test_a_cmyk_jpeg_becomes_rgb():
    red = Image.new("RGB", (16, 16), (200, 30, 40))
    received = read_pixels(encoded(red.convert("CMYK"), "JPEG", quality=100))
    assert received.shape == (16, 16, 3)
    np.testing.assert_allclose(received, np.broadcast_to([200, 30, 40], (16, 16, 3)), atol=4)


CLEAR = {
    "RGBA": Image.fromarray(np.array([[[9, 9, 9, 0], [9, 9, 9, 255]]], np.uint8)),
    "LA": Image.fromarray(np.array([[[9, 0], [9, 255]]], np.uint8)),
}


@pytest.mark.parametrize("mode", CLEAR)
def test_transparency_is_laid_on_white(mode):
    image = CLEAR[mode]
    assert image.mode == mode
    for given in (image, encoded(image, "PNG")):
        np.testing.assert_array_equal(read_pixels(given), [[[255] * 3, [9] * 3]])


def test_half_transparency_is_mixed_with_white():
    half = Image.new("RGBA", (1, 1), (0, 100, 200, 51))
    np.testing.assert_array_equal(read_pixels(half), [[[204, 224, 244]]])


def test_a_transparent_palette_is_laid_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    data = encoded(image, "PNG", transparency=0)
    np.testing.assert_array_equal(read_pixels(data), [[[255] * 3, [40, 50, 60]]])


def test_a_transparent_colour_of_an_rgb_png_is_laid_on_white():
    clear = png_chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
    data = png(2, 1, 8, 2, b"\0" + bytes([1, 2, 3, 4, 5, 6]), clear)
    np.testing.assert_array_equal(read_pixels(data), [[[255] * 3, [4, 5, 6]]])


UPRIGHT = np.array([[10, 60, 110], [160, 210, 250]], np.uint8)
STORED = {
    1: UPRIGHT,
    2: UPRIGHT[:, ::-1],
    3: UPRIGHT[::-1, ::-1],
    4: UPRIGHT[::-1],
    5: UPRIGHT.T,
    6: np.rot90(UPRIGHT),
    7: UPRIGHT[::-1, ::-1].T,
    8: np.rot90(UPRIGHT, -1),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation_is_turned_upright(orientation, kind):
    large = np.kron(STORED[orientation], np.ones((16, 16), np.uint8))
    stored = Image.fromarray(np.repeat(large[:, :, np.newaxis], 3, axis=2))
    data = encoded(stored, kind, exif=exif(turned(orientation)))
    received = read_pixels(data)
    assert received.shape == (32, 48, 3)
    np.testing.assert_allclose(received[8::16, 8::16, 0], UPRIGHT, atol=6)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_left_alone(orientation):
    data = encoded(picture(), "PNG", exif=exif(turned(orientation)))
    np.testing.assert_array_equal(read_pixels(data), pixels(0))


ODD_EXIF = {
    "resolution in letters": (0x011A, 2, 4, b"abc\0"),
    "width in letters": (0x0100, 2, 4, b"abc\0"),
    "bits in letters": (0x0102, 2, 2, b"a\0\0\0"),
    "maker as a number": (0x010F, 12, 1, b"\0\0\0\0"),
    "camera's folder in letters": (0x8769, 2, 4, b"abc\0"),
    "camera's folder in itself": (0x8769, 4, 1, struct.pack("<I", 8)),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", ODD_EXIF)
def test_a_turned_photograph_is_read_whatever_else_its_exif_holds(odd, kind):
    data = encoded(Image.new("RGB", (4, 3)), kind, exif=exif(turned(6), ODD_EXIF[odd]))
    assert read_pixels(data).shape == (4, 3, 3)


def test_one_bit_pictures_become_black_and_white():
    image = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    expected = np.array([[0, 255], [255, 0]])
    for given in (image, encoded(image, "PNG"), b"P1 2 2 1 0 0 1"):
        received = read_pixels(given)
        assert received.dtype == np.uint8
        np.testing.assert_array_equal(received[:, :, 0], expected)


def test_of_a_multi_picture_jpeg_the_first_picture_is_used():
    first, second = Image.new("RGB", (16, 16), "white"), Image.new("RGB", (16, 16), "black")
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    received = read_pixels(data)
    assert received.shape == (16, 16, 3)
    assert received.min() > 250


def test_floating_point_pixels_are_refused():
    refuse(Image.fromarray(np.ones((2, 2), np.float32)), "floating-point", "convert")
    refuse(b"Pf\n1 1\n-1.0\n" + struct.pack("<f", 0.5), "floating-point", "convert")


MODES = ("1", "L", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "I;16", "LA", "PA")


@pytest.mark.parametrize("mode", MODES)
def test_pillow_images_of_every_common_mode_become_rgb(mode):
    received = read_pixels(Image.new(mode, (3, 2)))
    assert received.dtype == np.uint8
    assert received.shape == (2, 3, 3)


def test_a_pillow_image_that_cannot_be_converted_is_refused():
    refuse(Image.new("La", (3, 2)), "the image")


@pytest.mark.parametrize("size", [(0, 0), (0, 3), (3, 0)])
def test_an_empty_pillow_image_is_refused(size):
    refuse(Image.new("RGB", size), "the image")


def test_a_truncated_pillow_image_is_refused():
    whole = encoded(picture(0, 64), "JPEG")
    with Image.open(io.BytesIO(whole[: len(whole) // 2])) as lazy:
        refuse(lazy, "damaged or truncated")


def test_an_animated_pillow_image_is_refused():
    with Image.open(io.BytesIO(frames("GIF"))) as lazy:
        refuse(lazy, "animated")


ARRAYS = {
    "floats": np.zeros((4, 4, 3), np.float32),
    "wide integers": np.zeros((4, 4, 3), np.int64),
    "booleans": np.zeros((4, 4, 3), bool),
    "two channels": np.zeros((4, 4, 2), np.uint8),
    "four channels": np.zeros((4, 4, 4), np.uint8),
    "channels first": np.zeros((3, 5, 4), np.uint8),
    "a batch": np.zeros((1, 4, 4, 3), np.uint8),
    "no rows": np.zeros((0, 4, 3), np.uint8),
    "no columns": np.zeros((4, 0, 3), np.uint8),
    "nothing": np.zeros(0, np.uint8),
    "a number": np.array(7, np.uint8),
    "objects": np.array([[["a", "b", "c"]]], object),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_an_array_of_another_type_or_shape_is_refused(kind):
    array = ARRAYS[kind]
    refuse(array, "expected pixels as uint8", str(array.dtype), str(array.shape))


def test_a_refused_array_is_called_what_the_caller_calls_it():
    with pytest.raises(ImageError, match="upload 3"):
        read_pixels(ARRAYS["floats"], "upload 3")


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
def test_a_grey_array_is_read_in_grey_and_in_colour(shape):
    grey = np.arange(20, dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(read_pixels(grey, channels=1), grey.reshape(4, 5, 1))
    np.testing.assert_array_equal(read_pixels(grey), np.repeat(grey.reshape(4, 5, 1), 3, axis=2))


@pytest.mark.parametrize("form", ["array", "picture", "file"])
def test_colours_become_grey_by_their_luminance(form):
    photograph = pixels(0, 24)
    expected = np.asarray(Image.fromarray(photograph).convert("L"))[..., np.newaxis]
    picture = Image.fromarray(photograph)
    given = {"array": photograph, "picture": picture, "file": encoded(picture, "PNG")}[form]
    np.testing.assert_array_equal(read_pixels(given, channels=1), expected)


def test_an_array_that_is_not_contiguous_is_read():
    view = pixels(0)[::2, ::-1]
    received = read_pixels(view)
    assert received.flags.c_contiguous
    np.testing.assert_array_equal(received, view)
