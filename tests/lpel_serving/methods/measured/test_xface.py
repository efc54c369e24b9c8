"""xFace: patches of both images hidden, and what the distance does."""

import numpy as np
import pytest

from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.measured.xface import XFace, evidence_map, grids, occluded_embeddings
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.cost import CountingNetworks
from support.analytic import (
    QUARTER,
    QUARTER_NETWORKS,
    SIDE,
    Counting,
    no_decoder,
    pair_of,
)
from support.corners import CORNERS, corners, two_corners
from support.images import pixels
from support.networks import plain

VARIANTS = (1, 2, 3)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_shared_is_highest_and_what_is_not_speaks_against(variant):
    values = XFace(variant=variant)(two_corners(), CORNERS, generator())
    assert values.shape == (SIDE, SIDE)
    assert values.dtype == np.float32
    assert np.abs(values).max() == 1
    means = values.reshape(2, QUARTER, 2, QUARTER).mean(axis=(1, 3))
    assert means.argmax() == 0
    assert means.argmin() == 3
    assert values[1 : QUARTER - 1, 1 : QUARTER - 1].min() > 0.2
    inside = QUARTER + 1
    assert values[inside : SIDE - 2, inside : SIDE - 2].max() < -0.1
    # Squares that reach over from the corners still count at the edges of the other two quarters.
    assert np.abs(values[:4, -4:]).max() < 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
def test_for_a_dissimilar_pair_the_sign_changes(variant):
    method = XFace(variant=variant)
    similar, dissimilar = (method(two_corners(s), CORNERS, generator()) for s in (True, False))
    np.testing.assert_array_equal(dissimilar, -similar)
    assert similar.any()


@pytest.mark.parametrize("side", [112, 160, 224])
def test_there_are_as_many_positions_as_in_the_paper_on_any_large_image(side):
    assert [len(grid) for grid in grids((side, side))] == [441, 400, 289]


def test_on_the_papers_images_squares_have_the_papers_sizes():
    assert [grid.rows.patch for grid in grids((112, 112))] == [7, 14, 28]
    assert [grid.rows.patch for grid in grids((160, 160))] == [10, 20, 40]
    assert grids((112, 112))[1].rows.origins == tuple(range(0, 98, 5))
    # One pixel wider is what is hidden.
    assert [int(grid.columns.spans[0].sum()) for grid in grids((112, 112))] == [8, 15, 29]


@pytest.mark.parametrize(("variant", "images"), [(1, 2), (2, 1), (3, 2)])
def test_it_costs_an_embedding_for_each_position_and_nothing_else(variant, images):
    networks = CountingNetworks(CORNERS)
    XFace(variant=variant)(two_corners(), networks, generator())
    positions = sum(map(len, grids((SIDE, SIDE))))
    assert (networks.embedded, networks.decoded) == (images * positions, 0)


def test_the_paper_costs_2260_embeddings_for_a_pair():
    image = plain(9, 112)
    networks = CountingNetworks(
        AssembledNetworks(lambda crops: np.ones((len(crops), 2), np.float32), no_decoder)
    )
    pair = pair_of(image, image, networks.embed)
    networks.embedded = 0
    assert not XFace()(pair, networks, generator()).any()
    assert networks.embedded == 2260


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("batch_size", [1, 7, 5000])
def test_the_batch_size_and_the_seed_change_no_byte(batch_size, variant):
    pair, layout = two_corners(), grids((SIDE, SIDE))
    expected = XFace(variant=variant)(pair, CORNERS, generator(5))
    own, other = (
        occluded_embeddings(CORNERS, image, layout, batch_size)
        for image in (pair.test, pair.reference)
    )
    received = evidence_map(layout, (pair.h_t, pair.h_r), own, other, variant=variant)
    assert received.tobytes() == expected.tobytes()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_embeddings_of_each_image_explain_the_pair_both_ways(variant):
    pair, layout = pair_of(pixels(0, SIDE), pixels(1, SIDE), corners), grids((SIDE, SIDE))
    a, b = (occluded_embeddings(CORNERS, x, layout) for x in (pair.test, pair.reference))
    method = XFace(variant=variant)
    there = evidence_map(layout, (pair.h_t, pair.h_r), a, b, variant=variant)
    back = evidence_map(layout, (pair.h_r, pair.h_t), b, a, variant=variant)
    np.testing.assert_array_equal(there, method(pair, CORNERS, generator()))
    np.testing.assert_array_equal(back, method(pair.swapped, CORNERS, generator()))


def test_no_more_than_a_batch_of_images_is_made_at_a_time():
    counting = Counting(corners)
    layout = grids((SIDE, SIDE), (56,), 20)
    occluded_embeddings(AssembledNetworks(counting, no_decoder), plain(9, SIDE), layout, 4)
    assert counting.batches == [4, 4, 1]


