"""Rank correlation and intersection over union against the literal oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.equations.agreement import intersection_over_union, spearman
from oracles import equations
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("levels", [2, 3, 10, 10**6])
@few
@given(st.sampled_from([(2,), (3,), (4, 4), (6, 5)]), seeds)
def test_spearman_is_the_correlation_of_mean_ranks(levels, shape, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, levels, (2, *shape)).astype(np.float32)
    expected = equations.spearman(a.ravel().tolist(), b.ravel().tolist())
    assert spearman(a, b) == pytest.approx(expected, abs=1e-12)


def test_spearman_of_a_constant_map_is_zero():
    rising = np.arange(4, dtype=np.float32)
    assert spearman(np.ones(4, np.float32), rising) == 0
    assert spearman(rising, rising**3) == 1
    assert spearman(rising, -rising) == -1


@few
@given(seeds, st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_iou_is_intersection_over_union(seed, share):
    a, b = np.random.default_rng(seed).random((2, 4, 5)) < share
    expected = equations.intersection_over_union(a.tolist(), b.tolist())
    assert intersection_over_union(a, b) == pytest.approx(expected, abs=1e-15)
