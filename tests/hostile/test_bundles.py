"""Bundles that are broken, altered, or made to reach other files."""

import hashlib
import json
import os
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_serving import Explainer
from lpel_serving.bundle import load_bundle
from lpel_serving.errors import (
    BundleError,
    EmbeddingError,
    LpelError,
    ParameterError,
    ProviderError,
)
from lpel_serving.external_data import refuse_external_data
from lpel_serving.manifest import EMBEDDING, IMAGE, RECONSTRUCTION, RESPONSE, parse_manifest
from lpel_serving.methods import find_method
from support import tiny
from support.images import pixels

CUDA = "CUDAExecutionProvider"


@pytest.fixture
def bundle(tmp_path, responding_bundle):
    """A bundle that may be changed, with a response decoder."""
    return shutil.copytree(responding_bundle, tmp_path / "bundle")


def change(bundle, *place, to) -> None:
    """Change one value of the manifest; `to` may be `absent`, which takes the key out."""
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    home = manifest
    for key in place[:-1]:
        home = home[key]
    if to is absent:
        del home[place[-1]]
    else:
        home[place[-1]] = to
    path.write_text(json.dumps(manifest))


def absent() -> None:
    """Stand for the absence of a key."""


def refuse(bundle, *words: str, kind: type[LpelError] = BundleError) -> None:
    with pytest.raises(kind) as caught:
        load_bundle(bundle)
    for word in words:
        assert word in str(caught.value)


# --- the manifest ---


def test_a_missing_folder_is_refused_and_named(tmp_path):
    refuse(tmp_path / "none", str(tmp_path / "none"), "is not a bundle", "`lpel train`")


def test_a_folder_that_no_file_system_can_have_is_refused():
    refuse("bundle\0", "bundle")


def test_a_folder_without_a_manifest_is_refused_and_named(bundle):
    (bundle / "manifest.json").unlink()
    refuse(bundle, str(bundle), "is not a bundle", "manifest.json cannot be read")


def test_a_file_and_a_manifest_that_is_a_folder_are_refused(tmp_path, bundle):
    refuse(bundle / "embedder.onnx", "is not a bundle")
    (tmp_path / "odd" / "manifest.json").mkdir(parents=True)
    refuse(tmp_path / "odd", "is not a bundle")


TEXTS = {
    "nothing": ("", "not JSON"),
    "prose": ("a bundle", "not JSON"),
    "half": ('{"schema": 1', "not JSON"),
    "list": ("[]", "not a JSON object"),
    "number": ("1", "not a JSON object"),
    "null": ("null", "not a JSON object"),
    "empty object": ("{}", "manifest.schema: expected int"),
    "very deep": ("[" * 100_000, "not JSON"),
    "very long number": ('{"schema": ' + "1" * 5000 + "}", "not JSON"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_manifest_that_is_no_json_object_is_refused(bundle, kind):
    text, words = TEXTS[kind]
    (bundle / "manifest.json").write_text(text)
    refuse(bundle, words)


def test_a_manifest_that_is_not_utf8_is_refused_and_named(bundle):
    (bundle / "manifest.json").write_bytes(b"\xff\xfe{}")
    refuse(bundle, str(bundle / "manifest.json"), "not UTF-8")


def test_a_huge_manifest_is_refused_unread(bundle):
    with (bundle / "manifest.json").open("ab") as file:
        file.truncate(4 * 2**20 + 1)
    refuse(bundle, str(bundle / "manifest.json"), "larger than")


WRONG = [
    (("schema",), (absent, "1", 1.0, True, None), "manifest.schema"),
    (("files",), (absent, [], "x"), "manifest.files"),
    (("files", "embedder.onnx"), (None, [], "x"), "manifest.files.embedder.onnx"),
    (("files", "embedder.onnx", "sha256"), (absent, 1, "", "0" * 63, "G" * 64, "A" * 64), "sha256"),
    (("files", "embedder.onnx", "bytes"), (absent, "1", 1.5, True, None), "bytes"),
    (("embedder",), (absent, [], 1), "manifest.embedder"),
    (("embedder", "name"), (absent, 1, None), "manifest.embedder.name"),
    (
        ("embedder", "image_size"),
        (absent, "16", 16.0, True, -16, 0, 65537, 10**400),
        "manifest.embedder.image_size",
    ),
    (("embedder", "dimension"), (absent, "6", False, -6, 0), "manifest.embedder.dimension"),
    (("embedder", "standardisation"), (absent, 1), "manifest.embedder.standardisation"),
    (("decoder",), (absent, None), "manifest.decoder"),
    (("decoder", "image_size"), (absent, -8, True, 8.0), "manifest.decoder.image_size"),
    (("decoder", "training"), (absent, [], None), "manifest.decoder.training"),
    (("crop",), (absent, 0.48, None), "manifest.crop"),
    (("threshold",), (absent, 0.25), "manifest.threshold"),
    (
        ("threshold", "value"),
        (absent, "0.25", None, True, 1.0001, -2, 10**400, float("nan"), float("inf")),
        "manifest.threshold.value",
    ),
    (("threshold", "chosen"), (absent, "by hand"), "manifest.threshold.chosen"),
    (("parity",), (absent, []), "manifest.parity"),
    (("created_by",), (absent, 1), "manifest.created_by"),
    (("responses",), (None, [], 4, "x"), "manifest.responses"),
    (("responses", "side"), (absent, "4", 4.0, True, None, 0, -4, 65), "manifest.responses.side"),
    (("responses", "training"), (absent, [], None), "manifest.responses.training"),
]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        pytest.param(place, value, words, id=f"{'.'.join(place)}-{str(value)[:12]}")
        for place, values, words in WRONG
        for value in values
    ],
)
def test_a_missing_or_wrong_value_is_refused_and_named(bundle, place, value, words):
    change(bundle, *place, to=value)
    refuse(bundle, words)


