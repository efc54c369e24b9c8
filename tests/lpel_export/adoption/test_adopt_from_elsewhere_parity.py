"""ONNX networks as others export them: each is adopted to the same numbers, or refused in words."""

import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_export import adopt_embedder
from lpel_export.explainer import build_explainer
from lpel_export.support.errors import ModelShapeError, ParityError
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.engine.session import open_session
from lpel_serving.support.errors import ParameterError
from lpel_tf import from_onnx
from support import tiny
from support.images import pixels

pytestmark = pytest.mark.parity

SIDE, FEATURES, DIMENSION = 12, 4, tiny.DIMENSION
FACES = np.random.default_rng(4).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
HOW = {"image_size": SIDE, "mean": 127.5, "scale": 128.0}
FLOAT, FLOAT16, DOUBLE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE


def network(
    *, opset=17, ir_version=8, batch="n", layout="NCHW", kind=FLOAT, tail=(), weights=(), outputs=()
):
    """A convolution, a rectifier, a pooling over the image and a dense layer, ``y``; then `tail`.

    `weights` are further arrays by name, `outputs` names and shapes in place of ``y`` alone.
    """
    rng = np.random.default_rng(1)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    held = {
        "kernel": rng.normal(size=(FEATURES, 3, 3, 3)).astype(dtype),
        "dense": rng.normal(size=(FEATURES, DIMENSION)).astype(dtype),
        **dict(weights),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["nchw"], perm=[0, 3, 1, 2])
        if layout == "NHWC"
        else helper.make_node("Identity", ["x"], ["nchw"]),
        helper.make_node("Conv", ["nchw", "kernel"], ["conv"], name="conv", kernel_shape=[3, 3]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "dense"], ["y"]),
        *tail,
    ]
    sides = [3, SIDE, SIDE] if layout == "NCHW" else [SIDE, SIDE, 3]
    given = [helper.make_tensor_value_info("x", kind, [batch, *sides])]
    initializers = [numpy_helper.from_array(value, name) for name, value in held.items()]
    if ir_version < 4:  # files of that age list their weights as inputs too
        given += [
            helper.make_tensor_value_info(one.name, one.data_type, list(one.dims))
            for one in initializers
        ]
    wanted = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, shape in outputs or [("y", [batch, DIMENSION])]
    ]
    graph = helper.make_graph(nodes, "elsewhere", given, wanted, initializers)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def open_file(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(model, pixels, output="y"):
    """What onnxruntime makes of prepared pixels, with the model as it is."""
    session = open_file(model.SerializeToString())
    given = session.get_inputs()[0]
    kinds = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": float}
    images = pixels.astype(kinds[given.type])
    alone = given.shape[0] == 1
    batches = [images[i : i + 1] for i in range(len(images))] if alone else [images]
    return np.concatenate([session.run([output], {given.name: one})[0] for one in batches])


def prepared(faces=FACES, mean=127.5, scale=128.0, channels="RGB", layout="NCHW"):
    """Pixels as their user prepares them."""
    ordered = faces if channels == "RGB" else faces[..., ::-1]
    pixels = ((ordered.astype(np.float64) - mean) / scale).astype(np.float32)
    return pixels.transpose(0, 3, 1, 2) if layout == "NCHW" else pixels


def embeddings(adopted, faces=FACES):
    session = open_session(adopted.model, input_name="image", output_name="embedding")
    together = session.run(faces)
    alone = np.concatenate([session.run(faces[i : i + 1]) for i in range(len(faces))])
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)
    return together


def opset_of(adopted):
    return [(one.domain, one.version) for one in onnx.load_from_string(adopted.model).opset_import]


