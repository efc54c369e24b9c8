"""Any bytes are walked as a model, or refused."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.bundle.safety.external_data import refuse_external_data
from lpel_serving.support.errors import BundleError
from support import tiny
from support.strategies import damaged, few

pytestmark = pytest.mark.property


def walks_or_refuses(model: bytes) -> None:
    with contextlib.suppress(BundleError):
        refuse_external_data(model, "model.onnx")


@settings(few, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_walked_as_a_model_or_refused(model):
    walks_or_refuses(model)


models = st.sampled_from(
    [tiny.embedder_model().SerializeToString(), tiny.decoder_model().SerializeToString()]
)


@settings(few, max_examples=200)
@given(models, st.data())
def test_a_damaged_model_is_walked_or_refused(model, data):
    walks_or_refuses(damaged(data, model))
