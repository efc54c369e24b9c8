"""CorrRISE and xFace against the literal oracle."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.measured.corrrise import (
    CorrRise,
    Masks,
    correlation_map,
    draw_masks,
    masked_embeddings,
)
from lpel_serving.methods.measured.xface import XFace, _blurred, grids
from oracles import oracle_rivals as oracle
from support.analytic import no_decoder, pair_of
from support.images import pixels
from support.strategies import few

pytestmark = pytest.mark.oracle

DIMENSION = 5


def kernel(values: int) -> np.ndarray:
    return np.random.default_rng(values).normal(size=(values, DIMENSION))


def embed(crops: np.ndarray) -> np.ndarray:
    """Not linear: what a pixel does hangs on the others."""
    flat = crops.reshape(len(crops), -1) / 255
    return np.tanh(flat @ kernel(flat.shape[1]) / 3).astype(np.float32)


def embed_lists(image: list) -> list[float]:
    return embed(np.array([image], np.uint8))[0].tolist()


NETWORKS = AssembledNetworks(embed, no_decoder)


def squares_of(masks: Masks, height: int, width: int) -> list[list[tuple[int, int, int]]]:
    """Tops, lefts and sides from the shares that masks keep."""
    side = max(1, math.floor(masks.size * min(height, width) + 0.5))
    return [
        [
            (math.floor(u * (height - side + 1)), math.floor(v * (width - side + 1)), side)
            for u, v in mask
        ]
        for mask in masks.places.tolist()
    ]


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize(
    ("side", "count", "squares", "size"),
    [(9, 70, 3, 30 / 112), (8, 5, 1, 0.5), (7, 12, 2, 0.01), (6, 9, 3, 1.0), (5, 2, 1, 0.4)],
)
def test_corrrise_is_the_oracles(side, count, squares, size, ranked):
    pair = pair_of(pixels(side, side), pixels(side + 1, side), embed)
    masks = draw_masks(np.random.default_rng(side), count, squares, size)
    received = CorrRise(count, squares, size, ranked)(pair, NETWORKS, np.random.default_rng(side))
    expected, similarities = oracle.corrrise(
        embed_lists, pair.test.tolist(), pair.h_r.tolist(), squares_of(masks, side, side), ranked
    )
    ours = cosine_similarity(masked_embeddings(NETWORKS, pair.test, masks), pair.h_r)
    np.testing.assert_allclose(ours, similarities, atol=1e-6)
    np.testing.assert_allclose(received, expected, atol=1e-3)
    # Similarities are rounded to float32: from the very same ones, the map is the very same.
    exact = oracle.correlations(squares_of(masks, side, side), ours.tolist(), side, side, ranked)
    np.testing.assert_allclose(received, exact, atol=1e-6)


@pytest.mark.parametrize("ranked", [False, True])
def test_correlations_of_many_references_on_an_oblong_image_are_the_oracles(ranked):
    rng = np.random.default_rng(0)
    masks = draw_masks(rng, 130, 2, 0.4)
    similarities = rng.choice([-0.5, 0.1, 0.2, 0.9], (3, 130)).astype(np.float32)
    received = correlation_map(masks, similarities, (6, 9), ranked=ranked)
    squares = squares_of(masks, 6, 9)
    expected = [oracle.correlations(squares, s.tolist(), 6, 9, ranked) for s in similarities]
    np.testing.assert_allclose(received, expected, atol=1e-6)


@pytest.mark.parametrize("side", [16, 20, 28])
@pytest.mark.parametrize("variant", [1, 2, 3])
@pytest.mark.parametrize(("patches", "stride"), [((7, 14, 28), 20), ((30,), 9), ((5, 60), 40)])
def test_xface_is_the_oracles(side, patches, stride, variant):
    pair = pair_of(pixels(side, side), pixels(side + 1, side), embed)
    received = XFace(patches, stride, variant)(pair, NETWORKS, np.random.default_rng(0))
    test, reference = pair.test.tolist(), pair.reference.tolist()
    expected = oracle.xface(embed_lists, test, reference, patches, stride, variant)
    np.testing.assert_allclose(received, expected, atol=1e-5)


@few
@example(224, 111, 1)
@example(1, 1, 200)
@given(st.integers(1, 224), st.integers(1, 111), st.integers(1, 200))
def test_squares_lie_where_the_oracle_puts_them(side, patch, stride):
    (grid,) = grids((side, side), [patch], stride)
    assert list(grid.rows.origins) == oracle.origins(side, patch, stride)
    assert grid.columns.patch == max(1, oracle.nearest(patch * side / 112))


@pytest.mark.parametrize("side", [1, 5, 28, 84, 112])
def test_the_blur_of_xface_is_the_oracles(side):
    values = np.random.default_rng(side).normal(size=(side, side))
    np.testing.assert_allclose(_blurred(values), oracle.blur(values.tolist()), atol=1e-12)
