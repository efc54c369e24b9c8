"""The decoder alone: it gives the images of its network, and refuses what is not as promised."""

import numpy as np
import pytest

from lpel_serving.bundle.manifest import DecoderRecord
from lpel_serving.engine.decoder import Decoder
from lpel_serving.support.errors import BundleError, EmbeddingError
from lpel_serving.support.image_shape import square
from support import tiny

MODEL = tiny.decoder_model().SerializeToString()


def opened(side=tiny.TARGET_SIZE, dimension=tiny.DIMENSION):
    return Decoder(MODEL, DecoderRecord(square(side), {}), dimension)


@pytest.mark.parametrize("count", [1, 2, 33])
def test_images_are_those_of_numpy(rng, count):
    h = rng.normal(size=(count, tiny.DIMENSION)).astype(np.float32)
    received = opened().decode(h)
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, tiny.decode(h), atol=1e-5)


@pytest.mark.parametrize("shape", [(6,), (1, 5), (1, 6, 1), ()])
def test_embeddings_of_another_shape_are_refused(shape):
    with pytest.raises(EmbeddingError, match=r"expected embeddings of shape \(N, 6\), received"):
        opened().decode(np.zeros(shape, np.float32))


@pytest.mark.parametrize("other", [{"side": 9}, {"dimension": 5}], ids=str)
def test_a_decoder_that_is_not_as_recorded_is_refused_when_it_is_opened(other):
    with pytest.raises(BundleError, match="the manifest promises"):
        opened(**other)
