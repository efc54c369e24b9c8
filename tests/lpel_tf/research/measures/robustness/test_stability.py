"""Stability of maps, with methods whose change under each change is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.equations.agreement import spearman
from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.controls.derived import Given
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_tf.research.measures.robustness.stability import (
    CHANGES,
    compressed,
    mirrored,
    shifted,
    stability,
)
from support import analytic
from support.analytic import Counting, Lazy, ReportProgress

SIDE = 16


def flat(crops: np.ndarray) -> np.ndarray:
    """An embedder that forgets nothing."""
    return crops.reshape(len(crops), -1).astype(np.float32)


NETWORKS = AssembledNetworks(flat, analytic.no_decoder)


def from_image(pair, networks, rng):
    """Linear in the test image."""
    return pair.test.astype(np.float32) @ np.float32([1, 2, 4])


def from_embedding(pair, networks, rng):
    """The same map, from the embedding."""
    return pair.h_t.reshape(SIDE, SIDE, 3) @ np.float32([1, 2, 4])


def rising(pair, networks, rng):
    """From left to right, whatever the pair."""
    return np.tile(np.arange(SIDE, dtype=np.float32), (SIDE, 1))


def pairs_of(images, similar=True) -> list[FacePair]:
    return [analytic.pair_of(255 - image, image, flat, similar) for image in images]


def noise(n: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8))


def measured(method, pairs, seed=0, networks=NETWORKS, **more):
    return stability(networks, pairs, method, np.random.default_rng(seed), **more)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_a_map_linear_in_the_image_moves_with_it(seed):
    pairs = pairs_of(noise(2, seed))
    for method in (from_image, from_embedding):
        result = measured(method, pairs)
        assert tuple(result) == CHANGES
        assert result["mirror"] == pytest.approx(1)
        assert result["seed"] == pytest.approx(1)
        # Neighbouring pixels of noise have nothing in common.
        assert np.abs(result["shift"]).max() < 0.4
        assert (result["jpeg"] < 0.999).all()


def test_the_test_image_is_embedded_anew_and_nothing_else_changes():
    asked: list[FacePair] = []

    def method(pair, networks, rng):
        asked.append(pair)
        return from_image(pair, networks, rng)

    (pair,) = pairs_of(noise(1), similar=False)
    embed = Counting(flat)
    measured(
        method, [pair], networks=AssembledNetworks(embed, analytic.no_decoder), jpeg_quality=30
    )
    expected = {
        "shift": np.concatenate([pair.test[:, :1], pair.test[:, :-1]], axis=1),
        "mirror": pair.test[:, ::-1],
        "jpeg": compressed(pair.test, 30),
    }
    assert embed.images == [image.tobytes() for image in expected.values()]
    assert len(asked) == 5
    for one in asked:
        assert one.similar is False
        assert one.reference is pair.reference
        assert one.h_r is pair.h_r
        np.testing.assert_array_equal(one.h_t, flat(one.test[np.newaxis])[0])
    assert {one.test.tobytes() for one in asked} == {*embed.images, pair.test.tobytes()}


def test_a_map_of_places_alone_ignores_all_but_the_mirror():
    pairs = pairs_of(noise(3))
    centre, across = measured(Centre(), pairs), measured(rising, pairs)
    for result in (centre, across):
        for change in ("shift", "jpeg", "seed"):
            assert result[change] == pytest.approx(1)
    assert centre["mirror"] == pytest.approx(1)
    assert across["mirror"] == pytest.approx(-1)


def test_stripes_of_one_pixel_turn_into_their_negative_when_shifted():
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[:, 1::2] = 255
    # The first two columns of the shifted one are dark: as 0 and 1, 8 ones of 16 against 7 of 16.
    cross = -7 / 16 * 1 / 2
    expected = cross / np.sqrt(1 / 4 * (7 / 16 * 9 / 16))
    assert measured(from_image, pairs_of([image]))["shift"] == pytest.approx(expected)
    # Stripes across are the same when shifted along themselves.
    across = np.ascontiguousarray(image.transpose(1, 0, 2))
    assert measured(from_image, pairs_of([across]))["shift"] == pytest.approx(1)


def test_a_map_of_random_numbers_changes_with_the_seed_alone():
    drawn: list[np.ndarray] = []

    def method(pair, networks, rng):
        drawn.append(rng.normal(size=(SIDE, SIDE)).astype(np.float32))
        return drawn[-1]

    result = measured(method, pairs_of(noise(4)))
    for change in ("shift", "jpeg"):
        assert result[change] == pytest.approx(1)
    assert np.abs(result["seed"]).max() < 0.3
    # Two draws for each of four pairs, all of them different.
    distinct = {values.tobytes(): values for values in drawn}
    assert len(distinct) == 8
    first, second = list(distinct.values())[:2]
    assert result["seed"][0] == pytest.approx(spearman(first, second))
    np.testing.assert_allclose(result["mirror"][0], spearman(first, first[:, ::-1]))


def test_the_same_seed_gives_the_same_result():
    def method(pair, networks, rng):
        return (from_image(pair, networks, rng) + rng.normal(0, 300, (SIDE, SIDE))).astype("f4")

    pairs = pairs_of(noise(3))
    first, again, other = (measured(method, pairs, seed) for seed in (0, 0, 1))
    for change in CHANGES:
        np.testing.assert_array_equal(first[change], again[change])
        assert (first[change] != other[change]).all()
    # A pair's score does not depend on those after it.
    np.testing.assert_array_equal(measured(method, pairs[:1])["seed"], first["seed"][:1])


def test_a_stronger_compression_changes_more():
    pairs = pairs_of(noise(3))
    strong, weak, none = (
        measured(from_image, pairs, jpeg_quality=quality)["jpeg"] for quality in (5, 50, 100)
    )
    assert (strong < weak).all()
    assert (weak < none).all()
    assert (measured(from_image, pairs)["jpeg"] == weak).all()


def test_compression_leaves_an_even_grey_as_it_is():
    grey = np.full((SIDE, SIDE, 3), 128, np.uint8)
    np.testing.assert_array_equal(compressed(grey, 50), grey)
    assert compressed(noise(1)[0], 50).dtype == np.uint8


@pytest.mark.parametrize("quality", [1, 50, 100])
def test_images_keep_their_shape(quality):
    image = np.random.default_rng(0).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    assert shifted(image).shape == mirrored(image).shape == compressed(image, quality).shape
    np.testing.assert_array_equal(mirrored(mirrored(image)), image)
    np.testing.assert_array_equal(shifted(image)[:, 1:], image[:, :-1])
    np.testing.assert_array_equal(shifted(image)[:, 0], image[:, 0])


def test_a_constant_map_correlates_with_nothing():
    result = measured(Given(np.zeros((8, 8), np.float32)), pairs_of(noise(2)))
    assert all((values == 0).all() for values in result.values())


def test_pairs_are_read_once():
    lazy, reported = Lazy(pairs_of(noise(3))), ReportProgress()
    measured(from_image, lazy, progress=reported)
    assert lazy.reads == [1, 1, 1]
    assert (reported.opened, reported.done) == ([3], [1, 1, 1])


@pytest.mark.parametrize("quality", [0, -1, 101])
def test_a_quality_that_is_none_is_refused(quality):
    with pytest.raises(ParameterError, match=f"1 to 100; received {quality}"):
        measured(from_image, pairs_of(noise(1)), jpeg_quality=quality)


def test_no_pairs_are_refused():
    with pytest.raises(ParameterError, match="at least 1 pair"):
        measured(from_image, [])


def test_a_map_that_breaks_after_a_change_is_refused():
    (pair,) = pairs_of(noise(1))

    def method(changed, networks, rng):
        values = from_image(changed, networks, rng)
        return values if changed.test is pair.test else values * np.float32(np.nan)

    with pytest.raises(EmbeddingError, match="holds NaN"):
        measured(method, [dataclasses.replace(pair)])
