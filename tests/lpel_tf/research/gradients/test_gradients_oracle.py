"""Gradients of Keras networks, and the methods made of them, against finite differences."""

from functools import partial

import numpy as np
import pytest

from lpel_tf.research.gradients import (
    Differentiable,
    Fggb,
    GradCam,
    Sensitivity,
    Xssab,
    feature_guided_map,
    gradient_maps,
)
from lpel_tf.research.gradients.fggb import blur
from oracles import gradients as oracle
from support.differentiable import BLOCK, FEATURES, SIDE, generator, kernels, network, pair_for
from support.images import pixels

pytestmark = pytest.mark.oracle

THETA = 0.3
CASES = [
    (key, activation)
    for key in ("none", "unit", "fixed", "per image")
    for activation in ("linear", "relu")
]


class Case:
    """A network in Keras and in numpy, and a pair for it."""

    def __init__(self, key, activation):
        colours, embedding = kernels()
        self.differentiable = Differentiable(network(colours, embedding, activation), key, chunk=2)
        self.embedding = embedding.astype(np.float64)
        self.both = partial(
            oracle.network,
            colours=colours.astype(np.float64),
            embedding=self.embedding,
            key=key,
            rectify=activation == "relu",
            block=BLOCK,
        )
        self.reference, self.test = pixels(1, SIDE), pixels(2, SIDE)
        self.x = self.test.astype(np.float64)
        self.e_r = self.embed(self.reference.astype(np.float64))

    def embed(self, x):
        return self.both(x)[0]

    def pair(self, similar=True):
        return pair_for(self.differentiable, self.reference, self.test, similar)


@pytest.fixture(scope="module", params=CASES, ids=[" ".join(case) for case in CASES])
def case(request):
    return Case(*request.param)


def close(received, expected):
    assert received.dtype == np.float32
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(received, expected, rtol=1e-3, atol=tolerance)


def test_embeddings(case):
    received = case.differentiable.embed(np.stack([case.reference, case.test]))
    close(received, np.stack([case.e_r, case.embed(case.x)]))


def test_gradients(case):
    upstream = generator().normal(size=(3, FEATURES)).astype(np.float32)
    received = case.differentiable.gradients(case.test, upstream)
    for u, one in zip(upstream, received, strict=True):
        close(one, oracle.differences(lambda x, u=u: float(case.embed(x) @ u), case.x, 1e-3))


@pytest.mark.parametrize("power", [1, 2])
def test_sensitivity(case, power):
    received = Sensitivity(case.differentiable, power)(case.pair(), None, generator())
    close(received, oracle.sensitivity(case.embed, case.x, case.e_r, power))


@pytest.mark.parametrize("theta", [-0.4, THETA, 1])
def test_xssab(case, theta):
    received = Xssab(case.differentiable, theta)(case.pair(), None, generator())
    close(received, oracle.xssab(case.embed, case.x, case.e_r, theta))


def test_the_gradient_maps_of_fggb(case):
    received = gradient_maps(case.differentiable, case.test)
    close(received, np.stack(oracle.gradient_maps(case.embed, case.x, FEATURES)))


@pytest.mark.parametrize("similar", [True, False])
def test_fggb(case, similar):
    received = Fggb(case.differentiable, THETA)(case.pair(similar), None, generator())
    plain = oracle.fggb(case.embed, case.x, case.e_r, THETA)
    expected = oracle.blurred(plain, 1, 5 * SIDE / 112)
    close(received, expected if similar else -expected)


@pytest.mark.parametrize("similar", [True, False])
def test_grad_cam(case, similar):
    received = GradCam(case.differentiable, "features")(case.pair(similar), None, generator())
    features = case.both(case.x)[1]
    close(received, oracle.grad_cam(features, case.embedding, case.e_r, similar))


@pytest.mark.parametrize(("size", "radius"), [(6, 1), (28, 3), (56, 6)])
def test_the_blur_of_gradient_maps_is_the_oracles(size, radius):
    values = generator().normal(size=(size, size)).astype(np.float32)
    close(blur(values), oracle.blurred(values.astype(np.float64), radius, 5 * size / 112))


def test_the_map_of_given_gradient_maps():
    rng = generator()
    maps = np.abs(rng.normal(size=(4, 8, 8))).astype(np.float32)
    h_r, h_t = rng.normal(size=(2, 4)).astype(np.float32)
    e_r, e_t = oracle.unit(h_r.astype(np.float64)), oracle.unit(h_t.astype(np.float64))
    plain = sum(maps[k] * (e_r[k] * e_t[k] - THETA / 4) for k in range(4))
    close(feature_guided_map(maps, h_r, h_t, THETA), oracle.blurred(plain, 1, 5 * 8 / 112))
