"""Responses: a vector for each superpixel; told, measured, or one corrected by the other."""

import dataclasses

import numpy as np
import pytest

from lpel_serving.equations.attribution import (
    evidence_for_difference,
    evidence_for_likeness,
    fit_responses,
    spatial_kernel,
)
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.methods import AssembledNetworks
from lpel_serving.methods.controls.derived import WithDecoder
from lpel_serving.methods.decoded.responses import Responses, enlarge, evidence
from lpel_serving.methods.measured.coalitions import Coalitions
from lpel_serving.methods.measured.embedding_losses import draw_coalitions
from lpel_serving.methods.measured.hybrid import Hybrid
from lpel_serving.methods.networks import no_responses
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_tf.research.measures.cost import CountingNetworks
from support import tiny
from support.additive import GREEN, ORDER, RED, Additive, coloured
from support.analytic import no_decoder
from support.images import pixels
from support.networks import SIDE, WEIGHTS, Linear, face_pair

BLACK = Fill("black")
SUPERPIXELS = SIDE**2
ADDITIVE = Additive()
SHARE = WEIGHTS / WEIGHTS.sum()
SHARE_OF_GREEN = ORDER / ORDER.sum()


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def normals(seed: int, *shape: int) -> np.ndarray:
    return generator(seed).normal(size=shape).astype(np.float32)


def two_reds():
    """A similar pair: each superpixel of the test speaks for it by its weight's share."""
    return face_pair(ADDITIVE, coloured(RED), coloured(RED), similar=True)


def red_and_green():
    """A dissimilar pair, green the reference."""
    return face_pair(ADDITIVE, coloured(GREEN), coloured(RED), similar=False)


def expected_of(pair) -> np.ndarray:
    """By hand: red loses along the first axis, green along the second."""
    return (SHARE if pair.similar else SHARE + SHARE_OF_GREEN).reshape(SIDE, SIDE)


# Fitting


def additive_losses(count: int, responses: np.ndarray, seed: int = 0):
    coalitions = draw_coalitions(generator(seed), count, len(responses))
    return coalitions, (coalitions @ responses).astype(np.float32)


