import re

import numpy as np
import pytest

from lpel_serving.engine.store.keys import content_digest
from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.datasets.labelled import as_labelled, from_arrays
from lpel_serving.images.held import HeldImage, content_of
from lpel_serving.images.reading import is_image, read_pixels
from lpel_serving.support.errors import ImageError, ParameterError


def images(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("shape", [(3, 5, 7), (3, 5, 7, 1), (3, 5, 7, 3)])
def test_an_array_is_read_as_the_files_that_hold_its_images(shape, tmp_path):
    given = images(*shape)
    labelled = from_arrays(given, np.array([3, 8, 3]))
    assert [one.identity for one in labelled] == ["3", "8", "3"]
    for one, pixels in zip(labelled, given, strict=True):
        file = tmp_path / "image"
        file.write_bytes(content_of(one.source))
        assert is_image(file)
        assert content_of(file) == content_of(one.source)
        expected = np.broadcast_to(pixels.reshape(5, 7, -1), (5, 7, 3))
        np.testing.assert_array_equal(read_pixels(file), expected)
    assert len({content_digest(content_of(one.source)) for one in labelled}) == 3
    assert str(labelled[2].source) == "image 2 of the array"


def test_images_of_other_shapes_and_the_same_bytes_are_other_images():
    flat = images(12)
    contents = {HeldImage(flat.reshape(s), "").content for s in [(3, 4), (4, 3), (2, 2, 3)]}
    assert len(contents) == 3


def test_images_with_their_classes_are_taken_as_they_are(tmp_path):
    faces = [Face(tmp_path / "a.png", "a"), Face(tmp_path / "b.png", "b")]
    assert as_labelled(faces) == tuple(faces)
    assert as_labelled(tuple(faces)) == tuple(faces)
    assert [one.identity for one in as_labelled((images(2, 4, 4), ["a", "b"]))] == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (np.zeros((2, 4, 4), np.float32), r"float32 of shape .*\(images \* 255\)\.round"),
        (np.zeros((2, 4, 4), np.int64), r"int64 .*astype\('uint8'\)"),
        (np.zeros((2, 3, 8, 8), np.uint8), "channels last"),
        (
            np.zeros((2, 16), np.uint8),
            r"shape \(2, 16\): .*reshape\(-1, height, width\)",
        ),
        (np.zeros((0, 4, 4), np.uint8), "not empty"),
    ],
)
def test_other_arrays_are_refused_with_what_to_do(given, advice):
    with pytest.raises(ImageError, match=f"uint8, 0 to 255.*{advice}"):
        from_arrays(given, np.zeros(len(given), np.int64))


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (np.zeros((2, 10)), r"labels\.argmax\(axis=1\)"),
        (np.zeros(2), r"labels\.astype\(int\)"),
        (np.zeros((2, 1), np.float32), r"labels\.astype\(int\)"),
        (np.zeros(2, "M8[D]"), r"labels\.astype\(str\)"),
        (np.zeros(3, np.int64), "one label for each"),
        (np.zeros((2, 3, 4)), "one label for each"),
    ],
)
def test_other_labels_are_refused_with_what_can_be_done(labels, advice):
    with pytest.raises(ParameterError, match="a label for each of 2 images") as caught:
        from_arrays(images(2, 4, 4), labels)
    assert re.search(advice, str(caught.value))
    for code in re.findall("`(.*?)`", str(caught.value)):
        made = eval(code, {"labels": labels})  # noqa: S307 - the advice can be followed
        assert len(from_arrays(images(2, 4, 4), made)) == 2


@pytest.mark.parametrize("dtype", [None, object])
def test_names_in_bytes_are_read_as_text(dtype):
    given = np.array(["kočka".encode(), b"dog"], dtype)
    assert [one.identity for one in from_arrays(images(2, 4, 4), given)] == ["kočka", "dog"]


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (np.array([b"a", b"\xff"]), "latin1"),
        (np.array([b"a", b"\xff"], object), "that can be written"),
        (np.frombuffer(b"a\0\0\0" + b"\xff" * 4, "<U1"), "that can be written"),
        (np.array(["a", "\ud800"]), "that can be written"),
    ],
    ids=["bytes", "objects", "beyond Unicode", "half a pair"],
)
def test_labels_that_are_no_text_are_refused(labels, advice):
    with pytest.raises(ParameterError, match=f"label 1 is no text in UTF-8: .*{advice}"):
        from_arrays(images(2, 4, 4), labels)


@pytest.mark.parametrize("labels", [["a", ""], [b"a", b""], np.zeros(2, "S1")])
def test_empty_labels_are_refused(labels):
    with pytest.raises(ParameterError, match=r"label [01] is empty"):
        from_arrays(images(2, 4, 4), labels)
