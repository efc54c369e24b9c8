import numpy as np
import pytest

from lpel_serving.images.datasets.faces import Face
from lpel_serving.support.errors import ParameterError
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.sides import FEW
from lpel_tf.data.split import split_by_identity, split_by_image, split_faces
from lpel_tf.support.errors import TrainingDataError


def crowd(people, each=4):
    identities = tuple(f"person {i % people}" for i in range(people * each))
    n = len(identities)
    embeddings = np.arange(n, dtype=np.float32)[:, np.newaxis]
    return FaceSet(embeddings, np.zeros((n, 2, 2, 3), np.uint8), identities)


def sides_of(split):
    return split.train, split.validation, split.test


@pytest.mark.parametrize("people", [3, 4, 10, 57])
@pytest.mark.parametrize("seed", [0, 1])
def test_nobody_is_on_two_sides_and_everybody_is_on_one(people, seed):
    faces = crowd(people)
    sides = sides_of(split_by_identity(faces, np.random.default_rng(seed)))
    who = [set(side.identities) for side in sides]
    assert all(who)
    assert sum(map(len, who)) == len(set.union(*who)) == people
    photographs = np.concatenate([side.embeddings[:, 0] for side in sides])
    assert sorted(photographs) == list(range(len(faces)))
    for side in sides:
        assert [faces.identities[int(i)] for i in side.embeddings[:, 0]] == list(side.identities)


@pytest.mark.parametrize(
    ("shares", "people"),
    [({}, (80, 10, 10)), ({"validation": 0.2, "test": 0.3}, (50, 20, 30))],
)
def test_the_shares_are_of_people(shares, people):
    split = split_by_identity(crowd(100), np.random.default_rng(0), **shares)
    assert tuple(len(set(side.identities)) for side in sides_of(split)) == people


def test_the_split_hangs_on_the_seed_alone_and_not_on_the_order_of_the_faces():
    faces = crowd(30)
    backwards = FaceSet(faces.embeddings[::-1], faces.targets[::-1], faces.identities[::-1])
    splits = [split_by_identity(f, np.random.default_rng(5)) for f in (faces, faces, backwards)]
    test_people = [set(split.test.identities) for split in splits]
    assert test_people[0] == test_people[1] == test_people[2]
    other = split_by_identity(faces, np.random.default_rng(6))
    assert set(other.test.identities) != test_people[0]


@pytest.mark.parametrize("people", [0, 1, 2])
def test_fewer_than_three_people_are_refused(people):
    with pytest.raises(TrainingDataError, match=f"of {people} classes; at least 3") as caught:
        split_by_identity(crowd(people), np.random.default_rng(0))
    assert isinstance(caught.value, ValueError)


def test_a_selection_keeps_faces_and_names_together():
    faces = crowd(3, each=2)
    chosen = np.array([True, False, False, True, False, True])
    kept = faces.select(chosen)
    assert kept.identities == ("person 0", "person 0", "person 2")
    assert kept.embeddings[:, 0].tolist() == [0, 3, 5]
    assert len(kept) == len(kept.targets) == 3


def test_a_face_is_told_apart_by_its_person(tmp_path):
    assert Face(tmp_path, "one") != Face(tmp_path, "another")


# --- by image ---


def test_the_images_of_each_class_are_divided():
    faces = crowd(10, each=30)
    split = split_by_image(faces, np.random.default_rng(0))
    for side, each in zip(sides_of(split), (24, 3, 3), strict=True):
        assert np.unique(side.identities, return_counts=True)[1].tolist() == [each] * 10
    photographs = np.concatenate([side.embeddings[:, 0] for side in sides_of(split)])
    assert sorted(photographs) == list(range(len(faces)))
    assert split.apart.identities == split.validation.identities + split.test.identities


def test_equal_images_are_on_one_side_in_any_order_of_the_faces():
    faces = crowd(2, each=20)
    faces.embeddings[:] = faces.embeddings // 4  # each image of a class twice, in two classes
    backwards = FaceSet(faces.embeddings[::-1], faces.targets[::-1], faces.identities[::-1])
    for seed in range(5):
        sides = [
            sides_of(split_by_image(f, np.random.default_rng(seed))) for f in (faces, backwards)
        ]
        keys = [
            [set(zip(side.identities, side.embeddings[:, 0], strict=True)) for side in one]
            for one in sides
        ]
        assert keys[0] == keys[1]
        assert sum(map(len, keys[0])) == len(set.union(*keys[0])) == 20


def test_an_image_of_two_classes_is_on_one_side():
    faces = crowd(2, each=20)
    both = FaceSet(faces.embeddings % 20, faces.targets, faces.identities)  # each in either class
    for seed in range(5):
        sides = sides_of(split_by_image(both, np.random.default_rng(seed)))
        held = [set(side.embeddings[:, 0].tolist()) for side in sides]
        assert all(not a & b for i, a in enumerate(held) for b in held[:i])
        assert all(held)


def test_a_class_of_one_image_is_trained_on_and_too_few_images_are_refused():
    faces = crowd(2, each=10)
    alone = FaceSet(np.full((1, 1), 99, np.float32), faces.targets[:1], ("alone",))
    split = split_by_image(faces.joined(alone), np.random.default_rng(0))
    assert "alone" in split.train.identities
    assert [len(side) for side in sides_of(split)] == [17, 2, 2]
    with pytest.raises(TrainingDataError, match="no class has 3 different images"):
        split_by_image(crowd(9, each=2), np.random.default_rng(0))


@pytest.mark.parametrize("n", [2, 10, FEW - 1, FEW, 100])
def test_few_classes_are_split_by_image_and_many_by_identity(n):
    split = split_faces(crowd(n), np.random.default_rng(0))
    assert split.by == ("image" if n < FEW else "identity")
    held = set(split.validation.identities) | set(split.test.identities)
    assert (held <= set(split.train.identities)) == (n < FEW)
    assert len(set(split.test.identities)) > 1  # so that it gives pairs of two
    for by in ("identity", "image")[n < 3 :]:
        assert split_faces(crowd(n), np.random.default_rng(0), by).by == by


def test_one_class_and_no_way_to_split_are_refused():
    with pytest.raises(TrainingDataError, match="4 images are of 1 class; at least 2"):
        split_faces(crowd(1), np.random.default_rng(0))
    with pytest.raises(ParameterError, match="by 'identity' or by 'image'"):
        split_faces(crowd(5), np.random.default_rng(0), "person")
