"""Test images beside the prototypes of their classes."""

import numpy as np
import pytest

from lpel_tf.research.harness.prototype_pairs import draw_prototype_pairs
from support.reproduction import THRESHOLD, laboratory, write_faces


@pytest.fixture(scope="module")
def main(tmp_path_factory):
    home = tmp_path_factory.mktemp("prototypes")
    faces = write_faces(home / "faces", people=24, each=7)
    return laboratory(faces, home / "out", home / "cache").main


def drawn(people, n=50, threshold=THRESHOLD, seed=0):
    return draw_prototype_pairs(people, n, threshold=threshold, rng=np.random.default_rng(seed))


def test_a_prototype_is_of_all_images_of_the_class_but_the_one_explained(main):
    everyone = main.everyone
    place = {photograph.source: i for i, photograph in enumerate(everyone.photographs)}
    found = drawn(main)
    assert len(found.pairs) > 5
    for pair, h_r, h_t in zip(found.pairs.pairs, found.pairs.h_r, found.pairs.h_t, strict=True):
        test, reference = place[pair.test], place[pair.reference]
        who = everyone.identities[test]
        rest = [i for i, one in enumerate(everyone.identities) if one == who and i != test]
        assert reference in rest
        assert everyone.photographs[test] in main.split.test.photographs
        np.testing.assert_array_equal(h_t, everyone.embeddings[test])
        np.testing.assert_allclose(h_r, everyone.embeddings[rest].mean(axis=0), atol=1e-6)
        assert main.compared.comparison.similarity(h_r, h_t) > THRESHOLD


def test_the_other_prototype_is_of_another_class(main):
    everyone = main.everyone
    classes = sorted(set(everyone.identities))
    of = {
        name: everyone.embeddings[np.array(everyone.identities) == name].mean(axis=0)
        for name in classes
    }
    names = {
        photograph.source: who
        for photograph, who in zip(everyone.photographs, everyone.identities, strict=True)
    }
    found = drawn(main)
    for pair, another in zip(found.pairs.pairs, found.another, strict=True):
        nearest = min(classes, key=lambda name: np.abs(of[name] - another).max())
        np.testing.assert_allclose(another, of[nearest], atol=1e-6)
        assert nearest != names[pair.test]


def test_the_first_images_are_of_different_classes(main):
    names = {photograph.source: photograph.identity for photograph in main.everyone.photographs}
    held_out = len(set(main.split.test.identities))
    first = [names[pair.test] for pair in drawn(main, threshold=-1).pairs.pairs[:held_out]]
    assert len(set(first)) == held_out > 1


def test_so_many_are_drawn_and_the_same_again(main):
    found, again = drawn(main, n=3), drawn(main, n=3)
    assert len(found.pairs) == 3
    assert found.pairs.pairs == again.pairs.pairs
    np.testing.assert_array_equal(found.another, again.another)
    assert drawn(main, n=3, seed=1).pairs.pairs != found.pairs.pairs


def test_with_nothing_similar_or_small_classes_there_are_none(main, tmp_path):
    assert drawn(main, threshold=1.5) is None
    faces = write_faces(tmp_path / "faces", people=24, each=5)
    assert drawn(laboratory(faces, tmp_path / "out", tmp_path / "cache").main) is None
