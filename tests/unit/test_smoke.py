import numpy as np

from support import tiny
from support.images import pixels


def test_the_tiny_bundle_explains(tiny_explainer):
    pair = tiny_explainer.explain(pixels(0), pixels(1))
    h = tiny.embed(np.stack([pixels(0), pixels(1)]))
    np.testing.assert_allclose(pair.reference_embedding, h[0], rtol=1e-5)
    assert pair.forward.heat_map.shape == (8, 8)
