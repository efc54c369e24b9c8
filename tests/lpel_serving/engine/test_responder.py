"""The response decoder alone: responses of unit embeddings, and what it refuses."""

import numpy as np
import pytest

from lpel_serving.bundle.manifest import ResponseRecord
from lpel_serving.engine.responder import Responder
from lpel_serving.equations.similarity import unit
from lpel_serving.support.errors import BundleError, EmbeddingError
from support import tiny

MODEL = tiny.responses_model().SerializeToString()


def opened(side=tiny.SIDE, dimension=tiny.DIMENSION):
    return Responder(MODEL, ResponseRecord(side, {}), dimension)


@pytest.mark.parametrize("count", [1, 2, 33])
def test_responses_are_those_of_numpy_superpixels_row_by_row(rng, count):
    h = rng.normal(size=(count, tiny.DIMENSION)).astype(np.float32)
    responder = opened()
    received = responder.respond(h)
    assert received.shape == (count, tiny.SIDE**2, tiny.DIMENSION)
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, tiny.respond(unit(h)), atol=1e-5)
    np.testing.assert_allclose(responder.respond(297 * h), received, atol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (1, 5), (1, 6, 1), ()])
def test_embeddings_of_another_shape_are_refused(shape):
    with pytest.raises(EmbeddingError, match=r"expected embeddings of shape \(N, 6\), received"):
        opened().respond(np.zeros(shape, np.float32))


@pytest.mark.parametrize("other", [{"side": 5}, {"dimension": 5}], ids=str)
def test_a_responder_that_is_not_as_recorded_is_refused_when_it_is_opened(other):
    with pytest.raises(BundleError, match="the manifest promises"):
        opened(**other)