@pytest.mark.parametrize("value", [-1, 0, 1, 0.25])
def test_every_threshold_that_a_cosine_can_reach_is_accepted(bundle, value):
    change(bundle, "threshold", "value", to=value)
    received = load_bundle(bundle).manifest.threshold.value
    assert received == value
    assert isinstance(received, float)


@pytest.mark.parametrize("schema", [2, 10**9])
def test_a_newer_schema_is_refused_with_advice(bundle, schema):
    change(bundle, "schema", to=schema)
    refuse(bundle, f"schema {schema}", "upgrade lpel-tf")


@pytest.mark.parametrize("schema", [0, -1])
def test_a_schema_that_never_was_is_refused(bundle, schema):
    change(bundle, "schema", to=schema)
    refuse(bundle, "schema")


def test_a_negative_size_of_a_file_is_refused_with_the_manifest(bundle):
    change(bundle, "files", "decoder.onnx", "bytes", to=-1)
    with pytest.raises(BundleError, match=r"decoder\.onnx\.bytes"):
        parse_manifest((bundle / "manifest.json").read_text())


# --- the files ---

MODELS = ["embedder.onnx", "decoder.onnx", "responses.onnx"]


@pytest.mark.parametrize("name", MODELS)
def test_a_file_that_is_missing_altered_or_cut_is_refused_and_named(bundle, name):
    path = bundle / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refuse(bundle, str(path), "SHA-256", "altered")
    path.write_bytes(whole[:-1])
    refuse(bundle, str(path), f"{len(whole) - 1:,} bytes", "altered or copied incompletely")
    path.write_bytes(whole + b"\0")
    refuse(bundle, str(path), f"{len(whole) + 1:,} bytes")
    path.unlink()
    refuse(bundle, str(path), "cannot be read")
    path.mkdir()
    refuse(bundle, str(path))


@pytest.mark.parametrize("name", MODELS)
def test_a_manifest_that_does_not_list_a_model_is_refused(bundle, name):
    change(bundle, "files", name, to=absent)
    refuse(bundle, f"does not list {name}")


