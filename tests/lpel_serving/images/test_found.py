"""Several faces in one photograph: how many there are, which is taken, and how to take another."""

import json

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.images.crops import CentreCrop, DetectingCrop
from lpel_serving.images.cutting import cut_face, read_face
from lpel_serving.images.found import Box, FoundFaces, faces_record, in_words
from lpel_serving.images.resizing import resize
from lpel_serving.report.document import document
from lpel_serving.support.errors import FaceChoiceError, ImageError, NoFaceError, ParameterError
from lpel_serving.support.image_shape import ImageShape
from support import bright, tiny
from support.bright import ONE, TWO, TWO_BOXES, BrightSquares, photograph, square
from support.images import pixels

SIZE = tiny.IMAGE_SIZE
SHAPE = ImageShape(SIZE, SIZE)


@pytest.fixture(scope="module")
def explainer(tiny_bundle) -> Explainer:
    return Explainer.load(tiny_bundle, crop=BrightSquares())


# --- cutting --------------------------------------------------------------------------------------


def test_the_largest_face_is_taken_and_all_are_reported():
    cut = cut_face(TWO, BrightSquares(), SHAPE)
    assert cut.found == FoundFaces(TWO_BOXES, 0)
    assert (cut.found.count, cut.found.box) == (2, TWO_BOXES[0])
    np.testing.assert_array_equal(cut.pixels, resize(square(1, 32), SHAPE))


@pytest.mark.parametrize(("face", "seed", "side"), [(0, 1, 32), (1, 2, 16)])
def test_the_face_that_is_asked_for_is_taken(face, seed, side):
    cut = cut_face(TWO, BrightSquares(), SHAPE, face=face)
    assert (cut.found.taken, cut.found.box) == (face, TWO_BOXES[face])
    np.testing.assert_array_equal(cut.pixels, resize(square(seed, side), SHAPE))


def test_of_faces_of_one_size_the_order_is_always_the_same():
    boxes = [(5, 16, 40, 30), (6, 16, 4, 40), (7, 16, 4, 2)]
    expected = (Box(4, 2, 20, 18), Box(4, 40, 20, 56), Box(40, 30, 56, 46))
    for order in (boxes, boxes[::-1]):
        assert cut_face(photograph(*order), BrightSquares(), SHAPE).found.boxes == expected


def test_a_crop_that_gives_pixels_alone_goes_on_working():
    cut = cut_face(TWO, CentreCrop(0.5), SHAPE)
    assert cut.found is None
    np.testing.assert_array_equal(cut.pixels, CentreCrop(0.5)(TWO, SHAPE))
    np.testing.assert_array_equal(read_face(TWO, CentreCrop(0.5), SHAPE), cut.pixels)

    def corner(photograph, shape):
        return np.ascontiguousarray(photograph[: shape.height, : shape.width])

    np.testing.assert_array_equal(cut_face(TWO, corner, SHAPE).pixels, TWO[:SIZE, :SIZE])


def test_which_crops_look_for_faces():
    assert isinstance(BrightSquares(), DetectingCrop)
    assert not isinstance(CentreCrop(), DetectingCrop)
    assert not isinstance(lambda photograph, size: photograph[:size, :size], DetectingCrop)


@pytest.mark.parametrize("face", [2, 7, -1])
def test_a_face_that_is_not_there_is_refused_with_how_many_there_are(face):
    with pytest.raises(FaceChoiceError) as caught:
        cut_face(TWO, BrightSquares(), SHAPE, "both.png", face=face)
    assert str(caught.value) == (
        f"both.png: face {face} was asked for, and 2 were found: they are numbered from 0, the "
        "largest, to 1."
    )
    assert isinstance(caught.value, ImageError)
    assert isinstance(caught.value, IndexError)


def test_of_one_face_there_is_no_second():
    with pytest.raises(FaceChoiceError, match=r"1 was found: they are numbered from 0, the larg"):
        cut_face(ONE, BrightSquares(), SHAPE, face=1)