@pytest.mark.parametrize(
    ("opset", "ir_version"), [*((opset, 3) for opset in range(7, 22)), (11, 8), (18, 8)]
)
def test_every_opset_that_onnxruntime_runs_is_adopted(opset, ir_version):
    model = network(opset=opset, ir_version=ir_version)
    adopted = adopt_embedder(model.SerializeToString(), **HOW)
    np.testing.assert_allclose(embeddings(adopted), run(model, prepared()), rtol=1e-4, atol=1e-5)
    assert opset_of(adopted) == [("", 17)]


def of_a_younger_opset():
    """GroupNormalization of opset 21 has no counterpart in 17."""
    weights = {"scale": np.ones(FEATURES, np.float32), "bias": np.zeros(FEATURES, np.float32)}
    model = network(opset=21, weights=weights.items())
    norm = helper.make_node(
        "GroupNormalization", ["conv", "scale", "bias"], ["normed"], num_groups=2
    )
    model.graph.node.insert(2, norm)
    model.graph.node[3].input[:] = ["normed"]
    return model


def test_a_network_that_no_opset_of_ours_can_write_keeps_its_own_and_says_so():
    model = of_a_younger_opset()
    with pytest.warns(UserWarning, match="cannot be brought to 17.*lpel export"):
        adopted = adopt_embedder(model.SerializeToString(), **HOW)
    np.testing.assert_allclose(embeddings(adopted), run(model, prepared()), rtol=1e-4, atol=1e-5)
    assert opset_of(adopted) == [("", 21)]


def as_a_bundle(model, folder):
    """A bundle of an adopted network, made for crops of the tiny bundle's size."""
    adopted = adopt_embedder(model.SerializeToString(), **{**HOW, "image_size": tiny.IMAGE_SIZE})
    return tiny.write_bundle(folder, adopted.model)


def of_any_size(model):
    """The same network for images of any side, which its pooling allows."""
    for place in (2, 3):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = "side"
    return model


@pytest.mark.parametrize("opset", [9, 17, 21])
def test_an_adopted_network_explains_and_is_put_into_one_file(opset, tmp_path):
    folder = as_a_bundle(of_any_size(network(opset=opset, ir_version=3)), tmp_path / "bundle")
    pair = [pixels(0), pixels(1)]
    explained = Explainer.load(folder).explain(*pair)
    one_file = open_file(build_explainer(load_bundle(folder)))
    feed = dict(zip(("reference", "test"), (image[np.newaxis] for image in pair), strict=True))
    similarity, heat_map = one_file.run(["similarity", "test_heat_map"], feed)
    assert similarity[0] == np.float32(explained.similarity)
    np.testing.assert_array_equal(heat_map[0], explained.forward.heat_map)


def test_a_network_that_keeps_its_own_opset_explains_but_is_not_put_into_one_file(tmp_path):
    with pytest.warns(UserWarning, match="lpel export"):
        folder = as_a_bundle(of_any_size(of_a_younger_opset()), tmp_path / "bundle")
    explained = Explainer.load(folder).explain(pixels(0), pixels(1))
    assert np.isfinite(explained.forward.heat_map).all()
    with pytest.raises(ModelShapeError, match="of opset 17; Embed has opset 21"):
        build_explainer(load_bundle(folder))


@pytest.mark.parametrize("keep_io_types", [True, False])
def test_float16_of_onnxruntimes_own_converter_is_adopted(keep_io_types):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = convert_float_to_float16(
            network(), keep_io_types=keep_io_types, op_block_list=["MatMul"]
        )
    adopted = adopt_embedder(model.SerializeToString(), **HOW)
    expected = run(model, prepared()).astype(np.float32)
    np.testing.assert_allclose(embeddings(adopted), expected, rtol=1e-3, atol=1e-3)
    embedder = from_onnx(model.SerializeToString(), name="half", faces=FACES, **HOW)
    assert embedder.record.dimension == DIMENSION


