"""What holds of superpixels and of curves for any input."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lpel_serving.equations.fill import FILLS, Fill
from lpel_serving.equations.superpixels import descending, labels, superpixel_sums
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import (
    area,
    bootstrap,
    counts,
    normalise_rising,
    prefixes,
)
from lpel_serving.faithfulness.judgement import normalised
from lpel_serving.methods.measured.replacement import KINDS
from support.images import pixels
from support.networks import Fixed, Linear, face_pair
from support.strategies import few

pytestmark = pytest.mark.property

very_few = settings(max_examples=12, deadline=None, derandomize=True)

seeds = st.integers(0, 2**32 - 1)
sides = st.integers(2, 9)
numbers = st.floats(-1e4, 1e4, width=32)
maps = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=numbers
)
small_maps = arrays.arrays(np.float32, (8, 8), elements=st.integers(-50, 50).map(float))
curves_of_nine = arrays.arrays(np.float64, (2, 9), elements=st.floats(-1, 1))


@few
@given(maps, sides)
def test_sums_preserve_the_total(values, side):
    sums = superpixel_sums(values, side)
    assert sums.shape == (side * side,)
    total = values.astype(np.float64).sum()
    assert sums.sum() == pytest.approx(total, rel=1e-9, abs=1e-6)


@few
@given(maps, sides)
def test_sums_of_a_turned_map_are_turned(values, side):
    received = superpixel_sums(np.ascontiguousarray(values.T), side).reshape(side, side)
    expected = superpixel_sums(values, side).reshape(side, side).T
    np.testing.assert_allclose(received, expected, rtol=1e-9, atol=1e-6)


@few
@given(small_maps, st.sampled_from([0.25, 2.0, 1024.0]), st.sampled_from([2, 4, 8]), seeds)
def test_a_positive_scale_changes_no_order(values, scale, side, seed):
    one, other = (
        descending(superpixel_sums(each, side), np.random.default_rng(seed))
        for each in (values, values * np.float32(scale))
    )
    np.testing.assert_array_equal(one, other)


@few
@given(small_maps, st.sampled_from([2, 4, 8]), seeds)
def test_an_order_holds_every_superpixel_once_and_its_sums_fall(values, side, seed):
    sums = superpixel_sums(values, side)
    order = descending(sums, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(side * side))
    assert (np.diff(sums[order]) <= 0).all()


@few
@given(seeds, sides, st.integers(1, 81))
def test_prefixes_are_nested_and_of_the_size_that_was_asked_for(seed, side, every):
    assume(every <= side * side)
    order = np.random.default_rng(seed).permutation(side * side)
    replaced = counts(side * side, every)
    sets = prefixes(order, replaced)
    assert sets.sum(axis=1).tolist() == replaced.tolist()
    assert not (sets[:-1] & ~sets[1:]).any()
    for chosen, count in zip(sets, replaced, strict=True):
        assert set(np.flatnonzero(chosen)) == set(order[:count].tolist())


@few
@given(st.integers(1, 100), st.integers(1, 100))
def test_steps_grow_from_none_to_all(superpixels, every):
    assume(every <= superpixels)
    replaced = counts(superpixels, every)
    assert replaced[0] == 0
    assert replaced[-1] == superpixels
    assert (np.diff(replaced) > 0).all()
    assert (np.diff(replaced)[:-1] == every).all()


@few
@given(st.integers(1, 60), st.integers(1, 60), sides)
def test_every_pixel_lies_in_one_superpixel(height, width, side):
    assume(min(height, width) >= side)
    numbers = labels((height, width), side)
    assert np.bincount(numbers.ravel(), minlength=side * side).min() >= 1
    assert numbers.max() == side * side - 1
    assert (np.diff(numbers, axis=0) >= 0).all()


@few
@given(curves_of_nine, st.floats(-3, 3), st.floats(-3, 3), st.integers(1, 8))
def test_the_area_under_a_deletion_curve_is_linear(curves, a, b, every):
    replaced = counts(8, every)
    first, second = curves[:, replaced]
    together = area(a * first + b * second, replaced)
    expected = a * area(first, replaced) + b * area(second, replaced)
    assert together == pytest.approx(expected, abs=1e-9)


@few
@given(curves_of_nine)
def test_the_area_lies_between_the_lowest_and_the_highest_value(curves):
    received = area(curves, np.arange(9))
    assert (curves.min(axis=1) - 1e-12 <= received).all()
    assert (received <= curves.max(axis=1) + 1e-12).all()


@few
@given(arrays.arrays(np.float64, (5,), elements=st.floats(-1, 1)))
def test_a_rising_curve_starts_at_0_and_never_exceeds_1(curve):
    received = normalise_rising(curve)
    assert received[0] == 0
    assert received.max() <= 1 + 1e-9


@few
@given(arrays.arrays(np.float64, st.integers(1, 30), elements=st.floats(-1, 1)), seeds)
def test_an_interval_lies_among_the_values_and_turns_with_them(values, seed):
    one, turned = (
        bootstrap(each, np.random.default_rng(seed), resamples=200) for each in (values, -values)
    )
    assert values.min() - 1e-12 <= one.low <= one.high <= values.max() + 1e-12
    assert turned.low == pytest.approx(-one.high, abs=1e-12)
    assert turned.sign == -one.sign


def measured_at(seed: int, similar: bool, kind: str, fill: Fill, batch_size: int = 8, shared=False):
    networks = Linear(dimension=4, seed=seed % 1000)
    pairs = [face_pair(networks, pixels(seed + i), pixels(seed + i + 9), similar) for i in range(2)]
    heat = np.random.default_rng(seed).normal(size=(8, 8))
    choice = CurveSettings(kind, 4, 16, every=3, fill=fill, shared_noise=shared, draws=1)
    rng = np.random.default_rng(seed)
    return measure_curves(
        networks, pairs, ("ours", Fixed(heat)), choice, rng, batch_size=batch_size
    )


@very_few
@given(seeds, st.booleans())
def test_a_transplant_ends_at_a_similarity_of_1(seed, similar):
    measured = measured_at(seed, similar, "transplant", Fill())
    np.testing.assert_allclose(measured.similarities[:, :, -1], 1, atol=1e-6)
    if not similar:
        np.testing.assert_allclose(normalised(measured)[:, :, -1], 1, atol=1e-5)


@very_few
@given(seeds, st.sampled_from([name for name in FILLS if name not in {"mean", "blur"}]))
def test_what_is_shared_ends_at_a_similarity_of_1(seed, fill):
    measured = measured_at(seed, False, "both", Fill(fill), shared=True)
    np.testing.assert_allclose(measured.similarities[:, :, -1], 1, atol=1e-6)


@very_few
@given(seeds, st.sampled_from(KINDS), st.sampled_from(FILLS))
def test_every_order_has_the_same_ends(seed, kind, fill):
    measured = measured_at(seed, False, kind, Fill(fill))
    ends = measured.similarities[:, :, [0, -1]]
    np.testing.assert_allclose(ends, np.broadcast_to(ends[:, :1], ends.shape), atol=1e-6)
    assert (np.abs(measured.similarities) <= 1).all()


@very_few
@given(seeds, st.sampled_from(KINDS), st.sampled_from(FILLS))
def test_the_same_seed_gives_the_same_result(seed, kind, fill):
    one, same = (measured_at(seed, False, kind, Fill(fill)) for _ in range(2))
    assert one.similarities.tobytes() == same.similarities.tobytes()
    assert one.names == same.names
    assert one.embedded == same.embedded
