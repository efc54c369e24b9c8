"""Responses and the evidence of them against the literal oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.attribution import (
    RIDGE,
    SMOOTHNESS,
    evidence_for_difference,
    evidence_for_likeness,
    fit_responses,
    spatial_kernel,
)
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.similarity import unit
from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.measured.coalitions import Coalitions, measured_responses
from lpel_serving.methods.measured.embedding_losses import draw_coalitions, embedding_losses
from lpel_serving.methods.measured.hybrid import Hybrid
from oracles import oracle_responses as oracle
from support.analytic import no_decoder, pair_of
from support.images import pixels
from support.strategies import few

pytestmark = pytest.mark.oracle

SIDE, DIMENSION = 4, 5
SUPERPIXELS = SIDE**2
BLACK = Fill("black")


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def embed(crops: np.ndarray) -> np.ndarray:
    """Not linear: what a superpixel does hangs on the others."""
    flat = crops.reshape(len(crops), -1) / 255
    kernel = generator(flat.shape[1]).normal(size=(flat.shape[1], DIMENSION))
    return np.tanh(flat @ kernel / 3 + 0.2).astype(np.float32)


def embed_lists(image: list) -> list[float]:
    return embed(np.array([image], np.uint8))[0].tolist()


def respond(embeddings: np.ndarray) -> np.ndarray:
    kernel = generator(9).normal(size=(DIMENSION, SUPERPIXELS * DIMENSION)) / 20
    return (embeddings @ kernel).reshape(-1, SUPERPIXELS, DIMENSION).astype(np.float32)


NETWORKS = AssembledNetworks(embed, no_decoder, respond)


def normals(seed: int, *shape: int) -> np.ndarray:
    return generator(seed).normal(size=shape).astype(np.float32)


@few
@given(
    st.sampled_from([1, 7, 60]),
    st.sampled_from([2, 3, 5]),
    st.sampled_from([(RIDGE, SMOOTHNESS), (0.01, 0.4), (5.0, 1.1), (0.2, 0)]),
    st.booleans(),
)
def test_fitted_responses_are_the_oracles(count, side, strengths, with_prior):
    ridge, smoothness = strengths
    coalitions = draw_coalitions(generator(count), count, side**2, 0.6)
    losses = normals(1, count, 3)
    prior = normals(2, side**2, 3) if with_prior else None
    received = fit_responses(coalitions, losses, prior, ridge=ridge, smoothness=smoothness)
    assert received.dtype == np.float32
    expected = oracle.fitted(
        coalitions.tolist(),
        losses.tolist(),
        (prior if with_prior else np.zeros((side**2, 3))).tolist(),
        side,
        ridge,
        smoothness,
    )
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)


def test_coalitions_of_nobody_say_nothing_but_count_in_the_mean():
    coalitions = draw_coalitions(generator(), 5, 9)
    coalitions[[1, 3]] = False
    losses, prior = normals(1, 5, 3), normals(2, 9, 3)
    received = fit_responses(coalitions, losses, prior)
    expected = oracle.fitted(
        coalitions.tolist(), losses.tolist(), prior.tolist(), 3, RIDGE, SMOOTHNESS
    )
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_no_other_responses_make_the_oracles_objective_less():
    coalitions, losses = draw_coalitions(generator(), 12, 9), normals(1, 12, 2)
    prior = normals(2, 9, 2)
    received = fit_responses(coalitions, losses, prior).astype(np.float64)

    def objective(responses):
        return oracle.objective(
            coalitions.tolist(),
            losses.tolist(),
            responses.tolist(),
            prior.tolist(),
            3,
            RIDGE,
            SMOOTHNESS,
        )

    least = objective(received)
    for seed in range(20):
        for size in (1e-2, 1):
            assert objective(received + size * generator(seed).normal(size=(9, 2))) > least


@few
@given(st.integers(1, 8), st.just(0) | st.floats(0.2, 3))
def test_the_spatial_kernel_is_the_oracles(side, smoothness):
    np.testing.assert_allclose(
        spatial_kernel(side**2, smoothness), oracle.kernel(side, smoothness), atol=1e-15
    )


def test_evidence_for_likeness_is_the_oracles_of_one_reference_and_of_many():
    responses, h_r = normals(1, 9, 6), unit(normals(2, 4, 6))
    expected = [oracle.for_likeness(responses.tolist(), one) for one in h_r.tolist()]
    many = evidence_for_likeness(responses, h_r)
    assert (many.shape, many.dtype) == ((4, 9), np.float32)
    np.testing.assert_allclose(many, expected, atol=1e-6)
    one = evidence_for_likeness(responses, h_r[2])
    assert (one.shape, one.dtype) == ((9,), np.float32)
    np.testing.assert_allclose(one, expected[2], atol=1e-6)


def test_evidence_for_difference_is_half_the_fall_of_the_squared_distance():
    of_t, of_r = normals(1, 9, 6), normals(2, 9, 6)
    h_t, h_r = unit(normals(3, 2, 6))
    expected = oracle.for_difference(of_t.tolist(), of_r.tolist(), h_t.tolist(), h_r.tolist())
    received = evidence_for_difference(of_t, of_r, h_t, h_r)
    assert (received.shape, received.dtype) == ((9,), np.float32)
    np.testing.assert_allclose(received, expected, atol=1e-5)


@pytest.mark.parametrize("size", [16, 18])
@pytest.mark.parametrize("name", ["black", "white", "mean", "blur"])
def test_losses_of_coalitions_are_the_oracles(size, name):
    image, fill = pixels(3, size), Fill(name)
    coalitions = draw_coalitions(generator(1), 40, SUPERPIXELS)
    (h,) = embed(image[np.newaxis])
    received = embedding_losses(embed, COSINE, image, h, coalitions, [fill], generator(2))
    new = fill(image, generator()).tolist()
    expected = oracle.lost(embed_lists, image.tolist(), new, coalitions.tolist(), SIDE)
    assert (received.shape, received.dtype) == ((40, DIMENSION), np.float32)
    np.testing.assert_allclose(received, expected, atol=1e-6)


# The methods, put together from the oracle's parts


def measured(image: np.ndarray, count: int, rng: np.random.Generator, prior=None) -> list:
    coalitions = draw_coalitions(rng, count, SUPERPIXELS).tolist()
    rng.integers(0, 1, count)  # which of one fill
    losses = oracle.lost(embed_lists, image.tolist(), (0 * image).tolist(), coalitions, SIDE)
    expected = np.zeros((SUPERPIXELS, DIMENSION)) if prior is None else prior
    return oracle.fitted(coalitions, losses, expected.tolist(), SIDE, RIDGE, SMOOTHNESS)


def evidence(pair, of_test: list, of_reference: list | None) -> np.ndarray:
    h_t, h_r = oracle.unit(pair.h_t.tolist()), oracle.unit(pair.h_r.tolist())
    if pair.similar:
        values = oracle.for_likeness(of_test, h_r)
    else:
        values = oracle.for_difference(of_test, of_reference, h_t, h_r)
    return np.reshape(values, (SIDE, SIDE))


@pytest.mark.parametrize("similar", [True, False])
def test_responses_coalitions_and_hybrid_are_the_oracles(similar):
    pair = pair_of(pixels(0), pixels(1), embed, similar)
    told_t, told_r = respond(np.stack([pair.h_t, pair.h_r]))
    received = Responses(SIDE)(pair, NETWORKS, generator())
    expected = evidence(pair, told_t.tolist(), told_r.tolist())
    np.testing.assert_allclose(received, expected, atol=1e-6)
    again = generator(5).integers(2**62)  # both images lose the same
    of_test = measured(pair.test, 30, generator(again))
    of_reference = None if similar else measured(pair.reference, 30, generator(again))
    received = Coalitions(30, SIDE, BLACK, SIDE)(pair, NETWORKS, generator(5))
    expected = evidence(pair, of_test, of_reference)
    np.testing.assert_allclose(received, expected, atol=1e-5)
    again = generator(6).integers(2**62)
    of_test = measured(pair.test, 10, generator(again), told_t)
    of_reference = None if similar else measured(pair.reference, 10, generator(again), told_r)
    received = Hybrid(10, BLACK, SIDE)(pair, NETWORKS, generator(6))
    expected = evidence(pair, of_test, of_reference)
    np.testing.assert_allclose(received, expected, atol=1e-5)


def test_measured_responses_are_the_oracles():
    image = pixels(4)
    (h,) = embed(image[np.newaxis])
    received = measured_responses(NETWORKS, image, h, 25, SIDE, [BLACK], generator(7))
    assert (received.shape, received.dtype) == ((SUPERPIXELS, DIMENSION), np.float32)
    np.testing.assert_allclose(received, measured(image, 25, generator(7)), atol=1e-5)
