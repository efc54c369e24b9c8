"""Shares of regions against polygons and rectangles, one by one."""

import numpy as np
import pytest

from lpel_serving.equations.regions import REGIONS, region_labels, region_shares
from oracles import oracle_regions

pytestmark = pytest.mark.oracle


def test_every_point_of_the_grid_lies_in_the_region_of_the_polygons():
    labels = region_labels(240)
    expected = [
        [oracle_regions.region((x + 0.5) / 240, (y + 0.5) / 240) for x in range(240)]
        for y in range(240)
    ]
    assert [[REGIONS[one] for one in row] for row in labels] == expected


@pytest.mark.parametrize("shape", [(8, 8), (40, 40), (37, 53), (250, 250), (1, 3)])
def test_shares_are_those_of_rectangles_that_overlap(shape):
    values = np.random.default_rng(shape).normal(size=shape).astype(np.float32)
    expected = oracle_regions.shares(values.tolist(), 240)
    received = {one.name: (one.area, one.for_, one.against) for one in region_shares(values)}
    assert set(received) == set(expected)
    for name, numbers in received.items():
        assert numbers == pytest.approx(expected[name], abs=1e-9)
