"""One residual at a time against all at once."""

import numpy as np
import pytest

from lpel_serving.equations.residual_process import prior_process
from oracles import oracle_residual_process as oracle

pytestmark = pytest.mark.oracle

SIDE = 3


@pytest.mark.parametrize("count", [0, 1, 5, 12])
@pytest.mark.parametrize(("noise", "smoothness"), [(0.5, 0.7), (2.0, 0), (8.0, 1.0)])
def test_what_is_known_after_some_residuals(count, noise, smoothness):
    rng = np.random.default_rng(count)
    coalitions = rng.random((count, SIDE**2)) < 0.4
    coalitions[:, 0] |= ~coalitions.any(axis=1)
    residuals = rng.normal(size=count)
    process = prior_process(SIDE**2, noise, smoothness)
    for one, residual in zip(coalitions, residuals.tolist(), strict=True):
        process = process.seen(one, residual)
    rows = coalitions.astype(int).tolist()
    given = (noise, SIDE, smoothness)
    mean, covariance = oracle.conditioned(rows, residuals.tolist(), *given)
    np.testing.assert_allclose(process.corrections, mean, atol=1e-9)
    np.testing.assert_allclose(process.covariance, covariance, atol=1e-9)
    if count:
        evidence, scale = oracle.log_likelihood(rows, residuals.tolist(), *given)
        assert process.evidence == pytest.approx(evidence, abs=1e-8)
        assert process.scale**2 == pytest.approx(scale, rel=1e-9)
