"""Networks from files: what they must say, and what is not loaded."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_export.support.errors import ModelShapeError
from lpel_serving import ParameterError
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CentreCrop
from lpel_serving.support.image_shape import square
from lpel_tf.networks.network_file import NetworkFile, from_file, load_keras

SIDE = 8
CALLED = []
"""What a Lambda would fill if it ran."""


def crops(shape):
    return np.random.default_rng(0).integers(0, 256, (4, *shape), np.uint8)


def kernel():
    return np.random.default_rng(1).random((3 * SIDE * SIDE, 5), np.float32)


def flat_network():
    """A network in ONNX that is one matrix: it takes floats, channels first."""
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "kernel"], ["y"]),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    vector = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])
    weights = [numpy_helper.from_array(kernel(), "kernel")]
    graph = helper.make_graph(nodes, "flat", [image], [vector], weights)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def model(keras):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(5)]
    return keras.Sequential(layers)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore")  # Keras' own, of the older format
def test_a_keras_file_is_exported_by_its_own_name_and_size(suffix, model, tmp_path):
    path = tmp_path / f"digits{suffix}"
    model.save(path)
    exported = from_file(NetworkFile(path, standardisation="unit"), crops)
    record = exported.record
    assert (record.name, record.shape, record.dimension) == ("digits", square(SIDE), 5)
    assert record.standardisation == "unit"


def test_an_onnx_file_is_taken_in_as_it_is_told(tmp_path):
    path = tmp_path / "other.onnx"
    path.write_bytes(flat_network().SerializeToString())
    told = NetworkFile(path, "mine", SIDE, mean=(0.0,), scale=(1.0, 2.0, 1.0))
    exported = from_file(told, crops)
    record = exported.record
    assert (record.name, record.shape, record.dimension) == ("mine", square(SIDE), 5)
    images = crops(square(SIDE))
    planes = (images / np.array([1, 2, 1], np.float32)).transpose(0, 3, 1, 2).reshape(4, -1)
    engine = Embedder(exported.model, record, CentreCrop())
    np.testing.assert_allclose(engine.embed(images), planes @ kernel(), rtol=1e-4)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore")
def test_code_in_a_keras_file_is_not_run(suffix, keras, tmp_path):
    code = keras.layers.Lambda(lambda x: [CALLED.append(1), x][1])
    images = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(images, keras.layers.Flatten()(code(images)))
    model.save(tmp_path / f"lambda{suffix}")
    CALLED.clear()
    with pytest.raises(ModelShapeError, match=r"safe mode.*`from_keras`; or export it to ONNX"):
        load_keras(tmp_path / f"lambda{suffix}")
    assert CALLED == []


def test_a_file_that_is_no_model_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"nothing")
    with pytest.raises(ModelShapeError, match=r"Keras cannot load broken\.keras") as caught:
        load_keras(tmp_path / "broken.keras")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said", "missing"),
    [
        ("a.keras", {}, "give --standardisation,"),
        ("a.onnx", {}, "give --image-size and --mean and --scale,"),
        ("a.onnx", {"image_size": 8, "mean": (0.0,)}, "give --scale,"),
        ("a.pt", {}, "no file of a network by its suffix"),
        ("absent.keras", {}, "there is no file"),
        ("a.h5", {"standardisation": "zero"}, "no standardisation is called 'zero'"),
    ],
)
def test_what_is_not_said_is_asked_for(name, said, missing, tmp_path):
    if not name.startswith("absent"):
        (tmp_path / name).touch()
    with pytest.raises((ParameterError, ValueError), match=missing):
        NetworkFile(tmp_path / name, **said)
