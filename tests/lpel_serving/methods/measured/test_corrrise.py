"""CorrRISE: random masks, and what the similarity goes along with."""

import numpy as np
import pytest

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.measured.corrrise import (
    CorrRise,
    Masks,
    correlation_map,
    draw_masks,
    masked_embeddings,
)
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

FEW = CorrRise(masks=60)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def quarters(values: np.ndarray) -> np.ndarray:
    """Means of the map over the quarters of the image."""
    return values.reshape(2, QUARTER, 2, QUARTER).mean(axis=(1, 3))


def drawn(masks: Masks, side: int) -> np.ndarray:
    """Where each mask is 0, shape (N, side, side)."""
    return np.concatenate(list(masks.holes((side, side))))


@pytest.mark.parametrize("ranked", [False, True])
def test_what_is_shared_is_highest_and_what_is_not_speaks_against(ranked):
    values = CorrRise(ranked=ranked)(two_corners(), CORNERS, generator())
    assert values.shape == (SIDE, SIDE)
    assert values.dtype == np.float32
    means = quarters(values)
    assert means.argmax() == 0
    assert means.argmin() == 3
    assert means[0, 0] > 0.2
    assert means[1, 1] < -0.2
    assert np.abs(means[[0, 1], [1, 0]]).max() < 0.1
    assert values[QUARTER // 2, QUARTER // 2] > 0.2
    assert values[-QUARTER // 2, -QUARTER // 2] < -0.2


def test_for_a_dissimilar_pair_the_sign_changes():
    similar, dissimilar = (FEW(two_corners(same), CORNERS, generator()) for same in (True, False))
    np.testing.assert_array_equal(dissimilar, -similar)
    assert similar.any()


@pytest.mark.parametrize("count", [2, 60, 500])
def test_it_costs_an_embedding_for_each_mask_and_nothing_else(count):
    networks = CountingNetworks(CORNERS)
    CorrRise(count)(two_corners(), networks, generator())
    assert (networks.embedded, networks.decoded) == (count, 0)


def test_no_more_than_a_batch_of_images_is_made_at_a_time():
    counting = Counting(corners)
    masked_embeddings(
        AssembledNetworks(counting, no_decoder), plain(9, SIDE), draw_masks(generator(), 50), 7
    )
    assert counting.batches == [7] * 7 + [1]


@pytest.mark.parametrize("batch_size", [1, 7, 60, 100])
def test_the_batch_size_changes_no_byte(batch_size):
    pair, masks = two_corners(), draw_masks(generator(), 60)
    expected = FEW(pair, CORNERS, generator())
    embeddings = masked_embeddings(CORNERS, pair.test, masks, batch_size)
    received = correlation_map(masks, cosine_similarity(embeddings, pair.h_r), (SIDE, SIDE))
    assert received.tobytes() == expected.tobytes()


def test_another_seed_gives_another_map():
    one, same, other = (FEW(two_corners(), CORNERS, generator(seed)) for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_the_first_masks_are_those_that_would_be_drawn_if_only_they_were():
    pair, masks = two_corners(), draw_masks(generator())
    similarities = cosine_similarity(masked_embeddings(CORNERS, pair.test, masks), pair.h_r)
    received = correlation_map(masks.first(60), similarities[:60], (SIDE, SIDE))
    np.testing.assert_array_equal(received, FEW(pair, CORNERS, generator()))


def test_one_set_of_embeddings_explains_against_many_references():
    test, masks = pixels(0, SIDE), draw_masks(generator(), 60)
    references = [pair_of(pixels(seed, SIDE), test, corners) for seed in (1, 2, 3)]
    embeddings = masked_embeddings(CORNERS, test, masks)
    similarities = np.stack([cosine_similarity(embeddings, pair.h_r) for pair in references])
    received = correlation_map(masks, similarities, (SIDE, SIDE))
    for values, pair in zip(received, references, strict=True):
        np.testing.assert_allclose(values, FEW(pair, CORNERS, generator()), atol=1e-6)


def test_the_masked_images_are_the_image_with_three_black_squares():
    counting = Counting(corners)
    image = np.maximum(pixels(0, 112), 1)
    masks = draw_masks(generator(), 4)
    masked_embeddings(AssembledNetworks(counting, no_decoder), image, masks)
    for data, hole in zip(counting.images, drawn(masks, 112), strict=True):
        received = np.frombuffer(data, np.uint8).reshape(image.shape)
        np.testing.assert_array_equal(received, image * (hole == 0)[:, :, np.newaxis])


@pytest.mark.parametrize(("side", "expected"), [(112, 30), (160, 43), (224, 60), (3, 1), (1, 1)])
def test_squares_grow_with_the_image_and_stay_inside(side, expected):
    ends = [0, np.nextafter(1, 0)]
    holes = drawn(Masks(np.array([[[y, x]] for y in ends for x in ends]), 30 / 112), side)
    assert (holes.sum(axis=(1, 2)) == expected**2).all()
    assert set(np.unique(holes)) <= {0, 1}
    for hole, (y, x) in zip(holes, [(0, 0), (0, -1), (-1, 0), (-1, -1)], strict=True):
        assert hole[y, x] == 1


def test_squares_lie_anywhere():
    holes = drawn(draw_masks(generator(), 500), 112)
    hidden = holes.mean(axis=0)
    assert hidden[30:-30, 30:-30].min() > 0.2
    assert hidden[30:-30, 30:-30].max() < 0.5
    np.testing.assert_allclose(hidden.mean(), 1 - (1 - (30 / 112) ** 2) ** 3, atol=0.02)


# Degenerate cases


@pytest.mark.parametrize("ranked", [False, True])
@pytest.mark.parametrize("level", [0.1, 1 / 3, -0.7, 0])
def test_similarities_that_are_all_equal_give_a_map_of_zeros(level, ranked):
    values = correlation_map(
        draw_masks(generator(), 50), np.full(50, level, np.float32), (9, 9), ranked=ranked
    )
    np.testing.assert_array_equal(values, np.zeros((9, 9)))


def test_a_black_image_gives_a_map_of_zeros():
    pair = pair_of(plain(255, SIDE), plain(0, SIDE), corners)
    np.testing.assert_array_equal(FEW(pair, CORNERS, generator()), np.zeros((SIDE, SIDE)))


def test_pixels_that_no_mask_hides_or_all_do_are_0():
    corner = np.zeros((5, 1, 2))
    places = np.concatenate([corner, generator().random((5, 1, 2)) * [1, 0]], axis=1)
    similarities = generator().random(5).astype(np.float32)
    values = correlation_map(Masks(places, 0.3), similarities, (10, 10))
    assert not values[:3, :3].any()
    assert not values[:, 3:].any()
    assert values[3:, :3].any()


def test_squares_as_large_as_the_image_give_a_map_of_zeros():
    values = CorrRise(9, size=1)(two_corners(), CORNERS, generator())
    np.testing.assert_array_equal(values, np.zeros((SIDE, SIDE)))


def test_a_network_that_sees_one_quarter_is_not_told_about_the_others():
    pair = pair_of(plain(255, SIDE), plain(255, SIDE))
    means = quarters(CorrRise()(pair, QUARTER_NETWORKS, generator()))
    assert means[0, 0] > 0.2
    assert np.abs(means.ravel()[1:]).max() < 0.15


# Refusals


@pytest.mark.parametrize(
    "wrong",
    [{"masks": 1}, {"masks": 0}, {"squares": 0}, {"size": 0}, {"size": 1.01}, {"size": np.nan}],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match=r"of [12] or more; received|at most 1; received"):
        CorrRise(**wrong)
    drawn = {"count" if key == "masks" else key: value for key, value in wrong.items()}
    with pytest.raises(ParameterError, match=r"at least 2 masks.*received.*name others"):
        draw_masks(generator(), **drawn)


@pytest.mark.parametrize("shape", [(4,), (6,), (2, 4), ()])
def test_similarities_that_are_not_one_for_each_mask_are_refused(shape):
    with pytest.raises(ParameterError, match=r"shape \(\.\.\., 5\).*received.*first masks"):
        correlation_map(draw_masks(generator(), 5), np.zeros(shape, np.float32), (9, 9))


@pytest.mark.parametrize("count", [-1, 0, 6])
def test_more_masks_than_there_are_cannot_be_taken(count):
    with pytest.raises(ParameterError, match=rf"between 1 and 5.*received {count}: draw more"):
        draw_masks(generator(), 5).first(count)