@pytest.mark.parametrize("smoothness", [0, 0.7])
@pytest.mark.parametrize("side", [2, 4, 8])
def test_additive_losses_are_divided_exactly_as_the_ridge_goes_to_0(side, smoothness):
    responses = normals(1, side**2, 6)
    coalitions, losses = additive_losses(10 * side**2, responses)

    def error(ridge: float) -> float:
        received = fit_responses(coalitions, losses, ridge=ridge, smoothness=smoothness)
        return float(np.abs(received - responses).max())

    errors = [error(ridge) for ridge in (10, 0.1, 1e-3, 1e-7)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-4
    assert errors[-2] < errors[0] / 20


def test_as_few_coalitions_as_superpixels_are_enough_if_they_are_told_apart():
    responses = normals(1, SUPERPIXELS, 3)
    coalitions = np.tril(np.ones((SUPERPIXELS, SUPERPIXELS), np.bool_))
    losses = (coalitions @ responses).astype(np.float32)
    received = fit_responses(coalitions, losses, ridge=1e-9)
    np.testing.assert_allclose(received, responses, atol=1e-4)


def test_a_perfect_prior_is_not_moved():
    responses = normals(1, SUPERPIXELS, 6)
    for count in (1, 10, 300):
        coalitions, losses = additive_losses(count, responses)
        received = fit_responses(coalitions, losses, responses)
        np.testing.assert_allclose(received, responses, atol=1e-5)


def test_with_few_coalitions_the_prior_prevails_and_with_many_the_losses_do():
    responses, prior = normals(1, SUPERPIXELS, 6), normals(2, SUPERPIXELS, 6)
    from_prior, from_truth = [], []
    for count in (1, 8, 64, 256, 1024):
        received = fit_responses(*additive_losses(count, responses), prior)
        from_prior.append(float(np.linalg.norm(received - prior)))
        from_truth.append(float(np.linalg.norm(received - responses)))
    apart = float(np.linalg.norm(prior - responses))
    assert from_prior == sorted(from_prior)
    assert from_truth == sorted(from_truth, reverse=True)
    assert from_prior[0] < apart / 3
    assert from_truth[-1] < apart / 15


def test_the_more_the_losses_are_distrusted_the_nearer_is_the_prior():
    responses, prior = normals(1, SUPERPIXELS, 6), normals(2, SUPERPIXELS, 6)
    measured = additive_losses(100, responses)
    moved = [
        float(np.linalg.norm(fit_responses(*measured, prior, ridge=ridge) - prior))
        for ridge in (1e-6, 0.1, 1, 100, 1e9)
    ]
    assert moved == sorted(moved, reverse=True)
    assert moved[-1] < 1e-4


def test_no_coalitions_leave_the_prior_as_it_is():
    prior = normals(1, 9, 4)
    none = np.zeros((0, 9), np.bool_), np.zeros((0, 4), np.float32)
    np.testing.assert_array_equal(fit_responses(*none, prior), prior)
    np.testing.assert_array_equal(fit_responses(*none), np.zeros((9, 4)))


def test_one_superpixel_alone_takes_its_share_and_its_neighbours_some_of_it():
    coalitions = np.zeros((1, 25), np.bool_)
    coalitions[0, 12] = True
    loss = np.float32([[3, -6]])
    received = fit_responses(coalitions, loss, ridge=0.5, smoothness=0.7)
    # Its variance is 1, the noise's a half: two thirds are believed, and less the farther off.
    expected = np.outer(spatial_kernel(25, 0.7)[12], loss[0] * 2 / 3)
    np.testing.assert_allclose(received, expected, atol=1e-6)
    np.testing.assert_allclose(received[12], [2, -4], atol=1e-6)
    np.testing.assert_allclose(received[7] / received[12], np.exp(-1 / 0.98), atol=1e-6)


def test_without_smoothness_only_members_move():
    coalitions, losses = additive_losses(4, normals(1, 64, 3))
    prior = normals(2, 64, 3)
    received = fit_responses(coalitions, losses, prior, smoothness=0)
    never = ~coalitions.any(axis=0)
    assert never.any()
    np.testing.assert_array_equal(received[never], prior[never])
    assert (received[~never] != prior[~never]).any(axis=1).all()


def test_a_large_coalition_weighs_less_than_a_small_one():
    """Both tell of superpixel 0 at once: the one of 1 member is believed more than that of 9."""
    alone, together = np.eye(9, dtype=np.bool_)[:1], np.ones((1, 9), np.bool_)
    losses = np.float32([[1], [0]])
    received = fit_responses(np.concatenate([alone, together]), losses, smoothness=0)
    of_all = np.float32([[0], [1]])
    other = fit_responses(np.concatenate([alone, together]), of_all, smoothness=0)
    assert received[0, 0] > 0.5 > other[0, 0] > 0
    # By hand: noise 1/2; precision of the first 1 + 2 + 2/9, of the others 1 + 2/9.
    precision = np.eye(9) + 2 / 9 + 2 * np.diag(np.eye(9)[0])
    np.testing.assert_allclose(received[:, 0], np.linalg.solve(precision, 2 * np.eye(9)[0]), 1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_responses_are_float32(dtype):
    coalitions, losses = additive_losses(10, normals(1, 9, 3))
    assert fit_responses(coalitions, losses.astype(dtype)).dtype == np.float32


def test_fitting_changes_nothing_that_it_is_given():
    coalitions, losses = additive_losses(10, normals(1, 9, 3))
    prior = normals(2, 9, 3)
    before = coalitions.copy(), losses.copy(), prior.copy()
    fit_responses(coalitions, losses, prior)
    for old, new in zip(before, (coalitions, losses, prior), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize(
    ("coalitions", "losses", "prior"),
    [
        ((5, 9), (4, 3), None),
        ((5, 8), (5, 3), None),
        ((9,), (9, 3), None),
        ((5, 9), (5,), None),
        ((5, 3, 9), (5, 3, 9), None),
        ((5, 9), (5, 3), (9,)),
        ((5, 9), (5, 3), (9, 4)),
        ((5, 9), (5, 3), (3, 3, 3)),
        ((5, 9), (5, 3), (16, 3)),
    ],
)
def test_shapes_that_do_not_fit_are_refused_and_told(coalitions, losses, prior):
    given = None if prior is None else np.zeros(prior, np.float32)
    with pytest.raises(ParameterError, match=r"shape \(N, K\) on a square grid.*received"):
        fit_responses(np.ones(coalitions, np.bool_), np.ones(losses, np.float32), given)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"ridge": value} for value in (0, -1, np.nan, np.inf)),
        *({"smoothness": value} for value in (-0.1, np.nan, np.inf)),
    ],
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError, match=r"ridge lies from .* the smoothness from 0\.1 to 100"):
        fit_responses(*additive_losses(5, normals(1, 9, 2)), **wrong)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_losses_and_priors_that_are_not_finite_are_refused(value):
    coalitions, losses = additive_losses(5, normals(1, 9, 2))
    broken = np.zeros((9, 2), np.float32)
    broken[3, 1] = value
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        fit_responses(coalitions, losses, broken)
    losses[2, 0] = value
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        fit_responses(coalitions, losses)