def test_other_listed_files_are_verified_too(bundle):
    record = {"sha256": hashlib.sha256(b"report").hexdigest(), "bytes": 6}
    change(bundle, "files", "report.txt", to=record)
    refuse(bundle, "report.txt", "cannot be read")
    (bundle / "report.txt").write_bytes(b"repOrt")
    refuse(bundle, "report.txt", "SHA-256")
    (bundle / "report.txt").write_bytes(b"report")
    assert "report.txt" in load_bundle(bundle).manifest.files


NAMES = (
    "../x", "..", ".", "", "/etc/passwd", "sub/x", "..\\x", "C:\\x", "C:x", ".hidden", "-x",
    "x\n", "x\0", "x y", "ü", "x/", "./x",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_not_plain_is_refused(bundle, name):
    (bundle.parent / "x").write_bytes(b"x")
    record = {"sha256": hashlib.sha256(b"x").hexdigest(), "bytes": 1}
    change(bundle, "files", name, to=record)
    refuse(bundle, repr(name), "no plain file name")


def test_a_link_out_of_the_bundle_is_refused_and_one_within_is_not(bundle):
    path, outside = bundle / "embedder.onnx", bundle.parent / "elsewhere.onnx"
    path.rename(outside)
    path.symlink_to(outside)
    refuse(bundle, str(path), "leads out of the bundle")
    path.unlink()
    path.symlink_to("../elsewhere.onnx")
    refuse(bundle, str(path), "leads out of the bundle")
    path.unlink()
    outside.rename(bundle / "real.onnx")
    path.symlink_to("real.onnx")
    assert load_bundle(bundle).embedder == (bundle / "real.onnx").read_bytes()


def test_a_link_to_itself_is_refused_and_named(bundle):
    path = bundle / "embedder.onnx"
    path.unlink()
    path.symlink_to(path.name)
    refuse(bundle, str(path))


def test_a_bundle_behind_a_link_is_loaded(bundle):
    link = bundle.parent / "link"
    link.symlink_to(bundle)
    assert load_bundle(link) == load_bundle(bundle)


# --- tensors in other files ---


def external(tensor: TensorProto) -> TensorProto:
    """The same tensor, kept in the file weights.bin."""
    moved = TensorProto()
    moved.CopyFrom(tensor)
    moved.ClearField("raw_data")
    moved.data_location = TensorProto.EXTERNAL
    moved.external_data.add(key="location", value="weights.bin")
    return moved


def tensor(values=(1.0, 2.0), name="weights") -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.float32), name)


def constant(**value: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], **value)


def sparse() -> onnx.SparseTensorProto:
    return helper.make_sparse_tensor(
        external(tensor((1.0,))), numpy_helper.from_array(np.array([0], np.int64)), [2]
    )


def graph(nodes=(), initializers=()) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "inner", [], [], list(initializers))


def kernel_outside(model: onnx.ModelProto) -> None:
    kernel = next(t for t in model.graph.initializer if t.name == "kernel")
    kernel.CopyFrom(external(kernel))


def in_initializer(model):
    model.graph.initializer.append(external(tensor()))


def in_constant(model):
    model.graph.node.append(constant(value=external(tensor())))


def in_attribute_list(model):
    node = helper.make_node("Custom", [], ["c"], domain="custom")
    node.attribute.append(helper.make_attribute("all", [tensor(), external(tensor())]))
    model.graph.node.append(node)


def in_sparse_initializer(model):
    model.graph.sparse_initializer.append(sparse())


def in_sparse_indices(model):
    values = sparse()
    values.values.CopyFrom(tensor((1.0,)))
    values.indices.CopyFrom(external(numpy_helper.from_array(np.array([0], np.int64))))
    model.graph.sparse_initializer.append(values)


def in_sparse_attribute(model):
    model.graph.node.append(constant(sparse_value=sparse()))


def in_sparse_attribute_list(model):
    node = helper.make_node("Custom", [], ["c"], domain="custom")
    node.attribute.append(helper.make_attribute("all", [sparse()]))
    model.graph.node.append(node)


def in_if(model):
    then, otherwise = graph([constant(value=external(tensor()))]), graph([constant(value_int=1)])
    node = helper.make_node("If", ["yes"], ["c"], then_branch=then, else_branch=otherwise)
    model.graph.node.append(node)


