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


@pytest.mark.parametrize("labels", [np.zeros((2, 10)), np.zeros(2), np.zeros(3, np.int64)])
def test_other_labels_are_refused(labels):
    with pytest.raises(ParameterError, match="a label for each of 2 images"):
        from_arrays(images(2, 4, 4), labels)
