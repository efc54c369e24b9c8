"""The laboratory's curves, EMSNN and prototypes against the literal oracles."""

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.superpixels import descending, superpixel_sums
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import (
    area,
    counts,
    normalise_falling,
    normalise_rising,
    prefixes,
)
from lpel_serving.faithfulness.judgement import areas, normalised
from lpel_serving.methods.decoded.emsnn import Emsnn, closest, half_normal_mean, mean_change
from lpel_serving.methods.measured.replacement import replacement
from lpel_tf.research.emsnn.prototypes import prototype
from oracles import curves
from support.images import pixels
from support.networks import Fixed, Linear, face_pair

pytestmark = pytest.mark.oracle

SEEDS = range(2)
seeds = pytest.mark.parametrize("seed", SEEDS)


def embedding_of(networks):
    """The network for one image as nested lists."""
    return lambda image: networks.embed(np.array([image], np.uint8))[0].tolist()


def alike(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and the same with some noise."""
    noise = np.random.default_rng((seed, 1)).integers(-60, 61, (size, size, 3))
    return pixels(seed, size), np.clip(pixels(seed, size) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("size", "superpixel"), [(40, 5), (40, 8), (12, 3), (8, 1), (6, 3)])
@seeds
def test_superpixel_sums_and_their_order_are_those_of_section_4_2(size, superpixel, seed):
    values = np.random.default_rng(seed).normal(size=(size, size)).astype(np.float32)
    expected = curves.superpixel_sums(values.tolist(), superpixel)
    received = superpixel_sums(values, size // superpixel)
    np.testing.assert_allclose(received, expected, atol=1e-9)
    order = descending(received, np.random.default_rng(0))
    assert order.tolist() == curves.order(expected)


@pytest.mark.parametrize("fill", ["normal", "uniform", "grey", "black", "white", "mean", "blur"])
@pytest.mark.parametrize(("size", "side"), [(40, 8), (16, 4)])
@seeds
def test_the_curve_of_a_similar_pair_perturbs_the_test_alone(size, side, seed, fill):
    networks = Linear(size, dimension=3, seed=seed)
    reference, test = alike(seed, size)
    pair = face_pair(networks, reference, test, similar=True)
    change = replacement(pair, COSINE, "test", Fill(fill), np.random.default_rng(seed))
    order = np.random.default_rng((seed, 2)).permutation(side**2)
    steps = prefixes(order, counts(side**2, 1))
    images = [image for chosen in steps for image in change.images(chosen)]
    expected = curves.similar_curve(
        embedding_of(networks),
        reference.tolist(),
        test.tolist(),
        change.new_test.tolist(),
        order.tolist(),
        size // side,
    )
    received = change.similarities(networks.embed(np.stack(images))).astype(np.float64)
    np.testing.assert_allclose(received, expected, atol=1e-5)
    share = curves.as_a_proportion(expected)
    np.testing.assert_allclose(normalise_falling(received), share, atol=1e-4 * np.ptp(share))
    whole = area(normalise_falling(received), counts(side**2, 1))
    assert whole == pytest.approx(curves.area(share), abs=1e-4 * np.ptp(share))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("fill", ["normal", "uniform", "mean"])
@pytest.mark.parametrize(("size", "side"), [(40, 8), (16, 4)])
@seeds
def test_the_curve_of_a_dissimilar_pair_perturbs_both(size, side, seed, fill, shared):
    networks = Linear(size, dimension=3, seed=seed)
    reference, test = pixels(seed, size), pixels(seed + 100, size)
    pair = face_pair(networks, reference, test, similar=False)
    rng = np.random.default_rng(seed)
    change = replacement(pair, COSINE, "both", Fill(fill), rng, shared_noise=shared)
    order = np.random.default_rng((seed, 2)).permutation(side**2)
    steps = prefixes(order, counts(side**2, 1))
    images = [image for chosen in steps for image in change.images(chosen)]
    expected = curves.dissimilar_curve(
        embedding_of(networks),
        reference.tolist(),
        test.tolist(),
        (change.new_reference.tolist(), change.new_test.tolist()),
        order.tolist(),
        size // side,
    )
    received = change.similarities(networks.embed(np.stack(images))).astype(np.float64)
    np.testing.assert_allclose(received, expected, atol=1e-5)
    rise = curves.from_0_to_1(expected)
    np.testing.assert_allclose(normalise_rising(received), rise, atol=1e-4)
    whole = area(normalise_rising(received), counts(side**2, 1))
    assert whole == pytest.approx(curves.area(rise), abs=1e-4)


@pytest.mark.parametrize("similar", [True, False])
def test_what_is_measured_on_many_pairs_is_the_curve_of_each(similar):
    networks = Linear(40, dimension=3, seed=5)
    pictures = [alike(i, 40) if similar else (pixels(i, 40), pixels(i + 9, 40)) for i in range(3)]
    pairs = [face_pair(networks, *pair, similar=similar) for pair in pictures]
    heat = np.random.default_rng(3).normal(size=(40, 40)).astype(np.float32)
    settings = CurveSettings("test" if similar else "both", fill=Fill("mean"), draws=1)
    measured = measure_curves(
        networks, pairs, ("fixed", Fixed(heat)), settings, np.random.default_rng(0)
    )
    places = curves.order(curves.superpixel_sums(heat.tolist(), 5))
    embed = embedding_of(networks)
    for i, (reference, test) in enumerate(pictures):
        means = [
            [[image.reshape(-1, 3).mean(axis=0).round().astype(int).tolist()] * 40] * 40
            for image in (reference, test)
        ]
        images = (reference.tolist(), test.tolist())
        if similar:
            raw = curves.similar_curve(embed, *images, means[1], places, 5)
            expected = curves.as_a_proportion(raw)
        else:
            raw = curves.dissimilar_curve(embed, *images, means, places, 5)
            expected = curves.from_0_to_1(raw)
        np.testing.assert_allclose(measured.similarities[i, 0], raw, atol=1e-5)
        np.testing.assert_allclose(normalised(measured)[i, 0], expected, atol=1e-4)
        assert areas(measured)["fixed"][i] == pytest.approx(curves.area(expected), abs=1e-4)


@pytest.mark.parametrize("k", [1, 3, 7])
@seeds
def test_the_closest_features_are_those_of_the_smallest_distance(k, seed):
    h_r, h_t = np.random.default_rng(seed).integers(-2, 3, (2, 7)).astype(np.float32)
    assert closest(h_r, h_t, k).tolist() == curves.closest(h_r.tolist(), h_t.tolist(), k)


@pytest.mark.parametrize("draws", [1, 50, 70])
@seeds
def test_emsnn_is_the_mean_change_over_n_draws(draws, seed):
    networks = Linear(dimension=5, target=4, seed=seed)
    rng = np.random.default_rng(seed)
    h_r, h_t = rng.normal(size=(2, 5)).astype(np.float32)
    chosen = closest(h_r, h_t, 3)
    steps = rng.normal(size=(draws, 3)).astype(np.float32)
    expected = curves.mean_change(
        lambda h: networks.decode(np.array([h], np.float32))[0].tolist(),
        h_t.tolist(),
        chosen.tolist(),
        steps.tolist(),
    )
    received = mean_change(networks, h_t, chosen, steps)
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, rtol=1e-4)


@pytest.mark.parametrize("scale", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("k", [1, 4, 5])
def test_infinitely_many_draws_are_the_integral_over_the_normal_density(k, scale):
    networks = Linear(dimension=5, target=4, seed=k)
    h_t = np.random.default_rng(k).normal(size=5).astype(np.float32)
    chosen = np.random.default_rng(k).permutation(5)[:k]
    flat = curves.expected_change(networks.g.tolist(), chosen.tolist(), scale)
    expected = np.reshape(flat, (4, 4, 3)).mean(axis=-1)
    received = half_normal_mean(networks, h_t, chosen, scale, np.random.default_rng(0))
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, rtol=1e-4)


def test_infinitely_many_draws_are_what_a_great_many_come_to():
    networks = Linear(dimension=5, target=2)
    pair = face_pair(networks, pixels(0), pixels(1), similar=True)
    rng = np.random.default_rng(0)
    many = Emsnn(k=3, draws=100_000)(pair, networks, rng)
    np.testing.assert_allclose(Emsnn(k=3, draws=None)(pair, networks, rng), many, rtol=0.01)


@pytest.mark.parametrize("n", [1, 2, 9])
@seeds
def test_a_prototype_is_equation_3_2(n, seed):
    h = np.random.default_rng(seed).normal(size=(n, 7)).astype(np.float32)
    received = prototype(h)
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, curves.prototype(h.tolist()), atol=1e-6)