def in_initializer_of_nested_if(model):
    inner = graph(initializers=[external(tensor())])
    for _ in range(5):
        inner = graph([helper.make_node("If", ["yes"], ["c"], then_branch=inner)])
    model.graph.node.append(inner.node[0])


def in_graph_list(model):
    node = helper.make_node("Custom", [], ["c"], domain="custom")
    inner = graph(initializers=[external(tensor())])
    node.attribute.append(helper.make_attribute("all", [graph(), inner]))
    model.graph.node.append(node)


def in_function(model):
    opsets = [helper.make_opsetid("", 17)]
    nodes = [constant(value=external(tensor()))]
    model.functions.append(helper.make_function("custom", "F", [], ["c"], nodes, opsets))


def in_default_of_function(model):
    opsets = [helper.make_opsetid("", 17)]
    default = helper.make_attribute("value", external(tensor()))
    model.functions.append(
        helper.make_function("custom", "F", [], ["c"], [constant(value_int=1)], opsets,
                             attribute_protos=[default])
    )  # fmt: skip


def in_training(model):
    model.training_info.add().initialization.CopyFrom(graph(initializers=[external(tensor())]))


def in_algorithm_of_training(model):
    model.training_info.add().algorithm.CopyFrom(graph(initializers=[external(tensor())]))


def by_location_alone(model):
    moved = external(tensor())
    moved.ClearField("external_data")
    model.graph.initializer.append(moved)


def by_entries_alone(model):
    moved = external(tensor())
    moved.ClearField("data_location")
    model.graph.initializer.append(moved)


HIDDEN = [
    kernel_outside, in_initializer, in_constant, in_attribute_list, in_sparse_initializer,
    in_sparse_indices, in_sparse_attribute, in_sparse_attribute_list, in_if,
    in_initializer_of_nested_if, in_graph_list, in_function, in_default_of_function,
    in_training, in_algorithm_of_training, by_location_alone, by_entries_alone,
]  # fmt: skip


@pytest.mark.parametrize("hide", HIDDEN, ids=lambda hide: hide.__name__)
@pytest.mark.parametrize("name", ["embedder", "decoder", "responses"])
def test_a_model_with_tensors_in_other_files_is_refused(tmp_path, name, hide):
    model = getattr(tiny, f"{name}_model")()
    refuse_external_data(model.SerializeToString(), name)
    hide(model)
    folder = tiny.write_bundle(tmp_path / "bundle", **{name: model.SerializeToString()})
    refuse(folder, f"{name}.onnx keeps tensors in other files", "weights inside")


def no_session(*args: object, **kwargs: object) -> None:
    pytest.fail("a session was made of a model that ought to be refused")


def outside_embedder() -> tuple[bytes, bytes]:
    """The tiny embedder without its kernel, and the kernel's bytes."""
    model = tiny.embedder_model()
    kernel_outside(model)
    return model.SerializeToString(), tiny.embedder_kernel().tobytes()


def test_no_session_is_made_of_a_model_that_reads_through_a_hard_link(tmp_path, monkeypatch):
    model, weights = outside_embedder()
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model)
    (tmp_path / "secret.bin").write_bytes(weights)
    os.link(tmp_path / "secret.bin", folder / "weights.bin")
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError, match="other files"):
        Explainer.load(folder)


def test_no_session_is_made_of_a_model_that_reads_the_working_directory(tmp_path, monkeypatch):
    model, weights = outside_embedder()
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=model)
    (tmp_path / "weights.bin").write_bytes(weights)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError, match="other files"):
        Explainer.load(folder)


def varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def with_length(key: int, data: bytes) -> bytes:
    return varint(key) + varint(len(data)) + data


PAST_32_BITS = 1 << 32
"""onnxruntime's protobuf reads keys modulo 2**32: field 13 + 2**29 is field 13 to it."""