def test_the_occluded_images_have_one_black_square_each():
    counting = Counting(corners)
    layout, image = grids((SIDE, SIDE), (56,), 40), np.maximum(pixels(0, SIDE), 1)
    occluded_embeddings(AssembledNetworks(counting, no_decoder), image, layout)
    assert layout[0].rows.origins == (0, 7)
    places = [(0, 0), (0, 7), (7, 0), (7, 7)]
    for data, (top, left) in zip(counting.images, places, strict=True):
        expected = image.copy()
        expected[top : top + 11, left : left + 11] = 0
        assert data == expected.tobytes()


# Degenerate cases


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_that_sees_nothing_gives_a_map_of_zeros(variant):
    def blind(crops):
        return np.tile(np.float32([0.1, 0.7, -0.3]), (len(crops), 1))

    pair = pair_of(pixels(0), pixels(1), blind)
    values = XFace(variant=variant)(pair, AssembledNetworks(blind, no_decoder), generator())
    np.testing.assert_array_equal(values, np.zeros((16, 16)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_black_images_give_a_map_of_zeros(variant):
    pair = pair_of(plain(0, SIDE), plain(0, SIDE), corners)
    values = XFace(variant=variant)(pair, CORNERS, generator())
    np.testing.assert_array_equal(values, np.zeros((SIDE, SIDE)))


def test_two_equal_images_stay_equal_under_the_same_square():
    pair = pair_of(pixels(0, SIDE), pixels(0, SIDE), corners)
    assert not XFace(variant=3)(pair, CORNERS, generator()).any()
    assert XFace(variant=2)(pair, CORNERS, generator()).any()


@pytest.mark.parametrize("variant", [1, 2])
def test_a_network_that_sees_one_quarter_makes_the_others_no_higher(variant):
    pair = pair_of(plain(255, SIDE), plain(255, SIDE))
    values = XFace(variant=variant)(pair, QUARTER_NETWORKS, generator())
    outside = values.copy()
    outside[: QUARTER + 5, : QUARTER + 5] = 0
    assert values[:QUARTER, :QUARTER].max() == values.max() > outside.max()


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_tiny_images_have_maps(side):
    pair = pair_of(pixels(0, side), pixels(1, side), lambda x: x.mean(axis=(1, 2)))
    networks = AssembledNetworks(lambda x: x.mean(axis=(1, 2)).astype(np.float32), no_decoder)
    values = XFace()(pair, networks, generator())
    assert values.shape == (side, side)
    assert np.isfinite(values).all()


# Refusals


@pytest.mark.parametrize(
    "wrong",
    [{"patches": ()}, {"patches": (7, 0)}, {"patches": (112,)}, {"patches": (-1,)}, {"stride": 0}],
)
def test_squares_that_cannot_be_are_refused(wrong):
    with pytest.raises(ParameterError, match=r"from 1 to 111, .*received|of 1 or more; received"):
        XFace(**wrong)
    with pytest.raises(ParameterError, match=r"1 to 111 pixels.*received.*name others"):
        grids((160, 160), **wrong)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(ParameterError, match="on an image of 0"):
        grids((0, 0))


@pytest.mark.parametrize("variant", [0, 4])
def test_an_unknown_variant_is_refused(variant):
    with pytest.raises(ParameterError, match=rf"one of 1, 2, 3; received {variant}"):
        XFace(variant=variant)
    one = np.ones((1, 2), np.float32)
    with pytest.raises(ParameterError, match=rf"1, 2 and 3; received {variant}: choose"):
        evidence_map(grids((1, 1), (7,), 200), (one[0], one[0]), one, one, variant=variant)


@pytest.mark.parametrize("shape", [(9, 9, 3), (SIDE, 9, 3), (9, SIDE, 1)])
def test_an_image_of_another_side_than_the_grids_is_refused(shape):
    with pytest.raises(ParameterError, match=r"\(20, 20\), received.*make the grids"):
        occluded_embeddings(CORNERS, np.zeros(shape, np.uint8), grids((SIDE, SIDE)))


@pytest.mark.parametrize(
    ("own", "other", "variant"), [(3, 4, 1), (4, 3, 3), (4, None, 1), (5, None, 2)]
)
def test_embeddings_that_are_not_one_for_each_position_are_refused(own, other, variant):
    layout = grids((SIDE, SIDE), (56,), 40)
    a, b = (None if n is None else np.ones((n, 2), np.float32) for n in (own, other))
    with pytest.raises(ParameterError, match=r"expected 4 embeddings.*received.*same grids"):
        evidence_map(layout, (np.ones(2), np.ones(2)), a, b, variant=variant)