# Evidence


def test_evidence_for_difference_is_the_same_with_the_roles_exchanged():
    of_t, of_r, (h_t, h_r) = normals(1, 9, 5), normals(2, 9, 5), normals(3, 2, 5)
    there = evidence_for_difference(of_t, of_r, h_t, h_r)
    back = evidence_for_difference(of_r, of_t, h_r, h_t)
    np.testing.assert_array_equal(there, back)
    assert there.any()


def test_one_references_evidence_is_that_of_many():
    responses, many = normals(1, 9, 5), normals(2, 7, 5)
    received = evidence_for_likeness(responses, many)
    assert received.shape == (7, 9)
    for one, values in zip(many, received, strict=True):
        np.testing.assert_allclose(evidence_for_likeness(responses, one), values, atol=1e-6)


def test_evidence_does_not_hang_on_the_length_of_embeddings():
    for pair in (two_reds(), red_and_green()):
        of_t, of_r = ADDITIVE.respond(np.stack([pair.h_t, pair.h_r]))
        longer = dataclasses.replace(pair, h_r=5 * pair.h_r, h_t=pair.h_t / 7)
        np.testing.assert_allclose(
            evidence(longer, COSINE, of_t, of_r), evidence(pair, COSINE, of_t, of_r), atol=1e-6
        )


def test_a_dissimilar_pair_needs_the_references_responses():
    pair = red_and_green()
    of_test, _ = ADDITIVE.respond(np.stack([pair.h_t, pair.h_r]))
    with pytest.raises(ParameterError, match="both images: give the reference's"):
        evidence(pair, COSINE, of_test, None)
    assert evidence(two_reds(), COSINE, of_test, None).shape == (SIDE, SIDE)


def test_a_map_is_enlarged_smoothly_and_never_made_smaller():
    values = normals(1, 4, 4)
    assert enlarge(values, 3) is values
    assert enlarge(values, 4) is values
    large = enlarge(values, 40)
    assert (large.shape, large.dtype) == ((40, 40), np.float32)
    middles = large.reshape(4, 10, 4, 10)[:, 4:6, :, 4:6].mean(axis=(1, 3))
    assert np.corrcoef(middles.ravel(), values.ravel())[0, 1] > 0.98
    assert np.abs(np.diff(large, axis=0)).max() < np.abs(np.diff(values, axis=0)).max() / 3
    np.testing.assert_allclose(enlarge(np.full((3, 3), 2, np.float32), 7), 2, atol=1e-5)


# The methods

TOLD, MEASURED = Responses(SIDE), Coalitions(600, SIDE, BLACK, SIDE)
CORRECTED = Hybrid(40, BLACK, SIDE)


@pytest.mark.parametrize("pair", [two_reds(), red_and_green()], ids=["similar", "dissimilar"])
@pytest.mark.parametrize(
    ("method", "tolerance"), [(TOLD, 1e-6), (MEASURED, 4e-3), (CORRECTED, 1e-5)]
)
def test_the_maps_of_an_additive_network_are_known(method, tolerance, pair):
    received = method(pair, ADDITIVE, generator())
    assert (received.shape, received.dtype) == ((SIDE, SIDE), np.float32)
    expected = expected_of(pair)
    np.testing.assert_allclose(received, expected, atol=tolerance)
    assert received.argmax() == expected.argmax()
    assert received.argmin() == expected.argmin()


def test_responses_find_the_whole_order():
    received = MEASURED(two_reds(), ADDITIVE, generator())
    np.testing.assert_array_equal(received.ravel().argsort(), WEIGHTS.argsort())


