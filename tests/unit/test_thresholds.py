"""Choosing the threshold, and leaving people out."""

from pathlib import Path

import numpy as np
import pytest

from lpel_serving.errors import PairsError
from lpel_serving.faces import Face, leave_out
from lpel_serving.pairs import Pair
from lpel_tf.dataset import FaceSet, Split
from lpel_tf.thresholds import THESIS_THRESHOLD, threshold_on_pairs, threshold_on_split

ANGLES = {"a": 0.0, "b": 0.3, "c": 1.5, "d": 1.6}
"""Photographs by name, their embeddings by angle: a and b are near, c and d are, the rest far."""


def embed(faces, without=()):
    found = [face for face in faces if face.path.name not in without]
    angles = np.array([ANGLES[face.path.name] for face in found])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    missing = tuple(face for face in faces if face.path.name in without)
    targets = np.zeros((len(found), 1, 1, 3), np.uint8)
    return FaceSet(vectors, targets, tuple(face.identity for face in found), missing)


def pair(reference, test, same):
    return Pair(Path(reference), Path(test), same)


PAIRS = [pair("a", "b", True), pair("c", "d", True), pair("a", "c", False), pair("b", "d", False)]


def test_the_threshold_lies_between_the_pairs_that_it_parts():
    chosen = threshold_on_pairs(PAIRS, embed)
    assert np.cos(1.3) < chosen.value < np.cos(0.3)
    assert chosen.chosen["pairs"] == 4


def test_pairs_without_a_face_are_left_out():
    chosen = threshold_on_pairs(PAIRS, lambda faces: embed(faces, without={"d"}))
    assert chosen.chosen["pairs"] == 2


@pytest.mark.parametrize("kept", [PAIRS[:2], PAIRS[2:]], ids=["only same", "only different"])
def test_pairs_of_one_kind_give_no_threshold(kept):
    with pytest.raises(PairsError, match="pairs of the same person and pairs of two"):
        threshold_on_pairs(kept, embed)


def test_photographs_without_any_face_give_no_threshold():
    with pytest.raises(PairsError, match="of 0 usable pairs"):
        threshold_on_pairs(PAIRS, lambda faces: embed(faces, without=set(ANGLES)))


def test_too_few_people_apart_leave_the_threshold_of_the_thesis(rng):
    faces = embed([Face(Path(name), name) for name in ANGLES])
    chosen = threshold_on_split(Split(faces, faces, faces), rng)
    assert chosen.value == THESIS_THRESHOLD


def test_people_are_left_out_by_name():
    faces = tuple(Face(Path(str(i)), identity) for i, identity in enumerate("aabc"))
    assert [face.identity for face in leave_out(faces, ["a", "c"])] == ["b"]
    assert leave_out(faces, []) == faces


def test_a_misspelt_name_does_not_go_unnoticed():
    with pytest.raises(PairsError, match="nobody called z"):
        leave_out((Face(Path("1"), "a"),), ["a", "z"])