@pytest.mark.parametrize("face", [0, 1])
def test_a_face_is_refused_where_the_crop_looks_for_none(face):
    with pytest.raises(ParameterError, match=f"face {face} was asked for, and this crop looks fo"):
        cut_face(TWO, CentreCrop(), SHAPE, face=face)


def test_a_photograph_without_a_face_is_refused_as_before():
    with pytest.raises(NoFaceError, match=r"dark\.png: nothing here is bright"):
        cut_face(photograph(), BrightSquares(), SHAPE, "dark.png", face=3)
    with pytest.raises(NoFaceError):
        FoundFaces(())


# --- words and records ----------------------------------------------------------------------------

MANY = tuple(Box(0, 0, side, side) for side in (9, 8, 7, 6))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((None, None), ()),
        ((FoundFaces(MANY[:1]), FoundFaces(MANY[:1])), ()),
        (
            (None, FoundFaces(MANY[:2])),
            ("There are 2 faces in the test photograph; the largest was taken.",),
        ),
        (
            (FoundFaces(MANY, 3), FoundFaces(MANY, 1)),
            (
                "There are 4 faces in the reference photograph; number 4 by size was taken.",
                "There are 4 faces in the test photograph; the second largest was taken.",
            ),
        ),
    ],
)
def test_several_faces_are_put_into_words(found, expected):
    assert in_words(found) == expected


def test_what_was_found_is_written_in_json():
    record = json.loads(json.dumps(faces_record((None, FoundFaces(TWO_BOXES, 1)))))
    assert record == {
        "reference": None,
        "test": {
            "count": 2,
            "taken": 1,
            "boxes": [
                {"left": 4, "top": 6, "right": 36, "bottom": 38},
                {"left": 50, "top": 20, "right": 66, "bottom": 36},
            ],
        },
    }


# --- the engine -----------------------------------------------------------------------------------


def test_a_pair_is_explained_by_the_faces_that_are_asked_for(explainer):
    asked = explainer.explain(ONE, TWO, faces=(None, 1))
    assert [found.taken for found in asked.found] == [0, 1]
    assert [found.count for found in asked.found] == [1, 2]
    np.testing.assert_array_equal(asked.test_crop, square(2, 16))
    np.testing.assert_allclose(
        asked.test_embedding, tiny.embed(square(2, 16)[np.newaxis])[0], atol=1e-5
    )
    assert document(asked)["faces"] == faces_record(asked.found)
    assert explainer.explain(ONE, TWO).found[1] == FoundFaces(TWO_BOXES, 0)


def test_two_faces_of_one_photograph_make_a_pair(explainer, tmp_path):
    """The same source twice, each time another face: by path, bytes and array."""
    path = bright.save(tmp_path / "both.png", TWO)
    for image in (TWO, path, str(path), path.read_bytes()):
        pair = explainer.explain(image, image, faces=(0, 1))
        np.testing.assert_array_equal(pair.reference_crop, resize(square(1, 32), SHAPE))
        np.testing.assert_array_equal(pair.test_crop, square(2, 16))
        assert pair.similarity < 1


def test_many_pairs_choose_each_for_themselves(explainer):
    choices = [(None, 0), (None, 1), (0, None)]
    many = explainer.explain_pairs([(ONE, TWO)] * 3, faces=choices)
    assert [pair.found[1].taken for pair in many] == [0, 1, 0]
    alone = [explainer.explain(ONE, TWO, faces=choice) for choice in choices]
    assert [document(pair) for pair in many] == [document(pair) for pair in alone]
    assert many[0].similarity == many[2].similarity != many[1].similarity
    with pytest.raises(ValueError, match="shorter"):
        explainer.explain_pairs([(ONE, TWO)] * 2, faces=[(0, 0)])


def test_where_no_face_is_looked_for_nothing_is_said_and_none_can_be_asked_for(tiny_explainer):
    pair = tiny_explainer.explain(pixels(0), pixels(1))
    assert pair.found == (None, None)
    assert document(pair)["faces"] == {"reference": None, "test": None}
    with pytest.raises(ParameterError, match="looks for no faces"):
        tiny_explainer.explain(pixels(0), pixels(1), faces=(None, 0))