@pytest.mark.parametrize("pair", [two_reds(), red_and_green()], ids=["similar", "dissimilar"])
@pytest.mark.parametrize("count", [1, 5, 100])
def test_a_hybrid_with_a_perfect_prior_does_not_move_from_it(count, pair):
    received = Hybrid(count, BLACK, SIDE)(pair, ADDITIVE, generator())
    told = TOLD(pair, ADDITIVE, generator())
    np.testing.assert_allclose(received, told, atol=1e-5)


def test_a_hybrid_goes_from_what_was_told_to_what_is_measured():
    wrong = AssembledNetworks(ADDITIVE.embed, no_decoder, lambda h: -ADDITIVE.respond(h))
    pair = two_reds()
    told = TOLD(pair, wrong, generator())
    np.testing.assert_allclose(told, -expected_of(pair), atol=1e-6)
    truth = expected_of(pair)
    maps = [Hybrid(count, BLACK, SIDE)(pair, wrong, generator()) for count in (1, 16, 256, 1024)]
    errors = [float(np.abs(values - truth).max()) for values in maps]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.005
    ways = [float(np.linalg.norm(values - told)) for values in maps]
    assert ways == sorted(ways)
    assert ways[0] < 0.6 * np.linalg.norm(truth - told)


@pytest.mark.parametrize("similar", [True, False])
def test_what_is_told_of_a_pair_exchanged(responding_explainer, similar):
    pair = face_pair(responding_explainer, pixels(0), pixels(1), similar)
    there, back = (TOLD(one, responding_explainer, generator()) for one in (pair, pair.swapped))
    assert there.any()
    if similar:
        assert not np.allclose(there, back, atol=1e-3)
    else:
        np.testing.assert_allclose(there, back, atol=1e-6)


@pytest.mark.parametrize("method", [MEASURED, CORRECTED])
def test_what_is_measured_of_a_dissimilar_pair_exchanged_is_nearly_the_same(method):
    pair = red_and_green()
    there, back = (method(one, ADDITIVE, generator()) for one in (pair, pair.swapped))
    np.testing.assert_allclose(there, back, atol=8e-3)


def test_a_similar_pair_exchanged_is_explained_by_the_other_image():
    """The reference is black on the right, the test is not: what it has there speaks against."""
    half = coloured(RED)
    half[:, 8:] = 0
    pair = face_pair(ADDITIVE, half, coloured(RED), similar=True)
    forward, swapped = (MEASURED(one, ADDITIVE, generator()) for one in (pair, pair.swapped))
    assert forward[:, 2:].max() < -0.05
    np.testing.assert_allclose(swapped[:, 2:], 0, atol=5e-3)
    assert swapped[:, :2].max() > 0.05


def test_the_decision_decides_which_evidence_it_is():
    pair = red_and_green()
    similar = dataclasses.replace(pair, similar=True)
    for method in (TOLD, MEASURED, CORRECTED):
        assert method(pair, ADDITIVE, generator()).max() > 0.1
        # Red has nothing along the axis of green.
        np.testing.assert_allclose(method(similar, ADDITIVE, generator()), 0, atol=5e-3)


@pytest.mark.parametrize(
    ("method", "images"),
    [
        (Responses(), 0),
        (Coalitions(70, SIDE), 70),
        (Coalitions(), 256),
        (Hybrid(5), 5),
        (Hybrid(), 32),
    ],
)
@pytest.mark.parametrize("similar", [True, False])
def test_it_costs_as_many_embeddings_as_it_says_and_no_image_decoded(method, images, similar):
    linear = Linear()  # without its surrogate
    networks = CountingNetworks(AssembledNetworks(linear.embed, linear.decode, linear.respond))
    pair = face_pair(networks, pixels(0), pixels(1), similar)
    networks.embedded = 0
    method(pair, networks, generator())
    assert (networks.embedded, networks.decoded) == (images * (1 if similar else 2), 0)


def test_the_decoder_is_asked_once_for_both_images():
    asked = []

    def respond(embeddings):
        asked.append(embeddings.copy())
        return ADDITIVE.respond(embeddings)

    networks = AssembledNetworks(ADDITIVE.embed, no_decoder, respond)
    pair = red_and_green()
    for method in (TOLD, CORRECTED):
        asked.clear()
        method(pair, networks, generator())
        assert len(asked) == 1
        np.testing.assert_array_equal(asked[0], np.stack([pair.h_t, pair.h_r]))


