"""Metadata read from a model's bytes, as the onnx package and onnxruntime read it."""

import onnx
import onnxruntime
import pytest

from lpel_serving.bundle.safety.metadata import read_metadata
from lpel_serving.support.errors import BundleError
from support import tiny


@pytest.mark.parametrize("said", [{}, {"method": "lpel"}, {"a": "", "é": "ü", "b": "x" * 1000}])
def test_metadata_of_a_model_is_what_was_written(said):
    model = tiny.decoder_model()
    onnx.helper.set_model_props(model, said)
    data = model.SerializeToString()
    by_runtime = onnxruntime.InferenceSession(data).get_modelmeta().custom_metadata_map
    assert read_metadata(memoryview(data)) == by_runtime == said


@pytest.mark.parametrize("data", [b"\x72\xff", b"\x72\x04\x0a\x02\xff\xfe", b"\xff" * 20])
def test_bytes_that_are_no_model_are_refused(data):
    with pytest.raises(BundleError, match="metadata"):
        read_metadata(memoryview(data))
