"""The engine's numpy against the literal oracles."""

import numpy as np
import pytest

from lpel_serving.equations.agreement import intersection_over_union, spearman
from lpel_serving.equations.decision import Decision
from lpel_serving.equations.heatmap import heat_map, normalise
from lpel_serving.equations.mask import mask
from lpel_serving.equations.normalisation import min_max
from lpel_serving.equations.perturbation import perturb
from lpel_serving.equations.relevance import feature_distance, relevance
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.explanation import explain_embeddings
from oracles import equations

pytestmark = pytest.mark.oracle

SEEDS = range(6)
DIMENSIONS = (1, 2, 3, 7, 32)
KINDS = ("normal", "ties", "equal", "zero", "far", "unit")


def embeddings(kind: str, dimension: int, seed: int) -> np.ndarray:
    """Two embeddings, float32, shape (2, D)."""
    rng = np.random.default_rng((seed, dimension))
    normal = rng.normal(size=(2, dimension))
    values = {
        "normal": normal,
        "ties": rng.integers(-2, 3, (2, dimension)),
        "equal": np.stack([np.ones(dimension), np.ones(dimension) + 0.5]),
        "zero": np.stack([np.zeros(dimension), normal[1]]),
        "far": normal * 1e4,
        "unit": normal / np.linalg.norm(normal, axis=1, keepdims=True),
    }[kind]
    return values.astype(np.float32)


def close(received, expected, atol: float = 2e-6) -> None:
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, rtol=2e-6, atol=atol)


pairs = pytest.mark.parametrize("kind", KINDS)
sizes = pytest.mark.parametrize("dimension", DIMENSIONS)
seeds = pytest.mark.parametrize("seed", SEEDS)


@pairs
@sizes
@seeds
def test_feature_distance_is_equation_4_2(kind, dimension, seed):
    h_r, h_t = embeddings(kind, dimension, seed)
    expected = equations.feature_distance(h_r.tolist(), h_t.tolist())
    close(feature_distance(h_r, h_t), expected)


@pairs
@sizes
@seeds
def test_min_max_is_equation_4_3(kind, dimension, seed):
    values = embeddings(kind, dimension, seed)[0]
    close(min_max(values, axes=(-1,)), equations.normalised(values.tolist()))


@pytest.mark.parametrize("similar", [True, False])
@pairs
@sizes
@seeds
def test_relevance_is_equation_4_4(kind, dimension, seed, similar):
    h_r, h_t = embeddings(kind, dimension, seed)
    expected = equations.relevance(h_r.tolist(), h_t.tolist(), similar)
    close(relevance(h_r, h_t, similar), expected, atol=1e-5)


@seeds
def test_relevance_of_many_pairs_is_that_of_each(seed):
    rng = np.random.default_rng(seed)
    h_r, h_t = rng.normal(size=(2, 9, 5)).astype(np.float32)
    h_t[3] = h_r[3]
    similar = rng.random(9) < 0.5
    expected = [
        equations.relevance(r.tolist(), t.tolist(), bool(s))
        for r, t, s in zip(h_r, h_t, similar, strict=True)
    ]
    received = relevance(h_r, h_t, similar)
    assert received.shape == (9, 5)
    close(received, expected)


@pytest.mark.parametrize(("similar", "expected"), [(True, 1.0), (False, 0.0)])
@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_all_distances_equal_normalise_to_zero(similar, expected, offset):
    h_r = np.array([1.0, -2.0, 4.0], np.float32)
    np.testing.assert_array_equal(relevance(h_r, h_r + np.float32(offset), similar), [expected] * 3)


@pytest.mark.parametrize("p", [0.01, 0.3, 1.0, 20.0])
@pairs
@sizes
def test_perturb_is_equation_4_5(kind, dimension, p):
    h_r, h_t = embeddings(kind, dimension, 0)
    r = relevance(h_r, h_t, similar=False)
    close(perturb(h_t, r, p), equations.perturbed(h_t.tolist(), r.tolist(), p))


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3, 3), (5, 4, 1), (8, 8, 3)])
@seeds
def test_heat_map_is_equation_4_6(shape, seed):
    x, x_p = np.random.default_rng(seed).normal(size=(2, *shape)).astype(np.float32)
    close(heat_map(x, x_p), equations.heat_map(x.tolist(), x_p.tolist()))
    many = heat_map(np.stack([x, x_p]), np.stack([x_p, x_p]))
    assert many.shape == (2, *shape[:2])
    np.testing.assert_array_equal(many[0], heat_map(x, x_p))
    np.testing.assert_array_equal(many[1], 0)


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 3), (8, 8)])
@seeds
def test_mask_is_equation_4_7(shape, seed, epsilon):
    values = np.random.default_rng(seed).random(shape).astype(np.float32)
    received = mask(values, epsilon)
    assert received.dtype == np.bool_
    np.testing.assert_array_equal(received, equations.mask(values.tolist(), epsilon))


