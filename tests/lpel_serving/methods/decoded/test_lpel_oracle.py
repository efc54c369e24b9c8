"""An explanation against the literal equations in a row."""

import numpy as np
import pytest
from hypothesis import given

from lpel_serving.methods.decoded.lpel import explain_embeddings
from oracles import equations
from support.strategies import few, seeds

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("similar", [True, False])
@few
@given(seeds)
def test_an_explanation_is_the_equations_in_a_row(similar, seed):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(5, 4 * 4 * 3)).astype(np.float32)

    def decode(h: np.ndarray) -> np.ndarray:
        return (h @ kernel).reshape(-1, 4, 4, 3)

    h_r, h_t = rng.normal(size=(2, 1, 5)).astype(np.float32)
    (received,) = explain_embeddings(decode, h_r, h_t, np.array([similar]), p=0.5, epsilon=0.6)
    r = equations.relevance(h_r[0].tolist(), h_t[0].tolist(), similar)
    h_p = np.array([equations.perturbed(h_t[0].tolist(), r, 0.5)], np.float32)
    x, x_p = decode(h_t)[0], decode(h_p)[0]
    heat = equations.heat_map(x.tolist(), x_p.tolist())
    np.testing.assert_allclose(received.relevance, r, atol=1e-6)
    np.testing.assert_allclose(received.reconstruction, x, atol=1e-5)
    np.testing.assert_allclose(received.perturbed_reconstruction, x_p, atol=1e-5)
    np.testing.assert_allclose(received.heat_map, heat, atol=1e-5)
    np.testing.assert_array_equal(received.mask, equations.mask(heat, 0.6))
