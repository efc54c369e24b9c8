"""What holds of CorrRISE and of xFace for any images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lpel_serving.methods.measured.corrrise import CorrRise, correlation_map, draw_masks
from lpel_serving.methods.measured.xface import XFace, grids
from support.images import pixels
from support.networks import Linear, face_pair

pytestmark = pytest.mark.property

few = settings(max_examples=40, deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(2, 24)
methods = st.one_of(
    st.builds(
        CorrRise,
        masks=st.integers(2, 80),
        squares=st.integers(1, 4),
        size=st.floats(0.01, 1),
        ranked=st.booleans(),
    ),
    st.builds(
        XFace,
        patches=st.lists(st.integers(1, 111), min_size=1, max_size=3).map(tuple),
        stride=st.integers(15, 120),
        variant=st.sampled_from([1, 2, 3]),
    ),
)


@few
@given(methods, seeds, sides)
def test_maps_are_of_the_images_size_within_1_and_turn_with_the_decision(method, seed, side):
    networks = Linear(side)
    one, other = (
        method(
            face_pair(networks, pixels(seed, side), pixels(seed + 1, side), similar),
            networks,
            np.random.default_rng(seed),
        )
        for similar in (True, False)
    )
    assert one.shape == (side, side)
    assert one.dtype == np.float32
    assert np.abs(one).max() <= 1
    np.testing.assert_array_equal(one, -other)


@few
@given(
    arrays.arrays(np.float32, (40,), elements=st.integers(-64, 64).map(lambda n: n / 64)),
    st.booleans(),
    st.sampled_from([0.25, 0.5, 2.0]),
    st.sampled_from([-0.5, 0.0, 0.25]),
    seeds,
)
def test_a_correlation_knows_no_scale_and_turns_with_the_similarities(
    similarities, ranked, scale, shift, seed
):
    masks = draw_masks(np.random.default_rng(seed), 40)
    values = correlation_map(masks, similarities, (12, 9), ranked=ranked)
    moved = np.float32(scale) * similarities + np.float32(shift)
    received = correlation_map(masks, np.stack([moved, -similarities]), (12, 9), ranked=ranked)
    np.testing.assert_allclose(received, np.stack([values, -values]), atol=1e-6)


@few
@given(st.integers(1, 300), st.integers(1, 111), st.integers(1, 120))
def test_every_square_begins_and_no_two_at_the_same_place(side, patch, stride):
    axis = grids((side, side), (patch,), stride)[0].rows
    assert axis.origins[0] == 0
    assert list(axis.origins) == sorted(set(axis.origins))
    assert axis.origins[-1] < side
    assert len(axis.origins) <= len(range(0, 112 - patch, stride))
    assert axis.spans.any(axis=1).all()
    assert 1 <= axis.patch <= max(1, side)
