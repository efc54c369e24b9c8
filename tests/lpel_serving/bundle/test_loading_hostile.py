"""Bundles that are broken, altered, or not what they say."""

import hashlib
import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, RECONSTRUCTION, RESPONSE
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.methods import find_method
from lpel_serving.support.errors import (
    BundleError,
    EmbeddingError,
    LpelError,
    ParameterError,
    ProviderError,
)
from support import tiny
from support.hostile import absent, change, put, refuse
from support.images import pixels

pytestmark = pytest.mark.hostile

CUDA = "CUDAExecutionProvider"


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
    "deeper than it is read": ('{"a": ' + "[" * 32 + "]" * 32 + "}", "deeper than 32 levels"),
    "very long number": ('{"schema": ' + "1" * 5000 + "}", "not JSON"),
    "twice the same key": ('{"schema": 1, "schema": 2}', "the key 'schema' stands there twice"),
    "twice a key within": ('{"files": {"x": {}, "x": {}}}', "the key 'x' stands there twice"),
    "NaN": ('{"schema": NaN}', "NaN is no number"),
    "infinity": ('{"threshold": {"value": -Infinity}}', "-Infinity is no number"),
    "infinity by overflow": ('{"threshold": {"value": 1e999}}', "1e999 is too large"),
    "two documents": ("{}{}", "not JSON"),
    "comment": ("{} // fine", "not JSON"),
    "byte order mark": ("\ufeff{}", "not JSON"),
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
        (absent, "0.25", None, True, 1.0001, -2, 10**400),
        "manifest.threshold.value",
    ),
    (("threshold", "chosen"), (absent, "by hand"), "manifest.threshold.chosen"),
    (("parity",), (absent, []), "manifest.parity"),
    (("created_by",), (absent, 1), "manifest.created_by"),
    (("licence",), (None, 1, True, [], {"name": "MIT"}), "manifest.licence"),
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
def test_a_missing_or_wrong_value_of_a_manifest_is_refused_and_named(bundle, place, value, words):
    change(bundle, *place, to=value)
    refuse(bundle, words)


@pytest.mark.parametrize("value", [-1, 0, 1, 0.25])
def test_every_threshold_that_a_cosine_can_reach_is_accepted(bundle, value):
    change(bundle, "threshold", "value", to=value)
    received = load_bundle(bundle).manifest.threshold.value
    assert received == value
    assert isinstance(received, float)


@pytest.mark.parametrize("schema", [3, 10**9])
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
    put(bundle, "real.onnx", outside.read_bytes())
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


DTYPES = [
    ("embedder", "input", TensorProto.FLOAT, r"image as tensor\(uint8\), received .*float"),
    ("embedder", "input", TensorProto.INT8, r"image as tensor\(uint8\), received .*int8"),
    ("embedder", "output", TensorProto.DOUBLE, r"embedding as tensor\(float\), .*double"),
    ("decoder", "input", TensorProto.DOUBLE, r"embedding as tensor\(float\), .*double"),
    ("decoder", "output", TensorProto.FLOAT16, r"reconstruction as tensor\(float\), .*float16"),
    ("responses", "input", TensorProto.FLOAT16, r"embedding as tensor\(float\), .*float16"),
    ("responses", "output", TensorProto.DOUBLE, r"response as tensor\(float\), .*double"),
]


def with_type(model: onnx.ModelProto, side: str, kind: int) -> bytes:
    """The same computation between tensors of another type, on one side."""
    graph = model.graph
    (tensor,) = getattr(graph, side)
    before = tensor.type.tensor_type.elem_type
    tensor.type.tensor_type.elem_type = kind
    if side == "input":
        cast = helper.make_node("Cast", [tensor.name], ["as before"], to=before)
        graph.node[0].input[0] = "as before"
        graph.node.insert(0, cast)
    else:
        graph.node[-1].output[0] = "as before"
        graph.node.append(helper.make_node("Cast", ["as before"], [tensor.name], to=kind))
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.mark.parametrize(("name", "side", "kind", "words"), DTYPES)
def test_a_model_of_another_type_is_refused_when_it_is_loaded(tmp_path, name, side, kind, words):
    model = with_type(getattr(tiny, f"{name}_model")(), side, kind)
    with pytest.raises(BundleError, match=words):
        load_with(tmp_path, **{name: model})


def test_an_embedder_that_mixes_the_images_of_a_batch_is_refused(tmp_path):
    model = tiny.embedder_model()
    model.graph.node[-1].output[0] = "each"
    node = helper.make_node("ReduceMean", ["each"], [EMBEDDING], axes=[0], keepdims=1)
    model.graph.node.append(node)
    with pytest.raises((BundleError, EmbeddingError)):
        explain(tiny.write_bundle(tmp_path / "bundle", embedder=model.SerializeToString()))


def that_gives(model: onnx.ModelProto, value: float) -> bytes:
    """A model of finite weights whose first number is another: something divided by nought."""
    output = model.graph.output[0]
    shape = [dim.dim_value for dim in output.type.tensor_type.shape.dim][1:]
    above, below = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    above.flat[0], below.flat[0] = 0 if np.isnan(value) else 1, 0
    for name, numbers in (("above", above), ("below", below)):
        model.graph.initializer.append(numpy_helper.from_array(numbers, name))
    model.graph.node[-1].output[0] = "finite"
    model.graph.node.append(helper.make_node("Div", ["above", "below"], ["broken"]))
    model.graph.node.append(helper.make_node("Add", ["finite", "broken"], [output.name]))
    return model.SerializeToString()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_embedder_that_gives_nan_is_refused(tmp_path, value):
    model = that_gives(tiny.embedder_model(), value)
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        explain(tiny.write_bundle(tmp_path / "bundle", embedder=model))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_decoder_that_gives_nan_is_refused(tmp_path, value):
    model = that_gives(tiny.decoder_model(), value)
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


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # numpy's remark before ours
@pytest.mark.parametrize("name", ["responses", "hybrid"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_response_decoder_that_gives_nan_is_refused(tmp_path, name, value):
    model = that_gives(tiny.responses_model(), value)
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