def test_float64_is_adopted():
    model = network(kind=DOUBLE)  # onnxruntime has no convolution in it
    del model.graph.node[1:4]
    model.graph.node[1].input[:] = ["nchw"]
    dense = np.random.default_rng(2).normal(size=(3 * SIDE * SIDE, DIMENSION))
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(dense, "dense"))
    adopted = adopt_embedder(model.SerializeToString(), **HOW)
    expected = run(model, prepared()).astype(np.float32)
    np.testing.assert_allclose(embeddings(adopted), expected, rtol=1e-4, atol=1e-5)


class Crops:
    """What onnxruntime's quantiser calibrates with."""

    def __init__(self):
        self.left = [{"x": prepared()}]

    def get_next(self):
        return self.left.pop() if self.left else None


def test_a_statically_quantised_network_is_adopted(tmp_path):
    from onnxruntime.quantization import QuantFormat, quantize_static

    onnx.save(network(), tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx", tmp_path / "int8.onnx", Crops(), quant_format=QuantFormat.QDQ
    )
    adopted = adopt_embedder(tmp_path / "int8.onnx", **HOW)
    expected = run(onnx.load(tmp_path / "int8.onnx"), prepared())
    np.testing.assert_allclose(embeddings(adopted), expected, rtol=1e-3, atol=1e-3)


def test_a_network_whose_embeddings_hang_on_the_rest_of_the_batch_is_refused(tmp_path):
    from onnxruntime.quantization import quantize_dynamic

    onnx.save(network(), tmp_path / "float.onnx")
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "int8.onnx")
    with pytest.raises(ModelShapeError, match="another embedding when there are others"):
        adopt_embedder(tmp_path / "int8.onnx", **HOW)


@pytest.mark.parametrize("spread", [1.0, 1e-3])
def test_a_random_network_is_refused_as_that(spread):
    noise = helper.make_node("RandomNormalLike", ["y"], ["noise"], scale=spread)
    noisy = helper.make_node("Add", ["y", "noise"], ["random"])
    model = network(tail=[noise, noisy], outputs=[("random", ["n", DIMENSION])])
    with pytest.raises(ModelShapeError, match=r"same image .* random"):
        adopt_embedder(model.SerializeToString(), **HOW)


def test_no_crops_at_all_are_too_few():
    given = {"name": "mine", "faces": FACES[:0], **HOW}
    with pytest.raises(ParityError, match="two inputs at least"):
        from_onnx(network().SerializeToString(), **given)


def test_weights_that_are_not_finite_are_named():
    dense = np.full((FEATURES, DIMENSION), np.nan, np.float32)
    model = network(weights={"dense": dense}).SerializeToString()
    with pytest.raises(ModelShapeError, match="has NaN or infinity among its weights"):
        from_onnx(model, name="mine", faces=FACES, **HOW)


def test_a_list_of_crops_and_no_fraction_of_a_pixel():
    model = network().SerializeToString()
    given = {"name": "mine", "mean": 127.5, "scale": 128.0, "faces": list(FACES)}
    assert from_onnx(model, image_size=SIDE, **given).parity.samples == len(FACES)
    with pytest.raises(ParameterError, match=r"whole pixels, .*; received 12\.0"):
        from_onnx(model, image_size=12.0, **given)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
def test_a_mean_of_each_colour_is_in_the_networks_own_order(channels, layout):
    mean, scale = [103.9, 116.8, 123.7], [57.0, 58.0, 59.0]
    model = network(layout=layout)
    how = {"layout": layout, "channels": channels, "mean": mean, "scale": scale}
    embedder = from_onnx(
        model.SerializeToString(), name="caffe", image_size=SIDE, faces=FACES, **how
    )
    expected = run(model, prepared(**how))
    np.testing.assert_allclose(embeddings(embedder), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ({"channels": "rgb"}, "'rgb'; there are: RGB, BGR"),
        ({"channels": "GBR"}, "there are: RGB, BGR"),
        ({"layout": "nchw"}, "'nchw'; there are: NCHW, NHWC"),
        ({"layout": "CHW"}, "there are: NCHW, NHWC"),
        ({"mean": [1.0, 2.0]}, "mean is one finite number, or three"),
        ({"mean": float("nan")}, "mean is one finite number"),
        ({"mean": "imagenet"}, "mean is one number or three"),
        ({"scale": 0.0}, "scale divides the pixels and is not 0"),
        ({"scale": [1.0, 0.0, 1.0]}, "scale divides the pixels and is not 0"),
        ({"image_size": 0}, "image_size is a side in whole pixels, .*; received 0"),
        ({"image_size": 12.0}, "or .height, width, channels. .*; received 12.0"),
    ],
)
def test_a_setting_that_there_is_not_is_refused(setting, complaint):
    with pytest.raises(ParameterError, match=complaint):
        adopt_embedder(network().SerializeToString(), **{**HOW, **setting})


