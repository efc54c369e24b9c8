"""The real FaceNet in smaller precisions, on faces that it was not calibrated on."""

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from lpel_export.precision.choice import in_precision
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.agreement import spearman
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.crops import CentreCrop
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.method import FacePair

pytestmark = [pytest.mark.parity, pytest.mark.weights]

SMALLER = {"float16": 0.51, "int8": 0.28}
"""The most of the size that may be left."""
COSINES = {"float16": 0.99999, "int8": 0.997}
SPEARMANS = {"float16": 0.999, "int8": 0.98}


@pytest.fixture(scope="module")
def bundle(demo_folder):
    return load_bundle(demo_folder / "bundle")


@pytest.fixture(scope="module")
def calibration(real_crops):
    """Half of the faces, as they are and mirrored."""
    half = real_crops[::2]
    return np.concatenate([half, half[:, :, ::-1]])


@pytest.fixture(scope="module")
def others(real_crops):
    return real_crops[1::2]


@pytest.fixture(scope="module")
def models(bundle, calibration):
    return {name: in_precision(bundle.embedder, name, calibration) for name in SMALLER}


@pytest.fixture(scope="module")
def embeddings(bundle, models, others):
    everything = {"float32": bundle.embedder, **models}
    return {
        name: Embedder(model, bundle.manifest.embedder, CentreCrop()).embed(others)
        for name, model in everything.items()
    }


@pytest.mark.parametrize("name", SMALLER)
def test_facenet_becomes_smaller_and_stays_what_it_is(name, bundle, models):
    assert len(models[name]) < SMALLER[name] * len(bundle.embedder)
    given, made = (onnx.load_from_string(m) for m in (bundle.embedder, models[name]))
    assert list(made.graph.input) == list(given.graph.input)
    assert list(made.graph.output) == list(given.graph.output)
    assert list(made.metadata_props) == list(given.metadata_props)
    assert list(made.opset_import) == list(given.opset_import)
    assert {node.domain for node in made.graph.node} == {""}


@pytest.mark.parametrize("name", SMALLER)
def test_embeddings_stay_near(name, embeddings):
    cosines = cosine_similarity(embeddings["float32"], embeddings[name])
    assert cosines.min() > COSINES[name], cosines
    np.testing.assert_allclose(np.linalg.norm(embeddings[name], axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("method", [Responses(), Lpel()], ids=["responses", "lpel"])
@pytest.mark.parametrize("name", SMALLER)
def test_heat_maps_stay_alike(name, method, embeddings, demo_folder, others):
    explainer, rng = Explainer.load(demo_folder / "bundle", crop="none"), np.random.default_rng(0)
    if isinstance(method, Responses) and not explainer.responds:
        pytest.skip("the demo's bundle has no response decoder")
    for a in range(len(others) - 1):
        exact, given = embeddings["float32"][a : a + 2], embeddings[name][a : a + 2]
        similar = bool(exact[0] @ exact[1] > explainer.manifest.threshold.value)
        pairs = [FacePair(*others[a : a + 2], *h, similar) for h in (exact, given)]
        one, other = (method(pair, explainer, rng) for pair in pairs)
        assert spearman(one, other) > SPEARMANS[name]


def test_int8_computes_every_convolution_but_the_first_in_bytes(models):
    graph = onnx.load_from_string(models["int8"]).graph
    kernels = {t.name: t.data_type for t in graph.initializer if len(t.dims) == 4}
    assert Counter(kernels.values()) == {TensorProto.INT8: 131, TensorProto.FLOAT: 1}
    first = next(node for node in graph.node if node.op_type == "Conv")
    assert kernels[first.input[1]] == TensorProto.FLOAT


def test_what_prepares_and_normalises_stays_float32(models):
    for model in models.values():
        network = onnx.shape_inference.infer_shapes(onnx.load_from_string(model))
        types = {t.name: t.type.tensor_type.elem_type for t in network.graph.value_info}
        types |= {t.name: t.data_type for t in network.graph.initializer}
        types |= {t.name: t.type.tensor_type.elem_type for t in network.graph.output}
        precise = {"ReduceMean", "Sqrt", "Max", "Div", "ReduceSum", "Reciprocal"}
        for node in (node for node in network.graph.node if node.op_type in precise):
            assert types[node.output[0]] == TensorProto.FLOAT, node.name


def test_calibration_is_repeatable(bundle, calibration, models):
    assert in_precision(bundle.embedder, "int8", calibration) == models["int8"]