@pytest.mark.parametrize("at", ["external data", "tensor", "graph"])
def test_field_numbers_past_32_bits_hide_nothing(tmp_path, monkeypatch, at):
    key = {"graph": 7 << 3 | 2, "tensor": 5 << 3 | 2, "external data": 13 << 3 | 2}
    location = 14 << 3
    key[at] += PAST_32_BITS
    if at == "external data":
        location += PAST_32_BITS
    model = tiny.embedder_model()
    kernel = next(t for t in model.graph.initializer if t.name == "kernel")
    model.graph.initializer.remove(kernel)
    kernel.ClearField("raw_data")
    entry = onnx.StringStringEntryProto(key="location", value="weights.bin").SerializeToString()
    hidden = (
        kernel.SerializeToString()
        + with_length(key["external data"], entry)
        + varint(location)
        + b"\1"
    )
    whole = model.SerializeToString() + with_length(
        key["graph"], with_length(key["tensor"], hidden)
    )
    folder = tiny.write_bundle(tmp_path / "bundle", embedder=whole)
    (tmp_path / "weights.bin").write_bytes(tiny.embedder_kernel().tobytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("onnxruntime.InferenceSession", no_session)
    with pytest.raises(BundleError):
        Explainer.load(folder)


# --- models that do not do what they should ---


def load_with(tmp_path, *, provider: str = "cpu", **models: bytes | None) -> Explainer:
    return Explainer.load(tiny.write_bundle(tmp_path / "bundle", **models), provider=provider)


JUNK = {"text": b"not a model", "zeros": bytes(64), "half": None, "empty graph": b"\x08\x08"}


@pytest.mark.parametrize("name", ["embedder", "decoder", "responses"])
@pytest.mark.parametrize("kind", JUNK)
def test_a_file_that_is_no_model_is_refused(tmp_path, name, kind):
    whole = getattr(tiny, f"{name}_model")().SerializeToString()
    with pytest.raises(BundleError):
        load_with(tmp_path, **{name: JUNK[kind] or whole[: len(whole) // 2]})


@pytest.mark.parametrize(
    ("model", "tensor_name"),
    [
        ("embedder", IMAGE),
        ("embedder", EMBEDDING),
        ("decoder", EMBEDDING),
        ("decoder", RECONSTRUCTION),
        ("responses", EMBEDDING),
        ("responses", RESPONSE),
    ],
)
def test_a_model_with_other_tensor_names_is_refused(tmp_path, model, tensor_name):
    renamed = getattr(tiny, f"{model}_model")()
    for part in (*renamed.graph.input, *renamed.graph.output):
        part.name = "other" if part.name == tensor_name else part.name
    for node in renamed.graph.node:
        for names in (node.input, node.output):
            names[:] = ["other" if name == tensor_name else name for name in names]
    with pytest.raises(BundleError, match=f"{tensor_name}.*other.*export it again"):
        load_with(tmp_path, **{model: renamed.SerializeToString()})


def test_models_that_changed_places_are_refused(tmp_path):
    with pytest.raises(BundleError, match="export it again"):
        load_with(
            tmp_path,
            embedder=tiny.decoder_model().SerializeToString(),
            decoder=tiny.embedder_model().SerializeToString(),
        )


def test_a_model_of_an_unknown_operator_is_refused(tmp_path):
    model = tiny.embedder_model()
    model.graph.node[-1].op_type = "NoSuchOperator"
    with pytest.raises(BundleError, match="cannot load the model"):
        load_with(tmp_path, embedder=model.SerializeToString())


def explain(folder) -> None:
    Explainer.load(folder).explain(pixels(0), pixels(1))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("embedder", "dimension"), 7),
        (("embedder", "image_size"), 32),
        (("decoder", "image_size"), 9),
        (("responses", "side"), 3),
    ],
)
def test_a_model_of_another_size_than_the_manifest_says_is_refused(bundle, place, value):
    change(bundle, *place, to=value)
    with pytest.raises((BundleError, EmbeddingError)):
        explain(bundle)


def decoder_of(dimension: int) -> bytes:
    model = tiny.decoder_model()
    kernel = np.zeros((dimension, tiny.TARGET_SIZE**2 * 3), np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(kernel, "kernel"))
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = dimension
    return model.SerializeToString()


def test_a_decoder_of_another_dimension_than_the_embedder_is_refused(tmp_path):
    with pytest.raises((BundleError, EmbeddingError)):
        explain(tiny.write_bundle(tmp_path / "bundle", decoder=decoder_of(5)))


def embedder_that_takes(kind: int) -> bytes:
    model = tiny.embedder_model()
    model.graph.input[0].type.tensor_type.elem_type = kind
    return model.SerializeToString()


def test_an_embedder_that_does_not_take_bytes_is_refused(tmp_path):
    with pytest.raises((BundleError, EmbeddingError)):
        explain(tiny.write_bundle(tmp_path / "bundle", embedder=embedder_that_takes(1)))


def test_an_embedder_that_mixes_the_images_of_a_batch_is_refused(tmp_path):
    model = tiny.embedder_model()
    model.graph.node[-1].output[0] = "each"
    node = helper.make_node("ReduceMean", ["each"], [EMBEDDING], axes=[0], keepdims=1)
    model.graph.node.append(node)
    with pytest.raises((BundleError, EmbeddingError)):
        explain(tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString()))


