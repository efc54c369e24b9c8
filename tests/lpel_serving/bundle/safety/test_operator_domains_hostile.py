"""Bundles whose models call other code than standard ONNX, or hide what they are."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.safety.protobuf import fields
from lpel_serving.support.errors import BundleError
from support import tiny
from support.hostile import (
    constant,
    graph,
    message,
    nested,
    no_session,
    put,
    refuse,
    tensor,
    varint,
)

pytestmark = pytest.mark.hostile

MODELS = ["embedder", "decoder", "responses"]


def of(name: str) -> onnx.ModelProto:
    return getattr(tiny, f"{name}_model")()


def bundle_with(tmp_path, name: str, model: bytes):
    return tiny.write_bundle(tmp_path / "bundle", **{name: model})


# --- operators of other domains ---


def custom(domain="custom", kind="Run") -> onnx.NodeProto:
    return helper.make_node(kind, [], ["c"], domain=domain)


def in_graph(model):
    model.graph.node.append(custom())


def of_microsoft(model):
    model.graph.node.append(custom("com.microsoft", "EPContext"))


def of_ml(model):
    model.graph.node.append(custom("ai.onnx.ml", "LabelEncoder"))


def of_training(model):
    model.graph.node.append(custom("ai.onnx.preview.training", "Adam"))


def of_another_case(model):
    model.graph.node.append(custom("AI.ONNX"))


def with_a_null_byte(model):
    model.graph.node.append(custom("ai.onnx\0custom"))


def in_if(model):
    model.graph.node.append(nested(graph([custom()]), depth=1))


def in_nested_if(model):
    model.graph.node.append(nested(graph([custom()]), depth=20))


def in_graph_list(model):
    node = constant(value_int=1)
    node.attribute.append(helper.make_attribute("all", [graph(), graph([custom()])]))
    model.graph.node.append(node)


def in_training(model):
    model.training_info.add().algorithm.CopyFrom(graph([custom()]))


def imported(model):
    model.opset_import.append(helper.make_opsetid("custom", 1))


def microsoft_imported(model):
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def function(domain: str, nodes) -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_function(domain, "MatMul", [], ["c"], nodes, opsets)


def as_function(model):
    model.functions.append(function("custom", [constant(value_int=1)]))


def as_function_in_place_of_a_standard_operator(model):
    model.functions.append(function("", [constant(value_int=1)]))


def in_function(model):
    model.functions.append(function("ai.onnx", [custom()]))


FOREIGN = [
    (in_graph, "domain 'custom'"),
    (of_microsoft, "domain 'com.microsoft'"),
    (of_ml, "domain 'ai.onnx.ml'"),
    (of_training, "domain 'ai.onnx.preview.training'"),
    (of_another_case, "domain 'AI.ONNX'"),
    (with_a_null_byte, r"domain 'ai.onnx\x00custom'"),
    (in_if, "domain 'custom'"),
    (in_nested_if, "domain 'custom'"),
    (in_graph_list, "domain 'custom'"),
    (in_training, "domain 'custom'"),
    (imported, "imports the operators of the domain 'custom'"),
    (microsoft_imported, "imports the operators of the domain 'com.microsoft'"),
    (as_function, "functions of its own"),
    (as_function_in_place_of_a_standard_operator, "functions of its own"),
    (in_function, "functions of its own"),
]


@pytest.mark.parametrize(("hide", "words"), FOREIGN, ids=[hide.__name__ for hide, _ in FOREIGN])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_other_operators_than_the_standard_s_is_refused(
    tmp_path, monkeypatch, name, hide, words
):
    model = of(name)
    hide(model)
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError) as caught:
        Explainer.load(bundle_with(tmp_path, name, model.SerializeToString()))
    assert f"{name}.onnx " in str(caught.value)
    assert words in str(caught.value)
    assert "export it" in str(caught.value)


def test_a_domain_that_is_no_text_is_shown_harmlessly_and_cut(tmp_path):
    node = message(7, b"\x1b[2J\xff" + b"x" * 1000)
    model = with_more_in_its_graph(tiny.embedder_model(), message(1, node))
    with pytest.raises(BundleError) as caught:
        load_bundle(bundle_with(tmp_path, "embedder", model))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_the_standard_domain_under_its_long_name_is_accepted(tmp_path):
    model = tiny.embedder_model()
    model.opset_import[0].domain = "ai.onnx"
    for node in model.graph.node:
        node.domain = "ai.onnx"
    load_bundle(bundle_with(tmp_path, "embedder", model.SerializeToString()))


def test_an_import_of_ai_onnx_ml_is_accepted_as_the_exports_declare_it(tmp_path):
    model = tiny.decoder_model()
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 2))
    Explainer.load(bundle_with(tmp_path, "decoder", model.SerializeToString()))


def quantised_decoder() -> bytes:
    """The tiny decoder with its kernel in eight bits."""
    model = tiny.decoder_model()
    kernel = tiny.decoder_kernel()
    scale = np.float32(np.abs(kernel).max() / 127)
    weights = {
        "eight": np.round(kernel / scale).astype(np.int8),
        "scale": scale,
        "zero": np.array(0, np.int8),
    }
    del model.graph.initializer[0]
    for name, values in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    names = ["eight", "scale", "zero"]
    model.graph.node.insert(0, helper.make_node("DequantizeLinear", names, ["kernel"]))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_standard_quantisation_is_accepted(tmp_path):
    explainer = Explainer.load(bundle_with(tmp_path, "decoder", quantised_decoder()))
    h = np.ones((1, tiny.DIMENSION), np.float32)
    np.testing.assert_allclose(explainer.decode(h), tiny.decode(h), atol=0.1)


# --- the one-file explainer, which is not run here but looked at all the same ---


def external(model):
    model.graph.initializer.append(tensor())
    model.graph.initializer[-1].data_location = TensorProto.EXTERNAL


def with_nan(model):
    model.graph.initializer.append(tensor((1.0, np.nan)))


@pytest.mark.parametrize(
    ("hide", "words"),
    [
        (external, "other files"),
        (of_microsoft, "com.microsoft"),
        (microsoft_imported, "com.microsoft"),
        (as_function, "functions of its own"),
        (with_nan, "NaN or infinity"),
    ],
    ids=["external", "of_microsoft", "microsoft_imported", "as_function", "with_nan"],
)
@pytest.mark.parametrize("name", ["explainer.onnx", "another.onnx"])
def test_a_model_that_is_listed_but_not_run_is_refused_too(tmp_path, name, hide, words):
    folder = tiny.write_bundle(tmp_path / "bundle")
    model = tiny.embedder_model()
    hide(model)
    put(folder, name, model.SerializeToString())
    refuse(folder, f"{name} ", words)


def test_an_explainer_that_is_altered_cut_or_no_model_is_refused(tmp_path):
    folder = tiny.write_bundle(tmp_path / "bundle")
    whole = quantised_decoder()
    path = put(folder, "explainer.onnx", whole)
    load_bundle(folder)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refuse(folder, str(path), "SHA-256")
    path.write_bytes(whole[:-1])
    refuse(folder, str(path), "copied incompletely")
    path.unlink()
    refuse(folder, str(path), "cannot be read")
    put(folder, "explainer.onnx", b"no model")
    refuse(folder, "explainer.onnx is not an ONNX model")


def test_an_explainer_is_verified_and_neither_kept_nor_opened(tmp_path):
    folder = tiny.write_bundle(tmp_path / "bundle")
    put(folder, "explainer.onnx", quantised_decoder())
    loaded = load_bundle(folder)
    assert (loaded.decoder, loaded.responses) == (tiny.decoder_model().SerializeToString(), None)
    assert quantised_decoder() not in vars(loaded).values()
    assert "explainer.onnx" in loaded.manifest.files
    Explainer.load(folder)


# --- bytes that mean one thing here and another to onnxruntime ---


def in_onnxruntimes_own_format(model: onnx.ModelProto, folder) -> bytes:
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return (folder / "model.ort").read_bytes()


def as_protobuf_too(model: bytes) -> bytes:
    """A file that onnxruntime loads as its own format, and that is valid protobuf as well.

    The first four bytes tell where the contents begin, and that place must suit their alignment:
    as protobuf, they are a number and the beginning of a text of four letters.
    """
    start = int.from_bytes(model[:4], "little")
    first = bytes([15 << 3 if start % 16 == 8 else 14 << 3, 1, 1 << 3 | 2, 4])
    shift = int.from_bytes(first, "little") - start
    assert shift % 16 == 0
    rest = bytes(shift) + model[8:]
    head = first + b"ORTM" + bytes([15 << 3 | 2])
    size = len(rest) - 5  # the length itself takes four bytes and its key one, out of the padding
    return head + varint(size) + rest[5:]


def test_a_model_in_another_format_that_looks_like_protobuf_is_refused(tmp_path, monkeypatch):
    model = as_protobuf_too(in_onnxruntimes_own_format(tiny.responses_model(), tmp_path))
    assert onnxruntime.InferenceSession(model).get_inputs()[0].name == "embedding"  # it is real
    onnx.ModelProto.FromString(model)
    list(fields(memoryview(model)))
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError, match=r"responses\.onnx is in onnxruntime's own format"):
        Explainer.load(bundle_with(tmp_path, "responses", model))


def second_graph(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString() + message(7, graph().SerializeToString())


def with_more_in_its_graph(model: onnx.ModelProto, more: bytes) -> bytes:
    whole = model.graph.SerializeToString() + more
    model.ClearField("graph")
    return model.SerializeToString() + message(7, whole)


NAN = b"\0\0\xc0\x7f"
AS_INTEGERS, AS_FLOATS = bytes([2 << 3, TensorProto.UINT8]), bytes([2 << 3, TensorProto.FLOAT])


def type_in_two_fields(model: onnx.ModelProto) -> bytes:
    """NaN under a harmless type, and after it the true one, which is what counts."""
    hidden = AS_INTEGERS + message(9, NAN) + AS_FLOATS
    return with_more_in_its_graph(model, message(5, hidden))


def tensor_in_two_messages(model: onnx.ModelProto) -> bytes:
    """NaN under a harmless type, and the true one in a message that protobuf merges with it."""
    attribute = message(5, AS_INTEGERS + message(9, NAN)) + message(5, AS_FLOATS)
    return with_more_in_its_graph(model, message(1, message(5, attribute)))


TWICE = [second_graph, type_in_two_fields, tensor_in_two_messages]


@pytest.mark.parametrize("write", TWICE, ids=lambda write: write.__name__)
def test_a_model_that_says_twice_what_it_can_say_once_is_refused(tmp_path, write):
    model = write(tiny.embedder_model())
    onnx.load_from_string(model)  # protobuf takes it
    refuse(bundle_with(tmp_path, "embedder", model), "is not an ONNX model", "twice")


def test_numbers_written_as_no_exporter_writes_them_are_refused(tmp_path):
    half, not_packed = bytes([2 << 3, TensorProto.FLOAT16]), bytes([5 << 3]) + varint(0x7E00)
    model = with_more_in_its_graph(tiny.embedder_model(), message(5, half + not_packed))
    assert np.isnan(numpy_helper.to_array(onnx.load_from_string(model).graph.initializer[-1]))
    refuse(bundle_with(tmp_path, "embedder", model), "is not an ONNX model", "unknown way")
