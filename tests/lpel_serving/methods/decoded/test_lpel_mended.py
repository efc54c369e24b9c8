"""LPEL mended: shares of the cosine and of the distance, from the decoder alone."""

import numpy as np
import pytest

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_serving.methods.decoded.lpel_mended import LpelMended, decoder_kernel, isometry
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support.images import pixels
from support.networks import Linear, face_pair

NETWORKS = Linear()


def no_embedder(crops: np.ndarray) -> np.ndarray:
    raise AssertionError("the embedder was asked")


def engine(kernel: np.ndarray) -> AssembledNetworks:
    return AssembledNetworks(
        no_embedder, lambda h: np.tensordot(h, kernel, axes=1).astype(np.float32)
    )


def explain(pair: FacePair, networks=NETWORKS) -> np.ndarray:
    return LpelMended()(pair, networks, np.random.default_rng(0))


def pair_of(h_r, h_t, similar=True) -> FacePair:
    crop = np.zeros((4, 4, 3), np.uint8)
    return FacePair(crop, crop, np.array(h_r, np.float32), np.array(h_t, np.float32), similar)


def unit(h: np.ndarray) -> np.ndarray:
    return h / np.linalg.norm(h)


def test_a_similar_pairs_map_sums_to_the_cosine():
    pair = face_pair(NETWORKS, pixels(0), pixels(1), similar=True)
    assert explain(pair).sum() == pytest.approx(
        float(cosine_similarity(pair.h_r, pair.h_t)), abs=1e-5
    )


def test_a_dissimilar_pairs_map_sums_to_the_squared_distance_and_is_not_negative():
    pair = face_pair(NETWORKS, pixels(0), pixels(1), similar=False)
    found = explain(pair)
    distance = np.square(unit(pair.h_r) - unit(pair.h_t)).sum()
    assert found.sum() == pytest.approx(float(distance), abs=1e-5)
    assert (found >= 0).all()


@pytest.mark.parametrize("similar", [True, False])
def test_the_map_is_the_same_with_the_roles_exchanged(similar):
    pair = face_pair(NETWORKS, pixels(0), pixels(1), similar=similar)
    np.testing.assert_allclose(explain(pair), explain(pair.swapped), atol=1e-7)


def test_the_map_has_the_size_of_the_decoders_images():
    pair = face_pair(NETWORKS, pixels(0), pixels(1), similar=True)
    found = explain(pair)
    assert found.shape == (NETWORKS.target, NETWORKS.target)
    assert found.dtype == np.float32


def two_halves(gain: float) -> np.ndarray:
    """The first feature is seen in the upper half of an image alone, the second in the lower."""
    kernel = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    kernel[0, 4:] = kernel[1, :4] = 0
    kernel[1] *= gain
    return kernel


def test_what_is_alike_is_found_where_the_decoder_shows_it():
    found = explain(pair_of([1, 1], [1, -0.5]), engine(two_halves(1)))
    assert found[:3].sum() > 0 > found[5:].sum()


def test_what_differs_is_found_where_the_decoder_shows_it():
    found = explain(pair_of([1, 1], [-1, 1], similar=False), engine(two_halves(1)))
    assert found[:3].sum() > 10 * found[5:].sum()


def test_a_features_gain_does_not_count():
    pair = pair_of([1, 1], [1, -0.5])
    np.testing.assert_allclose(
        explain(pair, engine(two_halves(1))).sum(),
        explain(pair, engine(two_halves(500))).sum(),
        atol=1e-6,
    )
    mixed = np.random.default_rng(1).normal(size=(5, 8, 8, 3))
    mixed[0] *= 1000
    rows = isometry(mixed).reshape(5, -1)
    np.testing.assert_allclose(rows @ rows.T, np.eye(5), atol=1e-9)


def test_the_length_of_the_embeddings_does_not_count():
    one, other = pair_of([1, 2], [2, 1]), pair_of([10, 20], [0.2, 0.1])
    networks = engine(two_halves(1))
    np.testing.assert_allclose(explain(one, networks), explain(other, networks), atol=1e-7)


def test_directions_that_the_decoder_lacks_are_left_out():
    kernel = two_halves(1)[[0, 1, 1]]
    rows = isometry(kernel).reshape(3, -1)
    eigenvalues = np.linalg.eigvalsh(rows @ rows.T)
    np.testing.assert_allclose(eigenvalues, [0, 1, 1], atol=1e-9)


def test_a_decoder_without_detail_gives_a_map_of_zeros():
    assert not explain(pair_of([1, 0], [1, 0]), engine(np.ones((2, 4, 4, 3)))).any()


def test_pixels_that_never_change_get_nothing_and_do_no_harm():
    kernel = np.random.default_rng(0).normal(size=(3, 8, 8, 3))
    kernel[:, :4] = 0
    found = explain(pair_of([1, 0, 0], [1, 0, 0]), engine(kernel))
    assert np.isfinite(found).all()
    assert not found[:3].any()


def test_the_kernel_is_found_whatever_the_bias():
    kernel = decoder_kernel(NETWORKS, NETWORKS.dimension)
    np.testing.assert_allclose(kernel.reshape(len(kernel), -1), NETWORKS.g, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_lpel_mended_refuses_a_broken_decoder(value):
    broken = AssembledNetworks(no_embedder, lambda h: np.full((len(h), 4, 4, 3), value, np.float32))
    with pytest.raises(EmbeddingError, match="broken"):
        explain(pair_of([1, 0], [0, 1]), broken)


def test_an_embedding_that_is_not_finite_is_refused():
    with pytest.raises(EmbeddingError):
        explain(pair_of([1, np.nan], [0, 1]), engine(two_halves(1)))


def test_images_of_one_pixel_have_no_neighbours():
    with pytest.raises(ParameterError, match="neighbouring"):
        explain(pair_of([1, 0], [0, 1]), engine(np.ones((2, 1, 1, 3))))