def with_weight(model: onnx.ModelProto, name: str, value: float) -> bytes:
    weights = next(t for t in model.graph.initializer if t.name == name)
    broken = numpy_helper.to_array(weights).copy()
    broken.flat[0] = value
    weights.CopyFrom(numpy_helper.from_array(broken, name))
    return model.SerializeToString()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_embedder_that_gives_nan_is_refused(tmp_path, value):
    model = with_weight(tiny.embedder_model(), "kernel", value)
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        explain(tiny.write_bundle(tmp_path / "bundle", embedder=model))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_decoder_that_gives_nan_is_refused(tmp_path, value):
    model = with_weight(tiny.decoder_model(), "bias", value)
    with pytest.raises(LpelError):
        explain(tiny.write_bundle(tmp_path / "bundle", decoder=model))


# --- the response decoder, which a bundle may lack ---


def test_a_response_decoder_of_another_side_is_refused_when_it_is_loaded(bundle):
    change(bundle, "responses", "side", to=8)
    with pytest.raises(BundleError, match=r"promises response of shape.*export it again"):
        Explainer.load(bundle)


def responses_of(dimension: int) -> bytes:
    model = tiny.responses_model()
    kernel = np.zeros((dimension, tiny.SIDE**2 * tiny.DIMENSION), np.float32)
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(kernel, "kernel"))
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = dimension
    return model.SerializeToString()


def test_a_response_decoder_of_another_dimension_than_the_embedder_is_refused(tmp_path):
    with pytest.raises(BundleError, match="promises embedding of shape"):
        load_with(tmp_path, responses=responses_of(5))


