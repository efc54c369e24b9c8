"""Deletion, insertion and the equal-error threshold against the literal oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.fill import Fill
from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_tf.research.measures.deletion_insertion.areas import areas, curves
from lpel_tf.research.measures.deletion_insertion.games import (
    GAMES,
    AccuracySettings,
    measure_accuracy,
)
from lpel_tf.research.measures.equal_error import equal_error_threshold
from oracles import oracle_accuracy as oracle
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle

N = 8
DIMENSION = 5
COLOURS = {
    "black": lambda image: [0, 0, 0],
    "grey": lambda image: [128, 128, 128],
    "white": lambda image: [255, 255, 255],
    "mean": oracle.mean_colour,
}


def kernel(side: int) -> np.ndarray:
    return np.random.default_rng(side).normal(size=(side * side * 3, DIMENSION))


def embed(crops: np.ndarray) -> np.ndarray:
    """Not linear: what a pixel does depends on the others."""
    flat = crops.reshape(len(crops), -1) / 255
    return np.tanh(flat @ kernel(crops.shape[1]) / 3).astype(np.float32)


def embed_lists(image: list) -> list[float]:
    return embed(np.array([image], np.uint8))[0].tolist()


def same_of(n: int) -> np.ndarray:
    return np.arange(n) % 2 == 0


def photographs(side: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Tests that are their references with noise, or other images."""
    pairs = []
    for one in same_of(N):
        reference = rng.integers(0, 256, (side, side, 3))
        other = rng.integers(0, 256, (side, side, 3))
        test = np.where(rng.random((side, side, 1)) < 0.6, reference, other) if one else other
        pairs.append((reference.astype(np.uint8), test.astype(np.uint8)))
    return pairs


# Where the map is smaller than the image its pixels tie, and the levels end where a tie does.
@pytest.mark.parametrize(
    ("side", "map_side", "levels"),
    [
        (5, 5, (0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)),
        (6, 6, (0, 1, 33, 50, 99, 100)),
        (5, 5, (0, 100)),
        (10, 5, (0, 4, 20, 48, 52, 88, 100)),
        (4, 2, (0, 25, 50, 75, 100)),
    ],
)
@pytest.mark.parametrize("fill", COLOURS)
@pytest.mark.parametrize("seed", range(3))
def test_the_games_are_the_oracles(side, map_side, levels, fill, seed):
    rng = np.random.default_rng((seed, side, map_side))
    images = photographs(side, rng)
    maps = [
        rng.permutation(map_side**2).reshape(map_side, map_side).astype(np.float32) - 7
        for _ in images
    ]
    embedded = [embed(np.stack(both)) for both in images]
    pairs = [FacePair(*both, *h, similar=False) for both, h in zip(images, embedded, strict=True)]

    def method(pair, networks, rng):
        return maps[next(i for i, one in enumerate(pairs) if one.test is pair.test)]

    same = same_of(N)
    settings = AccuracySettings(levels, Fill(fill))
    received = measure_accuracy(
        AssembledNetworks(embed, lambda h: h),
        pairs,
        same,
        {"map": method},
        settings,
        rng,
        batch_size=3,
    )
    expected, threshold = oracle.play(
        [(reference.tolist(), test.tolist()) for reference, test in images],
        same.tolist(),
        [one.tolist() for one in maps],
        levels,
        COLOURS[fill],
        embed_lists,
    )
    assert received.threshold == pytest.approx(threshold, abs=1e-6)
    for g, game in enumerate(GAMES):
        np.testing.assert_array_equal(received.right[g, 0], expected[game])
        by_pair = [float(oracle.trapezoids(row, levels)) for row in expected[game]]
        np.testing.assert_allclose(areas(received, game, "map"), by_pair, atol=1e-12)
        mean = np.mean(expected[game], axis=0)
        np.testing.assert_allclose(curves(received)[game]["map"], mean, atol=1e-12)


def test_the_oracles_cases_tell_orders_apart():
    # Otherwise the comparison above would hold of any order.
    rng = np.random.default_rng(0)
    images = [(a.tolist(), b.tolist()) for a, b in photographs(5, rng)]
    maps = [rng.permutation(25).reshape(5, 5).tolist() for _ in images]
    reverse = [[[-value for value in row] for row in one] for one in maps]
    levels = range(0, 101, 10)
    first, second = (
        oracle.play(images, same_of(N).tolist(), one, levels, COLOURS["black"], embed_lists)[0]
        for one in (maps, reverse)
    )
    assert first["deletion"] != second["deletion"]
    assert first["insertion"] != second["insertion"]


@few
@given(seeds, st.integers(2, 31), st.sampled_from([None, 1, 2, 5]))
def test_the_equal_error_threshold_is_the_best_of_all(seed, n, levels):
    rng = np.random.default_rng((seed, n))
    same = rng.random(n) < rng.choice([0.2, 0.5, 0.8])
    same[:2] = True, False
    similarities = np.clip(rng.normal(0.3 * same, 0.3), -1, 1)
    if levels:
        similarities = np.round(similarities * levels) / levels
    similarities = similarities.astype(np.float32)
    expected = oracle.equal_error_threshold(similarities.tolist(), same.tolist())
    # A threshold is a number of float32, as the similarities are that it parts.
    assert equal_error_threshold(similarities, same) == np.float32(expected)