def test_coalitions_ask_no_response_decoder():
    networks = AssembledNetworks(tiny.embed, no_decoder)
    pair = face_pair(networks, pixels(0), pixels(1), similar=False)
    received = Coalitions(20, SIDE)(pair, networks, generator())
    assert received.shape == (40, 40)
    assert received.any()


@pytest.mark.parametrize("size", [1, 4, 8, 40, 64])
def test_maps_have_the_size_that_was_asked_for_if_it_is_not_below_the_grids(size):
    pair = two_reds()
    for method in (Responses(size), Coalitions(5, SIDE, BLACK, size), Hybrid(5, BLACK, size)):
        values = method(pair, ADDITIVE, generator())
        assert values.shape == (max(size, SIDE), max(size, SIDE))


@pytest.mark.parametrize("method", [Coalitions(30, SIDE), Hybrid(10)])
def test_the_seed_decides_what_is_measured(responding_explainer, method):
    pair = face_pair(responding_explainer, pixels(0), pixels(1), similar=False)
    one, same, other = (method(pair, responding_explainer, generator(s)) for s in (3, 3, 4))
    assert one.tobytes() == same.tobytes()
    assert one.tobytes() != other.tobytes()


def test_what_is_told_needs_no_chance():
    rng = generator()
    one = TOLD(two_reds(), ADDITIVE, rng)
    assert one.tobytes() == TOLD(two_reds(), ADDITIVE, generator(9)).tobytes()
    assert rng.random() == generator().random()


def test_another_decoder_of_images_leaves_the_responses_alone():
    networks = Linear()
    pair = face_pair(networks, pixels(0), pixels(1), similar=True)
    for method in (TOLD, CORRECTED):
        received = WithDecoder(method, no_decoder, "none")(pair, networks, generator())
        np.testing.assert_array_equal(received, method(pair, networks, generator()))


# Refusals


@pytest.mark.parametrize("method", [Responses(), Hybrid()])
def test_networks_without_a_response_decoder_say_what_to_do(tiny_explainer, method):
    for networks in (tiny_explainer, AssembledNetworks(tiny.embed, tiny.decode)):
        pair = face_pair(networks, pixels(0), pixels(1), similar=True)
        with pytest.raises(ParameterError, match=r"no response decoder.*or choose another method"):
            method(pair, networks, generator())


def test_the_stand_in_for_a_response_decoder_always_refuses():
    with pytest.raises(
        ParameterError, match="to predict the responses of 3 images: give one, or choose"
    ):
        no_responses(np.zeros((3, 6), np.float32))
    assert AssembledNetworks(tiny.embed, tiny.decode).respond is no_responses


@pytest.mark.parametrize("method", [Coalitions(5, SIDE), Hybrid(5)])
@pytest.mark.parametrize("similar", [True, False])
def test_an_embedder_that_gives_nan_is_refused(method, similar):
    def broken(crops):
        return np.full((len(crops), tiny.DIMENSION), np.nan, np.float32)

    pair = face_pair(AssembledNetworks(tiny.embed, tiny.decode), pixels(0), pixels(1), similar)
    networks = AssembledNetworks(broken, no_decoder, tiny.respond)
    with pytest.raises(EmbeddingError, match="NaN or infinity: the embedder is broken"):
        method(pair, networks, generator())


def test_a_response_decoder_of_another_dimension_is_refused():
    networks = AssembledNetworks(
        tiny.embed, no_decoder, lambda h: np.zeros((len(h), 16, 5), np.float32)
    )
    pair = face_pair(networks, pixels(0), pixels(1), similar=True)
    with pytest.raises(ParameterError, match=r"received \(32, 16\), \(32, 6\) and \(16, 5\)"):
        Hybrid()(pair, networks, generator())


@pytest.mark.parametrize("make", [Responses, Coalitions, Hybrid])
@pytest.mark.parametrize("size", [0, -1, 4097])
def test_sizes_that_no_map_has_are_refused(make, size):
    with pytest.raises(ParameterError, match=f"from 1 to 4096; received {size}"):
        make(size=size)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [(Coalitions, {"count": 0}), (Coalitions, {"side": 1}), (Coalitions, {"side": 65}),
     (Hybrid, {"count": 0}), (Hybrid, {"count": -1})],
)  # fmt: skip
def test_measurements_that_cannot_be_are_refused(make, wrong):
    with pytest.raises(ParameterError, match=r"of 1 or more; received|from 2 to 64; received"):
        make(**wrong)
