"""Replacing superpixels in one image, in both, or by the reference's own."""

import dataclasses

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import FILLS, Fill
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.measured.occlusion import Occlusion
from lpel_serving.methods.measured.replacement import KINDS, replace_superpixels, replacement
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support.images import pixels
from support.networks import Linear, face_pair, plain

NETWORKS = Linear()
PAIR = face_pair(NETWORKS, pixels(0), pixels(1), similar=False)
ALL, NONE = np.ones(16, np.bool_), np.zeros(16, np.bool_)


def change_of(kind, fill="normal", seed=0, **options):
    return replacement(PAIR, COSINE, kind, Fill(fill), np.random.default_rng(seed), **options)


def similarity(change, chosen) -> float:
    return float(change.similarities(NETWORKS.embed(np.stack(change.images(chosen))))[0])


def test_the_chosen_superpixels_come_from_the_new_image_and_the_rest_from_the_old():
    chosen = NONE.copy()
    chosen[[1, 14]] = True
    received = replace_superpixels(plain(9), plain(200), chosen)
    expected = plain(9)
    expected[0:4, 4:8] = 200
    expected[12:16, 8:12] = 200
    np.testing.assert_array_equal(received, expected)
    assert received.dtype == np.uint8


def test_replacing_changes_no_image():
    old, new = plain(9), plain(200)
    replace_superpixels(old, new, ALL)[:] = 1
    np.testing.assert_array_equal(old, 9)
    np.testing.assert_array_equal(new, 200)


def test_a_similar_pair_keeps_its_reference():
    change = change_of("test")
    assert change.images_per_step == 1
    (image,) = change.images(ALL)
    np.testing.assert_array_equal(image, change.new_test)
    expected = cosine_similarity(PAIR.h_r, NETWORKS.embed(image[np.newaxis])[0])
    assert similarity(change, ALL) == expected


def test_both_images_of_a_pair_are_replaced_at_the_same_places():
    change = change_of("both")
    assert change.images_per_step == 2
    chosen = NONE.copy()
    chosen[5] = True
    test, reference = change.images(chosen)
    np.testing.assert_array_equal((test != PAIR.test).any(axis=2), chosen_pixels(5))
    np.testing.assert_array_equal((reference != PAIR.reference).any(axis=2), chosen_pixels(5))


def chosen_pixels(place: int) -> np.ndarray:
    where = np.zeros((16, 16), np.bool_)
    where[place // 4 * 4 : place // 4 * 4 + 4, place % 4 * 4 : place % 4 * 4 + 4] = True
    return where


def test_a_transplant_gives_the_test_the_superpixels_of_the_reference():
    change = change_of("transplant")
    assert change.images_per_step == 1
    chosen = NONE.copy()
    chosen[5] = True
    (image,) = change.images(chosen)
    np.testing.assert_array_equal(image[4:8, 4:8], PAIR.reference[4:8, 4:8])
    np.testing.assert_array_equal(image[~chosen_pixels(5)], PAIR.test[~chosen_pixels(5)])
    assert similarity(change, ALL) == pytest.approx(1, abs=1e-6)


def test_a_transplant_draws_nothing():
    rng = np.random.default_rng(0)
    replacement(PAIR, COSINE, "transplant", Fill(), rng)
    assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_replaced_is_the_pair_as_it_is(kind):
    change = change_of(kind)
    images = change.images(NONE)
    np.testing.assert_array_equal(images[0], PAIR.test)
    if kind == "both":
        np.testing.assert_array_equal(images[1], PAIR.reference)
    expected = cosine_similarity(PAIR.h_r, PAIR.h_t)
    assert similarity(change, NONE) == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_similarities_of_many_steps_are_those_of_each(kind):
    change = change_of(kind)
    steps = np.random.default_rng(0).random((7, 16)) < 0.5
    images = [image for chosen in steps for image in change.images(chosen)]
    assert len(images) == 7 * change.images_per_step
    received = change.similarities(NETWORKS.embed(np.stack(images)))
    assert received.shape == (7,)
    np.testing.assert_allclose(received, [similarity(change, c) for c in steps], atol=1e-6)


def test_noise_differs_between_the_images_unless_it_is_shared():
    apart, shared = change_of("both"), change_of("both", shared_noise=True)
    assert (apart.new_test != apart.new_reference).mean() > 0.5
    np.testing.assert_array_equal(shared.new_test, shared.new_reference)
    np.testing.assert_array_equal(shared.new_test, apart.new_test)


@pytest.mark.parametrize("fill", ["normal", "uniform"])
def test_shared_noise_ends_at_a_similarity_of_1(fill):
    change = change_of("both", fill, shared_noise=True)
    assert similarity(change, ALL) == pytest.approx(1, abs=1e-6)
    assert similarity(change_of("both", fill), ALL) < 0.99


@pytest.mark.parametrize("fill", ["mean", "blur"])
def test_what_is_made_of_the_image_is_not_shared(fill):
    change = change_of("both", fill, shared_noise=True)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(change.new_test, Fill(fill)(PAIR.test, rng))
    np.testing.assert_array_equal(change.new_reference, Fill(fill)(PAIR.reference, rng))


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_gives_the_same_replacement(kind, fill):
    one, same = change_of(kind, fill), change_of(kind, fill)
    np.testing.assert_array_equal(one.images(ALL), same.images(ALL))


def test_the_test_gets_the_same_noise_whether_or_not_the_reference_is_replaced():
    np.testing.assert_array_equal(change_of("test").new_test, change_of("both").new_test)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_ends_are_known_without_an_embedding(kind):
    change = change_of(kind)
    assert change.transplants == (kind == "transplant")
    assert change.known(NONE) == float(cosine_similarity(PAIR.h_r, PAIR.h_t))
    assert change.known(ALL) == (1 if kind == "transplant" else None)
    for place in range(16):
        assert change.known(np.arange(16) == place) is None
        assert change.known(np.arange(16) != place) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_known_is_what_would_be_embedded(kind):
    change = change_of(kind)
    for chosen in (NONE, ALL):
        known = change.known(chosen)
        if known is not None:
            assert known == pytest.approx(similarity(change, chosen), abs=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_that_are_not_finite_are_refused(kind, bad):
    change = change_of(kind)
    embeddings = NETWORKS.embed(np.stack(change.images(ALL)))
    for row in range(len(embeddings)):
        broken = embeddings.copy()
        broken[row, 2] = bad
        with pytest.raises(EmbeddingError, match="NaN or infinity"):
            change.similarities(broken)
    h_r = PAIR.h_r.copy()
    h_r[0] = bad
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        dataclasses.replace(change, h_r=h_r).similarities(embeddings)


@pytest.mark.parametrize("kind", ["Test", "BOTH", "transplant ", "", None])
def test_a_kind_that_there_is_not_is_refused_and_not_taken_for_another(kind):
    with pytest.raises(ParameterError, match=r"(there are:|one of) test, both, transplant"):
        change_of(kind)
    with pytest.raises(ParameterError, match=r"(there are:|one of) test, both, transplant"):
        Occlusion(4, kind)(PAIR, NETWORKS, np.random.default_rng(0))


@pytest.mark.parametrize("kind", KINDS)
def test_no_steps_have_no_similarities(kind):
    received = change_of(kind).similarities(np.empty((0, len(PAIR.h_r)), np.float32))
    assert received.shape == (0,)
