"""LPEL mended against the literal oracle."""

import numpy as np
import pytest

from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_serving.methods.decoded.lpel_mended import LpelMended
from oracles import oracle_lpel_mended as oracle

pytestmark = pytest.mark.oracle


def no_embedder(crops: np.ndarray) -> np.ndarray:
    raise AssertionError("the embedder was asked")


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize(("dimension", "side"), [(1, 2), (2, 3), (4, 5), (7, 6)])
def test_the_map_of_lpel_mended_is_the_oracles(dimension, side, similar):
    rng = np.random.default_rng((dimension, side))
    kernel = rng.normal(size=(dimension, side, side, 3))
    kernel[0] *= 100  # a direction with a great gain
    kernel[:, 0, 0] *= 1e-4  # a pixel that hardly changes
    bias = rng.random((side, side, 3))

    def decode(embeddings):
        return np.tensordot(embeddings, kernel, axes=1) + bias

    crop = np.zeros((side, side, 3), np.uint8)
    h_r, h_t = rng.normal(size=(2, dimension)).astype(np.float32)
    pair = FacePair(crop, crop, h_r, h_t, similar)
    found = LpelMended()(pair, AssembledNetworks(no_embedder, decode), rng)
    expected = oracle.heat_map(
        lambda h: decode(np.array(h)).tolist(), h_r.tolist(), h_t.tolist(), similar
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
