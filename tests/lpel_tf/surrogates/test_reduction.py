"""The reduction of local features: whitened principal components, summed up batch by batch."""

import numpy as np
import pytest

from lpel_tf.support.errors import TrainingDataError
from lpel_tf.surrogates.reduction import fit_reduction, key_of


def raw(n=40, k=9, r=12, seed=0):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n * k, r)) * np.geomspace(1, 0.1, r) @ rng.normal(size=(r, r))
    return (np.maximum(mixed, 0) * np.geomspace(0.01, 100, r)).reshape(n, k, r).astype(np.float32)


def batches(features, size=7):
    return (features[i : i + size] for i in range(0, len(features), size))


def test_reduced_features_are_white_on_what_it_was_fitted_on():
    features = raw()
    reduction = fit_reduction(batches(features), 5)
    assert (reduction.matrix.shape, reduction.matrix.dtype) == ((12, 5), np.float32)
    reduced = features.reshape(-1, 12) @ reduction.matrix + reduction.bias
    np.testing.assert_allclose(reduced.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(reduced, rowvar=False), np.eye(5), atol=5e-3)


def test_the_first_components_hold_most_of_the_standardised_variance():
    features = raw().reshape(-1, 12).astype(np.float64)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    _, values, axes = np.linalg.svd(standard, full_matrices=False)
    expected = standard @ axes[:4].T / values[:4] * np.sqrt(len(standard))
    reduction = fit_reduction(batches(raw()), 4)
    reduced = features @ reduction.matrix + reduction.bias
    signs = np.sign((reduced * expected).sum(axis=0))
    np.testing.assert_allclose(reduced * signs, expected, atol=2e-2)


def test_batches_do_not_matter():
    one, other = (fit_reduction(batches(raw(), size), 6) for size in (3, 40))
    np.testing.assert_allclose(np.abs(one.matrix), np.abs(other.matrix), rtol=1e-3)
    assert key_of(one) == key_of(fit_reduction(batches(raw(), 3), 6))
    assert key_of(one) != key_of(fit_reduction(batches(raw(seed=1), 3), 6))


def test_silent_channels_and_missing_directions_are_left_out():
    features = raw(r=6)
    features[..., 2] = 0
    features[..., 4] = features[..., 3]
    reduction = fit_reduction([features], 256)
    assert reduction.matrix.shape == (6, 4)
    assert np.isfinite(reduction.matrix).all()
    assert np.abs(reduction.matrix[2]).max() < 1e-3


@pytest.mark.parametrize(
    "features", [[], [np.ones((2, 4, 3), np.float32)], [np.full((2, 4, 3), np.nan, np.float32)]]
)
def test_features_that_say_nothing_are_refused(features):
    with pytest.raises(TrainingDataError, match="choose other layers"):
        fit_reduction(features, 2)
