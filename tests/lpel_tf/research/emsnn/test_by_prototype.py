"""EMSNN by a prototype, LPEL beside it, and the prototype of another class as the control."""

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.emsnn.by_prototype import (
    EMSNN,
    LPEL,
    explain_by_prototype,
    features_perturbed,
    methods,
)
from lpel_tf.research.emsnn.prototypes import prototypes

D, SIDE = 6, 4
CROP = np.zeros((8, 8, 3), np.uint8)


def decoder(seed):
    kernel = np.random.default_rng(seed).normal(size=(D, SIDE * SIDE * 3)).astype(np.float32)
    return lambda h: (h @ kernel).reshape(len(h), SIDE, SIDE, 3)


NETWORKS = AssembledNetworks(
    lambda crops: np.zeros((len(crops), D), np.float32), decoder(1), comparison=COSINE
)
OWN = np.array([1, 0.9, 0, 0, 0, 0.1], np.float32)
ANOTHER = np.array([0, 0.1, 1, 0.8, 0, 0], np.float32)
TEST = np.array([0.9, 1, 0.1, 0.2, 0.1, 0], np.float32)


@pytest.mark.parametrize(
    ("dimension", "wanted"), [(512, 100), (499, 99), (128, 25), (32, 6), (5, 1), (2, 1)]
)
def test_a_fifth_of_the_features_is_perturbed_and_at_most_the_thesis_number(dimension, wanted):
    assert features_perturbed(dimension) == wanted


def test_prototypes_are_the_means_of_their_classes():
    h = np.random.default_rng(2).normal(size=(7, D)).astype(np.float32)
    given = prototypes(h, {"a": [0, 2, 5], "b": [1, 6]})
    assert given.dtype == np.float32
    np.testing.assert_allclose(given[0], (h[0] + h[2] + h[5]) / 3, atol=1e-6)
    np.testing.assert_allclose(given[1], (h[1] + h[6]) / 2, atol=1e-6)
    with pytest.raises(ParameterError, match="at least one class"):
        prototypes(h, {})
    with pytest.raises(ParameterError, match="at least one embedding"):
        prototypes(h, {"a": []})


def explained(another=ANOTHER, seed=0, k=2):
    chosen = methods(decoder(3), k)
    return explain_by_prototype(NETWORKS, chosen, (CROP, TEST), OWN, another, (seed,))


def test_each_method_has_its_decoder_and_its_prototype():
    found = explained()
    emsnn = methods(decoder(3), 2)[EMSNN]
    assert set(found.own) == set(found.another) == {LPEL, EMSNN}
    for maps in (found.own, found.another):
        assert all(one.shape == (SIDE, SIDE) for one in maps.values())
    # EMSNN by hand: the two features nearest to the prototype's are 0 and 1, changed 50 times.
    steps = np.random.default_rng((0,)).normal(0, emsnn.method.scale, (50, 2)).astype(np.float32)
    changed = np.repeat(TEST[np.newaxis], 50, axis=0)
    nearest = np.argsort(np.abs(OWN - TEST), kind="stable")[:2]
    changed[:, nearest] += steps
    gone = np.abs(decoder(3)(changed) - decoder(3)(TEST[np.newaxis])).mean(axis=(0, 3))
    np.testing.assert_allclose(found.own[EMSNN], gone, rtol=1e-4)
    assert not np.allclose(found.own[EMSNN], found.another[EMSNN])
    assert not np.allclose(found.own[LPEL], found.another[LPEL])


def test_the_control_is_the_map_itself_where_the_prototypes_are_alike():
    found = explained(another=OWN)
    for name in (LPEL, EMSNN):
        np.testing.assert_array_equal(found.own[name], found.another[name])


def test_where_all_features_are_perturbed_the_prototype_does_not_matter():
    limit = methods(decoder(3), D, draws=20_000)
    found = explain_by_prototype(NETWORKS, limit, (CROP, TEST), OWN, ANOTHER, (0,))
    np.testing.assert_allclose(found.own[EMSNN], found.another[EMSNN], rtol=0.03)


def test_the_same_seed_gives_the_same_maps():
    np.testing.assert_array_equal(explained().own[EMSNN], explained().own[EMSNN])
    assert not np.array_equal(explained().own[EMSNN], explained(seed=1).own[EMSNN])
