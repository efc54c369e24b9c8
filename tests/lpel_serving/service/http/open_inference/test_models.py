"""The models give the very bytes of the bundle's files, and of `explainer.onnx`."""

import asyncio
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
from onnx import numpy_helper

from lpel_export.explainer import build_explainer
from lpel_export.local_features.second_output import without_local_features
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import EXPLAINER_FILE, ThresholdRecord
from lpel_serving.equations.similarity import unit
from lpel_serving.images.crops import parse_crop
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.open_inference.explainer import explainer_model
from lpel_serving.service.http.open_inference.models import network_models
from lpel_serving.support.errors import EmbeddingError, ParameterError, WithdrawnError
from support import tiny, tiny_surrogate

TYPES = {"tensor(uint8)": "UINT8", "tensor(float)": "FP32", "tensor(bool)": "BOOL"}
MOST = 8


def models(service: ExplanationService) -> dict:
    return {
        one.name: one for one in (*network_models(service, MOST), explainer_model(service, MOST))
    }


def ask(explainer: Explainer, model: str, given: dict, wanted: list[str] | None = None, token=None):
    """Run a model as the service does, on a service of its own."""

    async def answer() -> dict[str, np.ndarray]:
        service = ExplanationService(explainer, {})
        try:
            asked = models(service)[model]
            names = wanted or [tensor.name for tensor in asked.signature.outputs]
            found = await asked.run(given, names, token or CancellationToken())
            return {name: found[name] for name in names}
        finally:
            service.close()

    return asyncio.run(answer())


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options)


def by_file(model: bytes, given: dict) -> dict[str, np.ndarray]:
    loaded = session(model)
    names = [tensor.name for tensor in loaded.get_outputs()]
    return dict(zip(names, loaded.run(names, given), strict=True))


def same(received: dict, expected: dict) -> None:
    assert list(received) == list(expected)
    for name, values in expected.items():
        assert received[name].dtype == values.dtype, name
        assert received[name].shape == values.shape, name
        assert received[name].tobytes() == values.tobytes(), name


@pytest.fixture(scope="module", params=["surrogate", "responses", "lpel"])
def bundle(request, tmp_path_factory):
    """With a surrogate, a response decoder, or neither, so that LPEL is the best there is."""
    folder = tmp_path_factory.mktemp(request.param) / "bundle"
    if request.param == "surrogate":
        return tiny_surrogate.write_bundle(folder)
    return tiny.write_bundle(folder, responds=request.param == "responses")


@pytest.fixture(scope="module")
def explainer(bundle):
    return Explainer.load(bundle)


@pytest.fixture(scope="module")
def file(bundle):
    return build_explainer(load_bundle(bundle))


@pytest.mark.parametrize("batch", [1, 2, 6])
def test_the_explainer_gives_the_bytes_of_its_file(explainer, file, faces, batch):
    decisions = set()
    for start in range(0, 6, batch):
        references, tests = (one[start : start + batch] for one in faces)
        given = {"reference": references, "test": tests}
        received = ask(explainer, "explainer", given)
        same(received, by_file(file, given))
        decisions |= set(received["similar"].tolist())
    assert decisions == {True, False}


@pytest.mark.parametrize("threshold", [-1.0, 0.1, 1.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.33, 0.99])
def test_threshold_and_epsilon_mean_what_they_mean_to_the_file(
    explainer, file, faces, threshold, epsilon
):
    given = {
        "reference": faces[0],
        "test": faces[1],
        "threshold": np.array([threshold], np.float32),
        "epsilon": np.array([epsilon], np.float32),
    }
    same(ask(explainer, "explainer", given), by_file(file, given))


def test_a_threshold_is_rounded_as_the_file_rounds_it(faces, tmp_path):
    """A similarity that is the float32 nearest to the threshold is not above it."""
    given = {"reference": faces[0][:1], "test": faces[1][:1]}
    own = Explainer.load(tiny.write_bundle(tmp_path / "own"))
    similarity = ask(own, "explainer", given, ["similarity"])["similarity"][0]
    below = float(similarity) - 1e-10
    assert below < float(similarity)
    assert np.float32(below) == similarity
    threshold = ThresholdRecord(below, {"how": "made up for the tests"})
    folder = tiny.write_bundle(tmp_path / "near", threshold=threshold)
    received = ask(Explainer.load(folder), "explainer", given)
    same(received, by_file(build_explainer(load_bundle(folder)), given))
    assert not received["similar"][0]
    fed = given | {"threshold": np.array([np.nextafter(similarity, np.float32(0))])}
    assert ask(own, "explainer", fed, ["similar"])["similar"][0]


def test_networks_give_the_bytes_of_their_files(explainer, bundle, faces, embeddings):
    loaded = load_bundle(bundle)
    cases = {
        "embedder": (without_local_features(loaded.embedder), {"image": faces[0]}),
        "decoder": (loaded.decoder, {"embedding": embeddings}),
    }
    for name, (model, given) in cases.items():
        same(ask(explainer, name, given), by_file(model, given))
    if loaded.responses is not None:  # which takes embeddings of unit length alone
        for length in (1e-3, 1, 297):
            given = {"embedding": (length * embeddings).astype(np.float32)}
            scaled = {"embedding": unit(given["embedding"])}
            same(ask(explainer, "responses", given), by_file(loaded.responses, scaled))


