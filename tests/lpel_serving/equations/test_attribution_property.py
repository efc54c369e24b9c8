"""What holds of fitted responses for any coalitions, losses and priors."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lpel_serving.equations.attribution import (
    evidence_for_difference,
    evidence_for_likeness,
    fit_responses,
)
from lpel_serving.methods.measured.embedding_losses import draw_coalitions
from support.strategies import few

pytestmark = pytest.mark.property


seeds = st.integers(0, 2**32 - 1)
sides = st.integers(1, 6)
counts = st.integers(1, 50)
scales = st.floats(-8, 8, width=32)
parameters = st.fixed_dictionaries(
    {
        "ridge": st.floats(0.05, 20),
        "smoothness": st.floats(0, 1.2).filter(lambda s: not 0 < s < 0.1),
    }
)
DIMENSION = 3


def case(seed: int, count: int, side: int):
    """Coalitions, two sets of losses, a prior."""
    rng = np.random.default_rng(seed)
    coalitions = draw_coalitions(rng, count, side**2, 1)
    one, other = rng.normal(size=(2, count, DIMENSION)).astype(np.float32)
    return coalitions, one, other, rng.normal(size=(side**2, DIMENSION)).astype(np.float32)


def close(received, expected) -> None:
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-4)


@few
@given(seeds, counts, sides, parameters, scales, scales)
def test_responses_are_linear_in_the_losses(seed, count, side, options, a, b):
    coalitions, one, other, _ = case(seed, count, side)
    together = fit_responses(coalitions, np.float32(a) * one + np.float32(b) * other, **options)
    apart = (fit_responses(coalitions, losses, **options) for losses in (one, other))
    close(together, sum(x * fitted for x, fitted in zip((a, b), apart, strict=True)))


@few
@given(seeds, counts, sides, parameters)
def test_a_prior_is_what_the_rest_is_fitted_about(seed, count, side, options):
    coalitions, losses, _, prior = case(seed, count, side)
    rest = (losses - coalitions @ prior).astype(np.float32)
    close(
        fit_responses(coalitions, losses, prior, **options),
        prior + fit_responses(coalitions, rest, **options),
    )


@few
@given(seeds, counts, sides, parameters)
def test_losses_that_the_prior_explains_move_nothing(seed, count, side, options):
    coalitions, _, _, prior = case(seed, count, side)
    losses = (coalitions @ prior).astype(np.float32)
    close(fit_responses(coalitions, losses, prior, **options), prior)


@few
@given(seeds, counts, sides, parameters)
def test_the_order_of_coalitions_does_not_matter(seed, count, side, options):
    coalitions, losses, _, prior = case(seed, count, side)
    order = np.random.default_rng(seed).permutation(count)
    close(
        fit_responses(coalitions[order], losses[order], prior, **options),
        fit_responses(coalitions, losses, prior, **options),
    )


@few
@given(seeds, counts, sides, parameters)
def test_each_dimension_is_fitted_by_itself_alike(seed, count, side, options):
    coalitions, losses, _, prior = case(seed, count, side)
    whole = fit_responses(coalitions, losses, prior, **options)
    for d in (2, 0):
        alone = fit_responses(coalitions, losses[:, [d]], prior[:, [d]], **options)
        close(alone, whole[:, [d]])


@few
@given(seeds, counts, sides, parameters)
def test_the_image_turned_over_turns_the_responses_over(seed, count, side, options):
    coalitions, losses, _, prior = case(seed, count, side)
    grid = np.arange(side**2).reshape(side, side)
    whole = fit_responses(coalitions, losses, prior, **options)
    for places in (grid.T.ravel(), grid[::-1].ravel(), grid[:, ::-1].ravel()):
        turned = fit_responses(coalitions[:, places], losses, prior[places], **options)
        close(turned, whole[places])


@few
@given(seeds, counts, sides, parameters)
def test_everything_told_twice_and_believed_half_as_much_is_told_once(seed, count, side, options):
    coalitions, losses, _, prior = case(seed, count, side)
    twice = fit_responses(
        np.tile(coalitions, (2, 1)),
        np.tile(losses, (2, 1)),
        prior,
        ridge=2 * options["ridge"],
        smoothness=options["smoothness"],
    )
    close(twice, fit_responses(coalitions, losses, prior, **options))


@few
@given(seeds, sides, st.sampled_from([0, 0.4, 0.8]))
def test_responses_are_found_again_from_what_they_add_up_to(seed, side, smoothness):
    rng = np.random.default_rng(seed)
    responses = rng.normal(size=(side**2, DIMENSION)).astype(np.float32)
    coalitions = draw_coalitions(rng, 8 * side**2 + 10, side**2, 0.6)
    assume(np.linalg.cond(coalitions.astype(np.float64)) < 100)
    losses = (coalitions @ responses).astype(np.float32)
    received = fit_responses(coalitions, losses, ridge=1e-8, smoothness=smoothness)
    np.testing.assert_allclose(received, responses, atol=1e-3)


@few
@given(seeds, sides, scales, scales)
def test_evidence_is_linear_and_difference_knows_no_roles(seed, side, a, b):
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(2, side**2, DIMENSION)).astype(np.float32)
    h_t, h_r = rng.normal(size=(2, DIMENSION)).astype(np.float32)
    mixed = np.float32(a) * one + np.float32(b) * other
    close(
        evidence_for_likeness(mixed, h_r),
        a * evidence_for_likeness(one, h_r) + b * evidence_for_likeness(other, h_r),
    )
    there = evidence_for_difference(one, other, h_t, h_r)
    np.testing.assert_array_equal(there, evidence_for_difference(other, one, h_r, h_t))
    assert not evidence_for_difference(one, one, h_t, h_r).any()
    assert not evidence_for_difference(one, other, h_t, h_t).any()
