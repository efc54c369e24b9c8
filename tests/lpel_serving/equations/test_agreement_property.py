"""What holds of rank correlation and of intersection over union for any maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from lpel_serving.equations.agreement import intersection_over_union, spearman
from support.strategies import few, vectors

pytestmark = pytest.mark.property


@settings(few, max_examples=200)
@given(vectors(2))
def test_spearman_is_bounded_symmetric_and_ignores_rising_changes(values):
    first, second = values
    rho = spearman(first, second)
    assert -1 <= rho <= 1
    assert rho == spearman(second, first)
    assert spearman(first, first) == pytest.approx(1 if np.ptp(first) else 0)
    ranks = np.searchsorted(np.unique(first), first).astype(np.float32)
    assert spearman(ranks, second) == rho


@few
@given(arrays.arrays(np.bool_, (2, 4, 5)))
def test_iou_is_bounded_and_symmetric(masks):
    iou = intersection_over_union(masks[0], masks[1])
    assert 0 <= iou <= 1
    assert iou == intersection_over_union(masks[1], masks[0])
    assert intersection_over_union(masks[0], masks[0]) == 1