def test_metadata_are_what_onnxruntime_sees_in_the_files(explainer, bundle, file):
    loaded = load_bundle(bundle)
    files = {
        "embedder": without_local_features(loaded.embedder),
        "decoder": loaded.decoder,
        "responses": loaded.responses,
        "explainer": file,
    }
    service = ExplanationService(explainer, {})
    served = models(service)
    service.close()
    assert list(served) == [name for name, model in files.items() if model is not None]
    for name, one in served.items():
        seen = session(files[name])
        inputs = [*seen.get_inputs(), *seen.get_overridable_initializers()]
        assert {tensor.name for tensor in inputs} == {x.name for x in one.signature.inputs}
        for kind, tensors in (("inputs", inputs), ("outputs", seen.get_outputs())):
            described = {entry["name"]: entry for entry in one.metadata()[kind]}
            for tensor in tensors:
                shape = [-1 if isinstance(size, str) else size for size in tensor.shape]
                entry = {"name": tensor.name, "datatype": TYPES[tensor.type], "shape": shape}
                assert described[tensor.name] == entry
        names = [tensor.name for tensor in seen.get_outputs()]
        assert [tensor.name for tensor in one.signature.outputs] == names
        optional = {tensor.name for tensor in seen.get_overridable_initializers()}
        assert {tensor.name for tensor in one.signature.inputs if tensor.optional} == optional


def test_what_was_not_asked_for_is_not_computed(faces, tmp_path):
    """A decoder that gives nonsense is not noticed by those who do not ask what it says."""
    model = tiny.decoder_model()
    (bias,) = (one for one in model.graph.initializer if one.name == "bias")
    nonsense = np.full(tiny.TARGET_SIZE**2 * 3, 2e30, np.float32)
    bias.CopyFrom(numpy_helper.from_array(nonsense, "bias"))
    folder = tiny.write_bundle(tmp_path / "bundle", decoder=model.SerializeToString())
    explainer, given = Explainer.load(folder), {"reference": faces[0], "test": faces[1]}
    names = ["test_embedding", "relevance", "similar", "similarity"]
    same(
        ask(explainer, "explainer", given, names),
        {name: by_file(build_explainer(load_bundle(folder)), given)[name] for name in names},
    )
    with pytest.raises(EmbeddingError, match="it is broken"):
        ask(explainer, "explainer", given, [*names, "test_mask"])


@pytest.mark.parametrize("wanted", [["similar", "test_embedding"], ["similar", "test_heat_map"]])
def test_a_pair_is_embedded_in_one_pass(simulating_bundle, faces, wanted):
    """With local features where a map is asked for, and without them where none is."""
    explainer = Explainer.load(simulating_bundle)
    passes = tiny_surrogate.count_passes(explainer.embedder)
    ask(explainer, "explainer", {"reference": faces[0][:2], "test": faces[1][:2]}, wanted)
    assert passes == [(4, "test_heat_map" in wanted)]


@pytest.mark.parametrize(
    ("name", "value"), [("threshold", 1.5), ("threshold", -1.1), ("epsilon", 1), ("epsilon", -0.1)]
)
def test_parameters_have_bounds(explainer, faces, name, value):
    given = {"reference": faces[0], "test": faces[1], name: np.array([value], np.float32)}
    with pytest.raises(ParameterError, match=name):
        ask(explainer, "explainer", given)


@pytest.mark.parametrize("model", ["embedder", "explainer"])
def test_nothing_is_embedded_for_somebody_who_has_gone(explainer, faces, model):
    token = CancellationToken()
    token.withdraw("gone")
    given = {"image": faces[0], "reference": faces[0], "test": faces[1]}
    with pytest.raises(WithdrawnError):
        ask(explainer, model, given, token=token)


@pytest.mark.weights
@pytest.mark.parametrize("responds", [True, False])
def test_with_real_weights_and_faces_the_bytes_are_the_files_too(demo_folder, real_crops, responds):
    bundle = load_bundle(demo_folder / "bundle")
    if not responds:
        manifest = replace(bundle.manifest, responses=None)
        bundle = replace(bundle, manifest=manifest, responses=None)
    explainer = Explainer(bundle, parse_crop(bundle.manifest.crop), "cpu", None)
    file = build_explainer(bundle)
    if responds and EXPLAINER_FILE in bundle.manifest.files:
        assert file == (demo_folder / "bundle" / EXPLAINER_FILE).read_bytes()
    given = {"reference": real_crops[::2][:4], "test": real_crops[1::2][:4]}
    received = ask(explainer, "explainer", given)
    same(received, by_file(file, given))
    assert received["reference_heat_map"].shape == (4, 40, 40)
