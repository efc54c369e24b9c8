"""Networks already in ONNX, taken in with the preparation of their pixels; stable exports."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_export import adopt_embedder
from lpel_export.support.errors import ModelShapeError
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.session import open_session
from lpel_serving.images.crops import CentreCrop
from lpel_serving.support.image_shape import square
from lpel_tf import from_onnx

pytestmark = pytest.mark.parity

SIDE, DIMENSION = 8, 5
KERNEL = np.random.default_rng(3).normal(size=(SIDE * SIDE * 3, DIMENSION)).astype(np.float32)
FACES = np.random.default_rng(4).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)


def network(layout="NCHW", opset=17, outputs=1, external=False):
    shape = ["n", 3, SIDE, SIDE] if layout == "NCHW" else ["n", SIDE, SIDE, 3]
    kernel = numpy_helper.from_array(KERNEL, "W")
    if external:
        kernel.ClearField("raw_data")
        kernel.data_location = TensorProto.EXTERNAL
        entry = kernel.external_data.add()
        entry.key, entry.value = "location", "weights.bin"
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "W"], ["y"]),
        helper.make_node("Neg", ["y"], ["z"]),
    ]
    wanted = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", DIMENSION])
        for name in ("y", "z")[:outputs]
    ]
    graph = helper.make_graph(
        nodes[: 1 + outputs],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        wanted,
        [kernel],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def with_weights_as_inputs(model):
    """As old exporters write models: every weight is an input as well."""
    proto = onnx.load_from_string(model)
    given = helper.make_tensor_value_info("W", TensorProto.FLOAT, list(KERNEL.shape))
    proto.graph.input.append(given)
    return proto.SerializeToString()


def of_a_strange_domain(model):
    proto = onnx.load_from_string(model)
    proto.opset_import[0].domain = "of.my.own"
    return proto.SerializeToString()


def by_hand(faces, layout, channels, mean, scale):
    pixels = faces if channels == "RGB" else faces[..., ::-1]
    prepared = (pixels.astype(np.float64) - mean) / scale
    if layout == "NCHW":
        prepared = np.stack([np.stack([face[..., c] for c in range(3)]) for face in prepared])
    return prepared.reshape(len(faces), -1) @ KERNEL


@pytest.mark.parametrize("opset", [11, 17, 19])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_an_adopted_network_takes_bytes_and_prepares_them_itself(layout, channels, opset):
    adopted = adopt_embedder(
        network(layout, opset),
        image_size=SIDE,
        mean=127.5,
        scale=128.0,
        layout=layout,
        channels=channels,
    )
    session = open_session(adopted.model, input_name="image", output_name="embedding")
    expected = by_hand(FACES, layout, channels, 127.5, 128.0)
    np.testing.assert_allclose(session.run(FACES), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(adopted.original(FACES), expected, rtol=1e-4, atol=1e-5)


def test_weights_that_are_inputs_too_become_constants():
    settings = {"image_size": SIDE, "mean": 0.0, "scale": 255.0}
    adopted = adopt_embedder(with_weights_as_inputs(network()), **settings)
    session = open_session(adopted.model, input_name="image", output_name="embedding")
    expected = by_hand(FACES, "NCHW", "RGB", 0.0, 255.0)
    np.testing.assert_allclose(session.run(FACES), expected, rtol=1e-4, atol=1e-5)


def test_an_adopted_network_embeds_like_any_other():
    embedder = from_onnx(
        network(), name="linear", image_size=SIDE, mean=0.0, scale=255.0, faces=FACES
    )
    assert embedder.record.dimension == DIMENSION
    assert embedder.parity.max_difference <= embedder.parity.tolerance
    engine = Embedder(embedder.model, embedder.record, CentreCrop())
    embeddings = engine.embed([engine.read(face) for face in FACES])
    expected = by_hand(FACES, "NCHW", "RGB", 0.0, 255.0)
    np.testing.assert_allclose(embeddings, expected, rtol=1e-4, atol=1e-5)


def test_the_same_network_is_adopted_to_the_same_bytes():
    settings = {"image_size": SIDE, "mean": 0.0, "scale": 255.0}
    first, second = (adopt_embedder(network(), **settings).model for _ in range(2))
    assert first == second
    graph = onnx.load_from_string(first).graph
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (network(outputs=2), "one output.*name the embedding"),
        (network(external=True), "tensors in other files"),
        (b"no model at all", "not an ONNX model"),
        (b"\x42\x01\xff", "not an ONNX model"),
        (of_a_strange_domain(network()), "not an ONNX model of standard operators"),
    ],
    ids=["two outputs", "external data", "not a model", "not text where it must be", "domain"],
)
def test_what_cannot_be_adopted_is_refused(model, complaint):
    with pytest.raises(ModelShapeError, match=complaint):
        adopt_embedder(model, image_size=SIDE, mean=0.0, scale=1.0)


def test_the_same_keras_model_is_exported_to_the_same_bytes():
    import keras

    from lpel_export import export_embedder

    keras.utils.set_random_seed(0)
    shared = keras.layers.Conv2D(3, 3, padding="same", activation="relu")
    image = keras.Input((SIDE, SIDE, 3))
    halves = [layer * 0.5 for layer in (shared(image), shared(shared(image)))]
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.add(halves))
    model = keras.Model(image, pooled)
    first, second = (
        export_embedder(model, square(SIDE), "unit", {"a": "b"}).model for _ in range(2)
    )
    assert first == second
    names = [tensor.name for tensor in onnx.load_from_string(first).graph.initializer]
    assert len(set(names)) == len(names)


def test_no_export_computes_shapes_which_are_for_the_cpu_alone():
    import keras

    from lpel_export import export_embedder
    from lpel_export.conversion.standardisation import STANDARDISATIONS

    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
    for standardisation in STANDARDISATIONS:
        exported = export_embedder(model, square(SIDE), standardisation, {"a": "b"})
        operations = {node.op_type for node in onnx.load_from_string(exported.model).graph.node}
        assert not operations & {"Shape", "Size", "Loop", "If"}, standardisation