@pytest.mark.parametrize("form", [bytes, str, "path"])
def test_a_network_is_given_as_bytes_or_by_its_file(form, tmp_path):
    path = tmp_path / "network.onnx"
    onnx.save(network(), path)
    source = {bytes: path.read_bytes(), str: str(path), "path": path}[form]
    embedder = from_onnx(source, name="by file", faces=FACES, **HOW)
    assert embedder.record.dimension == DIMENSION


def test_a_batch_of_one_that_is_only_declared_is_opened():
    model = network(batch=1)
    model = onnx.shape_inference.infer_shapes(model)  # exporters write inner sizes down as well
    embedder = from_onnx(model.SerializeToString(), name="one", faces=FACES, **HOW)
    np.testing.assert_allclose(embeddings(embedder), run(model, prepared()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [[1, -1], [1, DIMENSION]])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_batch_that_is_baked_into_a_reshape_is_freed(shape, batch):
    tail = [helper.make_node("Reshape", ["y", "shape"], ["z"], name="head/view")]
    model = network(
        batch=batch,
        tail=tail,
        weights=[("shape", np.array([batch, *shape[1:]], np.int64))],
        outputs=[("z", [batch, DIMENSION])],
    )
    embedder = from_onnx(model.SerializeToString(), name="baked", faces=FACES, **HOW)
    expected = run(network(), prepared())
    np.testing.assert_allclose(embeddings(embedder), expected, rtol=1e-4, atol=1e-5)


def test_a_batch_that_cannot_be_freed_is_named():
    shape = [1, DIMENSION]
    tail = [
        helper.make_node("Reshape", ["y", "shape"], ["v"], name="head/view"),
        helper.make_node("Concat", ["v", "token"], ["z"], axis=1),
    ]
    model = network(
        batch=1,
        tail=tail,
        weights=[
            ("shape", np.array(shape, np.int64)),
            ("token", np.ones((1, 2), np.float32)),
        ],
        outputs=[("z", [1, DIMENSION + 2])],
    )
    with pytest.raises(ModelShapeError) as caught:
        adopt_embedder(model.SerializeToString(), **HOW)
    message = str(caught.value)
    assert f"the Reshape 'head/view' to {shape}" in message
    assert "one image alone" in message
    assert "dynamic_axes" in message
    assert "manifest" not in message


TWO = {
    "tail": [helper.make_node("Neg", ["y"], ["z"])],
    "outputs": [("y", ["n", DIMENSION]), ("z", ["n", DIMENSION])],
}


def of_grey_signatures(layout):
    """A dense layer on grey images of 6 by 20 pixels."""
    sides = [1, 6, 20] if layout == "NCHW" else [6, 20, 1]
    dense = np.random.default_rng(2).normal(size=(6 * 20, DIMENSION)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "dense"], ["y"]),
    ]
    given = helper.make_tensor_value_info("x", FLOAT, ["n", *sides])
    wanted = helper.make_tensor_value_info("y", FLOAT, ["n", DIMENSION])
    held = [numpy_helper.from_array(dense, "dense")]
    graph = helper.make_graph(nodes, "signatures", [given], [wanted], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_network_of_grey_rectangles_is_adopted(layout):
    papers = np.random.default_rng(5).integers(0, 256, (4, 6, 20, 1), dtype=np.uint8)
    model = of_grey_signatures(layout)
    how = {"mean": [127.5], "scale": 128.0, "layout": layout, "image_size": (6, 20, 1)}
    embedder = from_onnx(model.SerializeToString(), name="signatures", faces=papers, **how)
    assert embedder.record.shape == (6, 20, 1)
    assert embedder.record.standardisation == "(pixel - [127.5]) / 128.0, grey"
    expected = run(model, prepared(papers, 127.5, 128.0, layout=layout))
    np.testing.assert_allclose(embeddings(embedder, papers), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ParameterError, match="have no order of colours"):
        adopt_embedder(model.SerializeToString(), **how, channels="BGR")
    with pytest.raises(ModelShapeError, match=r"\(height, width, channels\)"):
        adopt_embedder(model.SerializeToString(), **{**how, "image_size": (6, 20), "mean": 1.0})


def test_one_of_two_outputs_is_named():
    model = network(**TWO)
    for output in ("y", "z"):
        embedder = from_onnx(
            model.SerializeToString(), name="two", faces=FACES, output=output, **HOW
        )
        expected = run(model, prepared(), output)
        np.testing.assert_allclose(embeddings(embedder), expected, rtol=1e-4, atol=1e-5)


def test_an_operator_that_the_chosen_output_does_not_need_is_left_out():
    model = network(**TWO)
    model.graph.node[-1].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    adopted = adopt_embedder(model.SerializeToString(), output="y", **HOW)
    assert opset_of(adopted) == [("", 17)]
    assert embeddings(adopted).shape == (len(FACES), DIMENSION)


def test_an_import_that_calls_nothing_is_left_out():
    model = network()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert opset_of(adopt_embedder(model.SerializeToString(), **HOW)) == [("", 17)]


def test_a_pooled_map_of_one_pixel_is_a_vector():
    model = network(outputs=[("pooled", ["n", FEATURES, 1, 1])])
    adopted = adopt_embedder(model.SerializeToString(), **HOW)
    expected = run(model, prepared(), "pooled")[:, :, 0, 0]
    np.testing.assert_allclose(embeddings(adopted), expected, rtol=1e-4, atol=1e-5)


def test_a_branch_is_adopted_with_its_body():
    """A graph within a graph reads names of the outer one."""
    inner = helper.make_graph(
        [helper.make_node("Mul", ["y", "two"], ["inner"])],
        "then",
        [],
        [helper.make_tensor_value_info("inner", FLOAT, None)],
    )
    other = helper.make_graph(
        [helper.make_node("Identity", ["y"], ["other"])],
        "else",
        [],
        [helper.make_tensor_value_info("other", FLOAT, None)],
    )
    tail = [helper.make_node("If", ["yes"], ["z"], then_branch=inner, else_branch=other)]
    model = network(
        tail=tail,
        weights=[("yes", np.array(True)), ("two", np.array(2, np.float32))],
        outputs=[("z", ["n", DIMENSION])],
    )
    adopted = adopt_embedder(model.SerializeToString(), **HOW)
    expected = run(model, prepared(), "z")
    np.testing.assert_allclose(embeddings(adopted), expected, rtol=1e-4, atol=1e-5)


def with_two_images():
    model = network()
    model.graph.input.append(helper.make_tensor_value_info("other", FLOAT, ["n", 3, SIDE, SIDE]))
    return model.SerializeToString()


def of_another_domain():
    model = network()
    model.graph.node[2].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    return model.SerializeToString()


def with_a_function():
    model = network()
    model.graph.node[2].op_type, model.graph.node[2].domain = "Mine", "local"
    body = [helper.make_node("Relu", ["a"], ["b"])]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "Mine", ["a"], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    return model.SerializeToString()


def with_weights_elsewhere():
    model = network()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return model.SerializeToString()


def with_broken_weights():
    broken = np.full((DIMENSION, DIMENSION), np.nan, np.float32)
    tail = [helper.make_node("MatMul", ["y", "broken"], ["z"])]
    model = network(tail=tail, weights=[("broken", broken)], outputs=[("z", ["n", DIMENSION])])
    return model.SerializeToString()


def of_whole_numbers():
    model = network()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    model.graph.node[0].CopyFrom(helper.make_node("Cast", ["x"], ["nchw"], to=FLOAT))
    return model.SerializeToString()


def going_round():
    model = network()
    model.graph.node[1].input[0] = "relu"
    return model.SerializeToString()


def of_no_such_operator():
    model = network()
    model.graph.node[2].op_type = "Relux"
    return model.SerializeToString()


ONE_NUMBER = network(
    tail=[helper.make_node("MatMul", ["y", "last"], ["z"])],
    weights=[("last", np.ones((DIMENSION, 1), np.float32))],
    outputs=[("z", ["n", 1])],
).SerializeToString()


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (with_two_images(), "'x', 'other'.*the tower that both images go through"),
        (network(**TWO).SerializeToString(), "'y', 'z': name the embedding with output="),
        (of_another_domain(), "domain 'com.example'"),
        (with_a_function(), "defines functions of its own"),
        (with_weights_elsewhere(), "keeps tensors in other files"),
        (with_broken_weights(), "NaN or infinity among its weights"),
        (of_whole_numbers(), "takes 'x' as uint8; expected float32"),
        (going_round(), "operations need each other"),
        (of_no_such_operator(), "not valid ONNX|cannot be used"),
        (ONE_NUMBER, "one number for each image; the cosine"),
        (
            network(outputs=[("relu", ["n", FEATURES, SIDE - 2, SIDE - 2])]).SerializeToString(),
            "expected a vector of each image",
        ),
        (network(layout="NHWC").SerializeToString(), "image_size=.12, 12, 3. and layout='NCHW'"),
        (network().SerializeToString()[:-40], "not an ONNX model, or not all of it"),
        (b"", "not an ONNX model"),
        (b"PK\x03\x04 and so on", "a zip archive, as Keras's"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x80\x02}q\x00.", "a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x18\x00\x00\x00TFL3", "not an ONNX model"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:30],
)
def test_what_no_bundle_may_hold_is_refused_at_the_door(model, complaint):
    with pytest.raises(ModelShapeError, match=complaint) as caught:
        adopt_embedder(model, **HOW)
    message = str(caught.value)
    assert "the model that was given" in message
    assert "manifest" not in message
    assert "bundle" not in message


def test_an_output_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(ModelShapeError, match="no output 'w'; it has 'y', 'z'"):
        adopt_embedder(network(**TWO).SerializeToString(), output="w", **HOW)


def test_an_image_size_that_the_network_was_not_made_for_is_refused():
    with pytest.raises(ModelShapeError, match=r"image_size=\(13, 13, 3\)"):
        adopt_embedder(network().SerializeToString(), **{**HOW, "image_size": 13})


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("no-such-file.onnx", "no-such-file.onnx cannot be read"),
        (".", "cannot be read"),
        ("null\0byte", "cannot be read"),
        (network(), "received ModelProto: serialise"),
        (None, "received NoneType"),
    ],
    ids=["missing", "folder", "null byte", "a model in memory", "none"],
)
def test_what_is_neither_bytes_nor_a_file_is_refused(source, complaint):
    with pytest.raises(ParameterError, match=complaint):
        adopt_embedder(source, **HOW)


def test_a_file_larger_than_any_onnx_model_is_not_read(tmp_path):
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(2**31)  # sparse: it takes no room
    with pytest.raises(ModelShapeError, match="2,147,483,648 bytes"):
        adopt_embedder(path, **HOW)
