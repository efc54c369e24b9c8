"""What an epoch draws: classes, pairs and triplets as they must be, and negatives by their rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.support.errors import ParameterError
from lpel_tf.siamese.drawing import Classes, draw_pairs, draw_singles, draw_triplets
from lpel_tf.support.errors import TrainingDataError
from support.strategies import few

D, ALPHA = 4, 0.5

identities = st.lists(st.sampled_from("abcdefg"), min_size=3, max_size=40).filter(
    lambda names: 2 <= len(set(names)) < len(names)
)


def embeddings_of(names, seed=0):
    return np.random.default_rng(seed).normal(size=(len(names), D)).astype(np.float32)


@few
@given(identities, st.integers(1, 60))
def test_pairs_are_alternately_of_one_class_and_of_two(names, n):
    classes = Classes.of(names)
    drawn = draw_pairs(classes, n, np.random.default_rng(n))
    assert drawn.places.shape == (n, 2)
    first, second = classes.labels[drawn.places].T
    np.testing.assert_array_equal(drawn.targets, first != second)
    np.testing.assert_array_equal(drawn.targets, np.arange(n) % 2)
    assert (drawn.places[:, 0] != drawn.places[:, 1]).all()


@few
@given(identities, st.sampled_from(["random", "semi-hard", "hard"]))
def test_every_image_that_has_another_of_its_class_is_once_an_anchor(names, hardness):
    classes = Classes.of(names)
    h = embeddings_of(names)
    drawn = draw_triplets(classes, h, np.random.default_rng(1), hardness=hardness, alpha=ALPHA)
    anchors, positives, negatives = drawn.places.T
    alone = [i for i, name in enumerate(names) if names.count(name) == 1]
    assert sorted(anchors.tolist()) == sorted(set(range(len(names))) - set(alone))
    assert (anchors != positives).all()
    assert (classes.labels[anchors] == classes.labels[positives]).all()
    assert (classes.labels[anchors] != classes.labels[negatives]).all()


def distance(h, a, b):
    return sum((float(x) - float(y)) ** 2 for x, y in zip(h[a], h[b], strict=True))


@pytest.mark.parametrize("hardness", ["semi-hard", "hard"])
def test_negatives_are_those_of_the_definition(hardness):
    names = [f"{i % 5}" for i in range(60)]
    h = embeddings_of(names, 3) / 2
    classes = Classes.of(names)
    drawn = draw_triplets(classes, h, np.random.default_rng(2), hardness=hardness, alpha=ALPHA)
    semi_hard = 0
    for a, p, n in drawn.places.tolist():
        others = [i for i in range(60) if names[i] != names[a]]
        if hardness == "semi-hard":
            d_p = distance(h, a, p)
            others = [i for i in others if d_p < distance(h, a, i) < d_p + ALPHA]
            semi_hard += bool(others)
            if not others:
                continue  # a random one
        assert distance(h, a, n) == pytest.approx(min(distance(h, a, i) for i in others))
    assert hardness == "hard" or 10 < semi_hard < 60


def test_blocks_of_anchors_give_what_all_at_once_do(monkeypatch):
    names = [f"{i % 3}" for i in range(50)]
    given_all = (Classes.of(names), embeddings_of(names))
    whole = draw_triplets(*given_all, np.random.default_rng(0), hardness="hard")
    monkeypatch.setattr("lpel_tf.siamese.drawing._AT_ONCE", 7)
    parts = draw_triplets(*given_all, np.random.default_rng(0), hardness="hard")
    np.testing.assert_array_equal(whole.places, parts.places)


def test_singles_are_every_image_once_with_its_class():
    classes = Classes.of(["b", "a", "b", "c"])
    drawn = draw_singles(classes, np.random.default_rng(0))
    assert sorted(drawn.places[:, 0].tolist()) == [0, 1, 2, 3]
    np.testing.assert_array_equal(drawn.targets, classes.labels[drawn.places[:, 0]])


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"], ["a", "b"]])
def test_too_few_classes_or_images_are_refused(names):
    with pytest.raises(TrainingDataError, match="images of two classes or more"):
        Classes.of(names)


def test_a_hardness_that_is_none_is_refused():
    names = ["a", "a", "b"]
    with pytest.raises(ParameterError, match="negatives are random, semi-hard, hard"):
        draw_triplets(
            Classes.of(names), embeddings_of(names), np.random.default_rng(0), hardness="soft"
        )
