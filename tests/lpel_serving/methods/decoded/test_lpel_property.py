"""What holds of the explanation of any embeddings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.methods.decoded.lpel import explain_embeddings
from support.strategies import few, seeds

pytestmark = pytest.mark.property


@few
@given(seeds, st.floats(0.05, 5), st.booleans())
def test_with_a_linear_decoder_p_does_not_change_the_normalised_heat_map(seed, p, similar):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(6, 4 * 4 * 3)).astype(np.float32)
    h = rng.normal(size=(2, 1, 6)).astype(np.float32)

    def decode(embeddings: np.ndarray) -> np.ndarray:
        return (embeddings @ kernel + np.float32(0.5)).reshape(-1, 4, 4, 3)

    (one,), (other,) = (
        explain_embeddings(decode, h[0], h[1], np.array([similar]), p=magnitude)
        for magnitude in (0.3, p)
    )
    np.testing.assert_allclose(one.normalised_heat_map, other.normalised_heat_map, atol=2e-4)
