"""The fast check of plausibility agrees with the definition."""

from fractions import Fraction

import numpy as np
import pytest

from lpel_serving.plausibility import FALSE_ALARMS, LEAST_APART, fit_plausibility
from oracles import oracle_plausibility as oracle


@pytest.mark.parametrize("apart", [LEAST_APART, 200, 398, 399, 401])
def test_distances_and_limit_are_those_of_the_definition(rng, apart):
    mixing = rng.normal(size=(5, 5)) * [1, 0.5, 0.2, 0.01, 0.0001]
    embeddings = (rng.normal(size=(LEAST_APART + apart, 5)) @ mixing + 0.7).astype(np.float32)
    known, others = embeddings[:LEAST_APART], embeddings[LEAST_APART:]
    check = fit_plausibility(known, others)
    expected = [oracle.distance(one, known.tolist()) for one in others.tolist()]
    np.testing.assert_allclose(check.distances(others), expected, rtol=1e-4)
    allowed = Fraction(FALSE_ALARMS).limit_denominator(1000)
    wanted = oracle.limit(check.distances(others).tolist(), allowed)
    assert check.limit == wanted
