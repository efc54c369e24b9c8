"""The fast check of plausibility agrees with the definition."""

from fractions import Fraction

import numpy as np
import pytest

from lpel_serving.verification.plausibility import FALSE_ALARMS, fit_plausibility
from oracles import oracle_plausibility as oracle

pytestmark = pytest.mark.oracle

KNOWN = 100


@pytest.mark.parametrize(("apart", "people"), [(120, 99), (120, 100), (340, 340), (500, 400)])
def test_distances_and_limit_are_those_of_the_definition(rng, apart, people):
    mixing = rng.normal(size=(5, 5)) * [1, 0.5, 0.2, 0.01, 0.0001]
    embeddings = rng.normal(size=(KNOWN + apart, 5)) @ mixing + 0.7
    known, others = np.split(embeddings.astype(np.float32), [KNOWN])
    who = [f"person {n % people}" for n in range(apart)]
    check = fit_plausibility(known, others, who)
    expected = [oracle.distance(one, known.tolist()) for one in others.tolist()]
    np.testing.assert_allclose(check.distances(others), expected, rtol=1e-4)
    allowed = Fraction(FALSE_ALARMS).limit_denominator(1000)
    assert check.limit == oracle.limit(check.distances(others).tolist(), who, allowed)