def responses_that_turn_out(rows: int) -> bytes:
    """Zeros on a grid of so many rows, which nobody can tell before the model has run."""
    model = tiny.responses_model()
    kernel, shape = model.graph.initializer
    zeros = np.zeros((tiny.DIMENSION, rows * tiny.SIDE * tiny.DIMENSION), np.float32)
    kernel.CopyFrom(numpy_helper.from_array(zeros, "kernel"))
    places = np.array([-1, rows, tiny.SIDE, tiny.DIMENSION], np.int64)
    shape.CopyFrom(numpy_helper.from_array(places, "places"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.float32), "nothing"))
    reshape = model.graph.node.pop()
    model.graph.node.extend(
        [
            helper.make_node("ReduceMax", [EMBEDDING], ["largest"], keepdims=0),
            helper.make_node("Mul", ["largest", "nothing"], ["zero"]),
            helper.make_node("Cast", ["zero"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Add", ["places", "whole"], ["shape"]),
            reshape,
        ]
    )
    for axis, dim in enumerate(model.graph.output[0].type.tensor_type.shape.dim):
        dim.dim_param = f"axis{axis}"
    return model.SerializeToString()


@pytest.mark.parametrize("rows", [tiny.SIDE, 3, 9])
def test_a_response_decoder_that_gives_another_grid_than_it_says_is_refused(tmp_path, rows):
    explainer = load_with(tmp_path, responses=responses_that_turn_out(rows))
    h = np.ones((2, tiny.DIMENSION), np.float32)
    if rows == tiny.SIDE:
        assert explainer.respond(h).shape == (2, tiny.SIDE**2, tiny.DIMENSION)
        return
    with pytest.raises(BundleError, match="response"):
        explainer.respond(h)


@pytest.mark.parametrize("name", ["responses", "hybrid"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_response_decoder_that_gives_nan_is_refused(tmp_path, name, value):
    model = with_weight(tiny.responses_model(), "kernel", value)
    explainer = load_with(tmp_path, responses=model)
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        explainer.explain(pixels(0), pixels(1), method=find_method(name))


def test_a_manifest_without_responses_is_an_old_bundle(tiny_bundle):
    text = (tiny_bundle / "manifest.json").read_text()
    assert "responses" not in json.loads(text)
    manifest = parse_manifest(text)
    assert manifest.responses is None
    assert manifest.to_json() == text
    assert load_bundle(tiny_bundle).responses is None


def test_a_manifest_with_responses_says_of_which_side(responding_bundle):
    text = (responding_bundle / "manifest.json").read_text()
    assert json.loads(text)["responses"] == {"side": tiny.SIDE, "training": {"method": "none"}}
    manifest = parse_manifest(text)
    assert manifest.responses.side == tiny.SIDE
    assert manifest.to_json() == text
    loaded = load_bundle(responding_bundle)
    assert loaded.responses == (responding_bundle / "responses.onnx").read_bytes()


@pytest.mark.parametrize("side", [1, 64])
def test_grids_of_1_to_64_are_read(bundle, side):
    change(bundle, "responses", "side", to=side)
    assert load_bundle(bundle).manifest.responses.side == side


def test_a_file_that_the_manifest_lists_but_says_nothing_of_is_verified_and_not_used(bundle):
    change(bundle, "responses", to=absent)
    assert load_bundle(bundle).responses is None
    assert not Explainer.load(bundle).responds
    with (bundle / "responses.onnx").open("ab") as file:
        file.write(b"x")
    refuse(bundle, "responses.onnx", "altered")


# --- providers ---


def test_an_unknown_provider_is_refused_with_the_known_ones(tiny_bundle):
    with pytest.raises(ParameterError, match=r"no provider is called 'abacus'.*cpu, cuda"):
        Explainer.load(tiny_bundle, provider="abacus")


@pytest.mark.parametrize("provider", ["cuda", "tensorrt", "coreml", "directml"])
def test_a_provider_that_is_not_installed_is_refused_with_advice(tiny_bundle, provider):
    with pytest.raises(ProviderError, match=f"{provider} is not in the installed onnxruntime"):
        Explainer.load(tiny_bundle, provider=provider)


@pytest.mark.filterwarnings("ignore:Specified provider:UserWarning")  # onnxruntime's remark
def test_a_provider_that_onnxruntime_replaces_is_refused(tiny_bundle, monkeypatch):
    claimed = lambda: [CUDA, "CPUExecutionProvider"]  # noqa: E731
    monkeypatch.setattr("onnxruntime.get_available_providers", claimed)
    with pytest.raises(ProviderError, match=r"cuda|CUDA"):
        Explainer.load(tiny_bundle, provider="cuda")


def test_the_active_provider_is_told(tiny_explainer):
    assert tiny_explainer.provider == "cpu"
    assert tiny_explainer.embedder.provider == "cpu"


@pytest.mark.parametrize("size", [10**9, 10**18, 10**30])
def test_a_size_beyond_all_memory_is_refused_without_reading(size, tmp_path):
    folder = tiny.write_bundle(tmp_path / "bundle")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"]["embedder.onnx"]["bytes"] = size
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError, match="altered or copied incompletely"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [("embedder", "image_size", 100), ("embedder", "dimension", 7), ("decoder", "image_size", 9)],
)
def test_sizes_that_the_models_do_not_have_are_refused_at_load(part, field, value, tmp_path):
    folder = tiny.write_bundle(tmp_path / "bundle")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest[part][field] = value
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(BundleError, match="the manifest promises"):
        Explainer.load(folder)
