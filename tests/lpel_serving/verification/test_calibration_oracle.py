"""Platt scaling and its reliability against the literal oracle."""

import numpy as np
import pytest

from lpel_serving.verification.calibration import fit_calibration
from lpel_serving.verification.reliability import EDGES, FOLDS, measure_reliability
from oracles import oracle_calibration as oracle

pytestmark = pytest.mark.oracle


def drawn(n_same: int, n_different: int, apart: float, spread: float = 0.15):
    """Similarities of both kinds, about means so far apart, in mixed order."""
    rng = np.random.default_rng((n_same, n_different))
    same = rng.permutation(np.arange(n_same + n_different) < n_same)
    similarities = rng.normal(0.2 + apart * same, spread)
    return np.clip(similarities, -1, 1).astype(np.float32), same


def listed(similarities, same):
    return [(float(s), bool(one)) for s, one in zip(similarities, same, strict=True)]


CASES = {
    "overlapping": drawn(20, 20, 0.2),
    "hardly apart": drawn(25, 40, 0.05),
    "parted without an error": drawn(12, 12, 0.9, 0.05),
    "few of one person": drawn(11, 30, 0.3),
    "few of two": drawn(30, 11, 0.3),
    "ties": (np.repeat([0.1, 0.4, 0.7], 10).astype(np.float32), np.tile([True, False, True], 10)),
    "one outlier": (
        np.array([-1.0] + [0.8] * 14 + [0.1] * 15, np.float32),
        np.array([True] * 15 + [False] * 15),
    ),
}
CASES["ties"][1][:10] = False


@pytest.mark.parametrize("case", CASES)
def test_the_fit_is_where_the_likelihood_is_greatest(case):
    similarities, same = CASES[case]
    slope, intercept = oracle.fit(listed(similarities, same))
    received = fit_calibration(similarities, same)
    assert received.slope == pytest.approx(slope, rel=1e-7, abs=1e-9)
    assert received.intercept == pytest.approx(intercept, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("case", ["overlapping", "few of one person", "parted without an error"])
def test_reliability_is_that_of_folds_held_out(case):
    similarities, same = CASES[case]
    pairs = listed(similarities, same)
    log_odds = oracle.held_out(pairs, FOLDS)
    rows, error = oracle.bins(pairs, log_odds, EDGES)
    brier, loss = oracle.scores(pairs, log_odds)
    received = measure_reliability(similarities, same)
    assert received.brier_score == pytest.approx(brier, rel=1e-6)
    assert received.log_loss == pytest.approx(loss, rel=1e-6)
    assert received.calibration_error == pytest.approx(error, rel=1e-5)
    assert [one.pairs for one in received.bins] == [row[-1] for row in rows]
    for one, row in zip(received.bins, rows, strict=True):
        foretold = (one.foretold, one.observed, one.low, one.high)
        assert foretold == pytest.approx(row[:4], rel=1e-5, abs=1e-9)
