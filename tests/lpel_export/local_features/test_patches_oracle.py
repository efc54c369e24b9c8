"""Patches of the image in a graph against cell by cell; an embedder that hides its layers."""

import numpy as np
import pytest

from lpel_export.local_features.layers import choose_layers
from lpel_export.local_features.parity import check_local_features
from lpel_export.local_features.patches import patches
from lpel_export.local_features.second_output import (
    reduction,
    take_out,
    with_averages,
    with_local_features,
    without_local_features,
)
from lpel_serving.engine.session import open_model
from oracles import oracle_patches
from support import convolutional, tiny

pytestmark = pytest.mark.oracle

HIDDEN = tiny.embedder_model().SerializeToString()


def crops(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, size, size, 3), np.uint8)


def local_features(model: bytes, images: np.ndarray) -> np.ndarray:
    session = open_model(model, {"image": None}, {"local_features": None})
    return session.run_all({"image": images}, ("local_features",))[0]


@pytest.mark.parametrize(
    ("model", "size", "side", "cells"),
    [
        (HIDDEN, tiny.IMAGE_SIZE, 4, 4),
        (HIDDEN, tiny.IMAGE_SIZE, 5, 3),
        (HIDDEN, tiny.IMAGE_SIZE, 16, 1),
        (convolutional.embedder(widest=True), convolutional.SIZE, 8, 4),
    ],
)
def test_patches_are_the_mean_colours_around_each_superpixel(model, size, side, cells):
    images = crops(2, size)
    layers = choose_layers(model, side)
    found = local_features(with_averages(model, layers, side), images)
    expected = [oracle_patches.patches(one, side, cells) for one in images.tolist()]
    assert found.shape == (2, side * side, layers[0].channels)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(patches(images, layers[0]), expected, rtol=0, atol=1e-4)


def test_they_are_reduced_and_leave_the_embedding_as_it_is():
    layers, rng = choose_layers(HIDDEN, 4), np.random.default_rng(1)
    channels = layers[0].channels
    scale = np.float32(100) + rng.random(channels, np.float32)
    reduced = reduction(
        np.full(channels, 127, np.float32), scale, rng.random((channels, 6), np.float32)
    )
    given = with_local_features(HIDDEN, layers, 4, reduced)
    images = crops(3, tiny.IMAGE_SIZE)
    raw = local_features(with_averages(HIDDEN, layers, 4), images)
    np.testing.assert_allclose(local_features(given, images), reduced(raw), rtol=1e-4, atol=1e-3)
    report = check_local_features(given, layers, 4, reduced, images)
    assert report["max_difference"] <= report["tolerance"] * report["largest"]
    sessions = [open_model(m, {"image": None}, {"embedding": None}) for m in (HIDDEN, given)]
    one, other = (s.run_all({"image": images}, ("embedding",))[0] for s in sessions)
    assert one.tobytes() == other.tobytes()
    assert choose_layers(without_local_features(given), 4) == layers
    apart = take_out(given)
    again = apart.put_back(apart.with_layers)
    assert local_features(again, images).tobytes() == local_features(given, images).tobytes()