@pytest.mark.parametrize("epsilon", [0.0, 0.25, 0.5, 0.75])
def test_a_change_equal_to_the_threshold_is_not_selected(epsilon):
    values = np.arange(9, dtype=np.float32).reshape(3, 3) / 8
    received = mask(values, epsilon)
    np.testing.assert_array_equal(received, values > epsilon)
    np.testing.assert_array_equal(received, equations.mask(values.tolist(), epsilon))


def test_each_of_many_heat_maps_is_normalised_by_itself():
    maps = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    maps *= np.array([1, 10, 100], np.float32)[:, None, None]
    maps[2] = 7
    received = normalise(maps)
    for i in range(3):
        flat = equations.normalised(maps[i].ravel().tolist())
        close(received[i].ravel(), flat)
    np.testing.assert_array_equal(mask(maps, 0.7)[2], False)


@pairs
@sizes
@seeds
def test_cosine_similarity_is_equation_5_1(kind, dimension, seed):
    h_i, h_j = embeddings(kind, dimension, seed)
    close(cosine_similarity(h_i, h_j), equations.cosine_similarity(h_i.tolist(), h_j.tolist()))


def test_cosine_similarity_of_many_pairs_is_that_of_each():
    h_i, h_j = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    h_i[2] = 0
    received = cosine_similarity(h_i, h_j)
    assert received.shape == (6,)
    expected = [
        equations.cosine_similarity(a.tolist(), b.tolist()) for a, b in zip(h_i, h_j, strict=True)
    ]
    close(received, expected)
    assert received[2] == 0


@pytest.mark.parametrize(
    ("similarity", "threshold", "similar"),
    [(0.5, 0.25, True), (0.25, 0.25, False), (0.0, 0.25, False), (-1.0, -1.0, False)],
)
def test_similar_is_strictly_above_the_threshold(similarity, threshold, similar):
    assert Decision(similarity, threshold).similar is similar


@pytest.mark.parametrize("levels", [2, 3, 10, 10**6])
@pytest.mark.parametrize("shape", [(2,), (3,), (4, 4), (6, 5)])
@seeds
def test_spearman_is_the_correlation_of_mean_ranks(shape, seed, levels):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, levels, (2, *shape)).astype(np.float32)
    expected = equations.spearman(a.ravel().tolist(), b.ravel().tolist())
    assert spearman(a, b) == pytest.approx(expected, abs=1e-12)


def test_spearman_of_a_constant_map_is_zero():
    rising = np.arange(4, dtype=np.float32)
    assert spearman(np.ones(4, np.float32), rising) == 0
    assert spearman(rising, rising**3) == 1
    assert spearman(rising, -rising) == -1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
@seeds
def test_iou_is_intersection_over_union(seed, share):
    a, b = np.random.default_rng(seed).random((2, 4, 5)) < share
    expected = equations.intersection_over_union(a.tolist(), b.tolist())
    assert intersection_over_union(a, b) == pytest.approx(expected, abs=1e-15)


@seeds
@pytest.mark.parametrize("similar", [True, False])
def test_an_explanation_is_the_equations_in_a_row(seed, similar):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(5, 4 * 4 * 3)).astype(np.float32)

    def decode(h: np.ndarray) -> np.ndarray:
        return (h @ kernel).reshape(-1, 4, 4, 3)

    h_r, h_t = rng.normal(size=(2, 1, 5)).astype(np.float32)
    (received,) = explain_embeddings(decode, h_r, h_t, np.array([similar]), p=0.5, epsilon=0.6)
    r = equations.relevance(h_r[0].tolist(), h_t[0].tolist(), similar)
    h_p = np.array([equations.perturbed(h_t[0].tolist(), r, 0.5)], np.float32)
    x, x_p = decode(h_t)[0], decode(h_p)[0]
    heat = equations.heat_map(x.tolist(), x_p.tolist())
    np.testing.assert_allclose(received.relevance, r, atol=1e-6)
    np.testing.assert_allclose(received.reconstruction, x, atol=1e-5)
    np.testing.assert_allclose(received.perturbed_reconstruction, x_p, atol=1e-5)
    np.testing.assert_allclose(received.heat_map, heat, atol=1e-5)
    np.testing.assert_array_equal(received.mask, equations.mask(heat, 0.6))
