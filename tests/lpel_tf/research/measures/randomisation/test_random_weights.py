import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_export.support.errors import ModelShapeError
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE, RECONSTRUCTION
from lpel_serving.engine.session import open_session
from lpel_serving.support.errors import LpelError, ParameterError
from lpel_tf.research.measures.randomisation.random_weights import randomise_weights
from support import tiny

LAYERS = 4
WIDTH = 6


def values(seed, *shape, dtype=np.float32):
    return np.random.default_rng(seed).normal(0.3, 0.7, shape).astype(dtype)


def serialised(nodes, weights, given=("batch", WIDTH)):
    """A model of one graph, from x to y of as many axes; the weights are arrays or tensors."""
    tensors = [
        value if isinstance(value, TensorProto) else numpy_helper.from_array(value, name)
        for name, value in weights.items()
    ]
    graph = helper.make_graph(
        nodes,
        "made here",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * len(given))],
        tensors,
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def tower():
    """Four dense layers, w0 next to the input; Gemm with a bias, MatMul with an Add."""
    nodes, weights = [], {}
    for layer in range(LAYERS):
        given, made = ("x" if not layer else f"h{layer}"), ("y" if layer == 3 else f"h{layer + 1}")
        weights[f"w{layer}"], weights[f"b{layer}"] = values(layer, WIDTH, WIDTH), values(9, WIDTH)
        if layer % 2:
            nodes.append(helper.make_node("Gemm", [given, f"w{layer}", f"b{layer}"], [made]))
        else:
            nodes.append(helper.make_node("MatMul", [given, f"w{layer}"], [f"m{layer}"]))
            nodes.append(helper.make_node("Add", [f"m{layer}", f"b{layer}"], [made]))
    return serialised(nodes, weights)


def tensors(model):
    """Every initialiser, serialised, by name."""
    graph = onnx.load_from_string(model).graph
    return {tensor.name: tensor.SerializeToString() for tensor in graph.initializer}


def changed(before, after):
    old, new = tensors(before), tensors(after)
    assert old.keys() == new.keys()
    return {name for name in old if old[name] != new[name]}


def array(model, name):
    graph = onnx.load_from_string(model).graph
    return numpy_helper.to_array(next(t for t in graph.initializer if t.name == name))


def randomised(model, share, seed=0):
    after = randomise_weights(model, share, np.random.default_rng(seed))
    onnx.checker.check_model(onnx.load_from_string(after), full_check=True)
    return after


def run(model, x, given="x", wanted="y"):
    return open_session(model, input_name=given, output_name=wanted).run(x)


# --- which weights change -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "names"),
    [
        (1e-9, {"w3"}),
        (0.25, {"w3"}),
        (0.5, {"w3", "w2"}),
        (0.75, {"w3", "w2", "w1"}),
        (1, {"w3", "w2", "w1", "w0"}),
    ],
)
def test_the_weights_next_to_the_output_go_first_and_all_else_stays_to_the_byte(share, names):
    before = tower()
    after = randomised(before, share)
    assert changed(before, after) == names
    old, new = (onnx.load_from_string(model) for model in (before, after))
    for model in (old, new):
        del model.graph.initializer[:]
    assert old == new


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 1.0])
def test_the_outputs_really_change(share):
    x = values(5, 3, WIDTH)
    before = tower()
    moved = run(randomised(before, share), x) - run(before, x)
    assert np.abs(moved).max() > 0.1 * np.abs(run(before, x)).max()


def test_what_lies_below_the_randomised_layers_computes_what_it_did():
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["middle"]),
        helper.make_node("MatMul", ["middle", "w1"], ["y"]),
    ]
    weights = {"w0": values(1, WIDTH, WIDTH), "w1": values(2, WIDTH, WIDTH)}
    after = onnx.load_from_string(randomised(serialised(nodes, weights), 0.5))
    drawn = numpy_helper.to_array(after.graph.initializer[1])
    x = values(3, 4, WIDTH)
    expected = x @ weights["w0"] @ drawn
    np.testing.assert_allclose(run(after.SerializeToString(), x), expected, atol=1e-4)


def test_the_same_generator_gives_the_same_bytes_and_another_seed_others():
    model = tower()
    assert randomised(model, 0.5, 7) == randomised(model, 0.5, 7)
    assert randomised(model, 0.5, 7) != randomised(model, 0.5, 8)


def test_a_larger_share_adds_to_what_a_smaller_one_changed():
    model = tower()
    half, whole = tensors(randomised(model, 0.5, 7)), tensors(randomised(model, 1.0, 7))
    assert {name for name in half if half[name] != whole[name]} == {"w0", "w1"}


def test_the_draws_follow_the_mean_and_the_deviation_of_each_tensor():
    size = 300
    weights = {
        "w0": np.random.default_rng(1).uniform(0.9, 1.1, (size, size)).astype(np.float32),
        "w1": np.random.default_rng(2).uniform(-8, 4, (size, size)).astype(np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["middle"]),
        helper.make_node("MatMul", ["middle", "w1"], ["y"]),
    ]
    after = randomised(serialised(nodes, weights, ("batch", size)), 1.0)
    for name, old in weights.items():
        new = array(after, name).astype(np.float64)
        assert new.mean() == pytest.approx(old.mean(), abs=4 * float(old.std()) / size)
        assert new.std() == pytest.approx(old.std(), rel=0.02)
        standard = (new - new.mean()) / new.std()
        assert (standard**4).mean() == pytest.approx(3, abs=0.1), "normal: uniform would have 1.8"
        assert abs(np.corrcoef(new.ravel(), old.ravel())[0, 1]) < 0.02


def test_a_tensor_without_spread_stays_since_its_draws_have_none():
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = serialised([node], {"w": np.full((WIDTH, WIDTH), 0.25, np.float32)})
    assert randomised(model, 1.0) == model


# --- where weights may stand ----------------------------------------------------------------------


def through(*nodes, kernel=None, wanted="w"):
    """A product with `wanted`, which the nodes make of the initialiser `source`."""
    weights = {"source": values(1, WIDTH, WIDTH) if kernel is None else kernel}
    product = helper.make_node("MatMul", ["x", wanted], ["y"])
    return serialised([*nodes, product], weights)


def as_gathered():
    """Rows of a constant, as a surrogate takes those of a fill."""
    index = helper.make_tensor("place", TensorProto.INT64, [WIDTH], np.arange(WIDTH)[::-1])
    node = helper.make_node("Constant", [], ["place"], value=index)
    return through(node, helper.make_node("Gather", ["source", "place"], ["w"]))


@pytest.mark.parametrize(
    "model",
    [
        through(helper.make_node("Identity", ["source"], ["w"])),
        as_gathered(),
        through(
            helper.make_node("Identity", ["source"], ["again"]),
            helper.make_node("Transpose", ["again"], ["w"], perm=[1, 0]),
        ),
        through(
            helper.make_node("Cast", ["source"], ["w"], to=TensorProto.FLOAT),
            kernel=values(1, WIDTH, WIDTH, dtype=np.float16),
        ),
        through(
            helper.make_node("Cast", ["source"], ["w"], to=TensorProto.FLOAT),
            kernel=values(1, WIDTH, WIDTH, dtype=np.float64),
        ),
        through(
            kernel=helper.make_tensor(
                "source", TensorProto.FLOAT, [WIDTH, WIDTH], values(1, WIDTH, WIDTH).ravel()
            ),
            wanted="source",
        ),
    ],
    ids=["Identity", "Gather", "Identity and Transpose", "float16", "float64", "as float_data"],
)
def test_weights_are_found_behind_what_hands_them_on(model):
    after = randomised(model, 1.0)
    assert changed(model, after) == {"source"}
    assert array(after, "source").dtype == array(model, "source").dtype
    assert array(after, "source").shape == (WIDTH, WIDTH)
    x = values(2, 3, WIDTH)
    assert np.abs(run(after, x) - run(model, x)).max() > 0.1


def test_weights_in_constant_nodes_are_found_though_their_tensors_have_no_names():
    kernels = [numpy_helper.from_array(values(seed, WIDTH, WIDTH)) for seed in (1, 2)]
    nodes = [
        helper.make_node("Constant", [], ["w0"], value=kernels[0]),
        helper.make_node("Constant", [], ["w1"], value=kernels[1]),
        helper.make_node("Identity", ["w1"], ["w2"]),
        helper.make_node("MatMul", ["x", "w0"], ["middle"]),
        helper.make_node("MatMul", ["middle", "w2"], ["y"]),
    ]
    model = serialised(nodes, {})
    for share, fresh in ((0.5, [False, True]), (1.0, [True, True])):
        graph = onnx.load_from_string(randomised(model, share)).graph
        found = [node.attribute[0].t for node in graph.node[:2]]
        assert [t != kernel for t, kernel in zip(found, kernels, strict=True)] == fresh


def test_convolutions_both_ways_and_products_from_the_left_are_weighted():
    nodes = [
        helper.make_node("Conv", ["x", "conv", "bias"], ["a"]),
        helper.make_node("ConvTranspose", ["a", "transposed"], ["b"]),
        helper.make_node("MatMul", ["left", "b"], ["y"]),
    ]
    weights = {
        "conv": values(1, 4, 3, 2, 2),
        "bias": values(2, 4),
        "transposed": values(3, 4, 5, 2, 2),
        "left": values(4, 8, 8),
    }
    model = serialised(nodes, weights, ("batch", 3, 8, 8))
    by_share = [changed(model, randomised(model, share)) for share in (1 / 3, 2 / 3, 1.0)]
    assert by_share == [{"left"}, {"left", "transposed"}, {"left", "transposed", "conv"}]


def test_a_shared_kernel_is_drawn_once_and_changes_for_all_who_share_it():
    nodes = [
        helper.make_node("MatMul", ["x", "shared"], ["a"]),
        helper.make_node("MatMul", ["a", "other"], ["b"]),
        helper.make_node("MatMul", ["b", "shared"], ["y"]),
    ]
    weights = {"shared": values(1, WIDTH, WIDTH), "other": values(2, WIDTH, WIDTH)}
    model = serialised(nodes, weights)
    least, most = randomised(model, 0.1), randomised(model, 1.0)
    assert changed(model, least) == {"shared"}
    assert changed(model, most) == {"shared", "other"}
    assert tensors(least)["shared"] == tensors(most)["shared"]


def test_products_of_activations_and_constants_of_other_operations_are_no_weights():
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "x"], ["square"], transB=1),
        helper.make_node("Gemm", ["square", "w"], ["y"]),
    ]
    model = serialised(nodes, {"scale": values(1, WIDTH), "w": values(2, 4, WIDTH)}, (4, WIDTH))
    assert changed(model, randomised(model, 1.0)) == {"w"}


def test_weights_that_old_exporters_list_as_inputs_too_are_weights():
    model = onnx.load_from_string(tower())
    given = helper.make_tensor_value_info("w3", TensorProto.FLOAT, [WIDTH, WIDTH])
    model.graph.input.append(given)
    before = model.SerializeToString()
    assert changed(before, randomised(before, 0.25)) == {"w3"}


def test_the_tiny_bundle_s_networks_can_be_randomised():
    crops = np.random.default_rng(1).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    embedder, decoder = (
        model.SerializeToString() for model in (tiny.embedder_model(), tiny.decoder_model())
    )
    after = randomised(embedder, 1.0)
    assert changed(embedder, after) == {"kernel"}
    assert np.abs(run(after, crops, IMAGE, EMBEDDING) - tiny.embed(crops)).max() > 0.1
    h = tiny.embed(crops)
    after = randomised(decoder, 0.5)
    assert changed(decoder, after) == {"kernel"}
    assert np.abs(run(after, h, EMBEDDING, RECONSTRUCTION) - tiny.decode(h)).max() > 0.1


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.0, -0.1, 1.0001, np.inf, -np.inf, np.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ParameterError, match=r"\(0, 1\]; received"):
        randomise_weights(tower(), share, np.random.default_rng(0))


def with_whole_numbers():
    node = helper.make_node("MatMulInteger", ["q", "w"], ["i"])
    cast = helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT)
    quantised = helper.make_node("Cast", ["x"], ["q"], to=TensorProto.INT8)
    return serialised([quantised, node, cast], {"w": np.ones((WIDTH, 2), np.int8)})


def of_a_strange_domain():
    node = helper.make_node("MatMul", ["x", "w"], ["y"], domain="of.my.own")
    model = onnx.load_from_string(serialised([node], {"w": values(1, WIDTH, WIDTH)}))
    model.opset_import.append(helper.make_opsetid("of.my.own", 1))
    return model.SerializeToString()


@pytest.mark.parametrize(
    "model",
    [
        serialised([helper.make_node("Relu", ["x"], ["y"])], {}),
        serialised([helper.make_node("Add", ["x", "b"], ["y"])], {"b": values(1, WIDTH)}),
        serialised([helper.make_node("MatMul", ["x", "x"], ["y"])], {}, (WIDTH, WIDTH)),
        with_whole_numbers(),
        of_a_strange_domain(),
    ],
    ids=["no constants", "a bias alone", "activations", "whole numbers", "a strange domain"],
)
def test_a_model_without_weighted_operations_is_refused(model):
    with pytest.raises(ModelShapeError, match="no weights to draw anew") as caught:
        randomise_weights(model, 0.5, np.random.default_rng(0))
    assert isinstance(caught.value, ValueError)


def with_branches():
    def branch(name, scale):
        node = helper.make_node("MatMul", ["x", "w"], [name])
        weights = [numpy_helper.from_array(values(scale, WIDTH, WIDTH), "w")]
        made = helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, WIDTH])
        return helper.make_graph([node], name, [], [made], weights)

    condition = numpy_helper.from_array(np.array(True))
    yes = helper.make_node("Constant", [], ["yes"], value=condition)
    branches = {"then_branch": branch("a", 1), "else_branch": branch("b", 2)}
    nodes = [yes, helper.make_node("If", ["yes"], ["y"], **branches)]
    return serialised(nodes, {})


def with_functions():
    opsets = [helper.make_opsetid("", 17)]
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    function = helper.make_function("of.my.own", "Dense", ["x", "w"], ["y"], [product], opsets)
    call = helper.make_node("Dense", ["x", "w"], ["y"], domain="of.my.own")
    model = onnx.load_from_string(serialised([call], {"w": values(1, WIDTH, WIDTH)}))
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("of.my.own", 1))
    return model.SerializeToString()


@pytest.mark.parametrize("make", [with_branches, with_functions])
def test_a_model_with_weights_out_of_sight_is_refused(make):
    with pytest.raises(ModelShapeError, match="plain graph"):
        randomise_weights(make(), 0.5, np.random.default_rng(0))


def with_external_data():
    model = onnx.load_from_string(tower())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    return model.SerializeToString()


def with_weights_of_bytes(count):
    model = onnx.load_from_string(tower())
    model.graph.initializer[6].raw_data = bytes(count)
    return model.SerializeToString()


def with_weights_of_floats(count):
    floats = helper.make_tensor("w", TensorProto.FLOAT, [WIDTH, 2], np.ones(WIDTH * 2))
    del floats.float_data[count:]
    floats.float_data.extend([1.0] * (count - WIDTH * 2))
    return of_weights(floats)


def out_of_order():
    nodes = [
        helper.make_node("MatMul", ["middle", "w"], ["y"]),
        helper.make_node("MatMul", ["x", "w"], ["middle"]),
    ]
    return serialised(nodes, {"w": values(1, WIDTH, WIDTH)})


def without_an_input():
    return serialised([helper.make_node("MatMul", ["x"], ["y"])], {"w": values(1, WIDTH)})


def without_a_value():
    nodes = [
        helper.make_node("Constant", [], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    return serialised(nodes, {})


def going_in_circles():
    nodes = [
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Identity", ["b"], ["a"]),
        helper.make_node("MatMul", ["x", "a"], ["y"]),
    ]
    return serialised(nodes, {})


def going_round_without_names():
    nameless = helper.make_node("Identity", [""], [""])
    return serialised([nameless, helper.make_node("MatMul", ["x", ""], ["y"])], {})


def of_weights(kernel):
    return serialised([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": kernel})


HOSTILE = {
    "nothing": b"",
    "no ONNX": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "cut off": tower()[:-100],
    "external data": with_external_data(),
    "too few bytes": with_weights_of_bytes(4 * WIDTH),
    "too many bytes": with_weights_of_bytes(4 * WIDTH * WIDTH + 4),
    "too few floats": with_weights_of_floats(WIDTH),
    "too many floats": with_weights_of_floats(WIDTH * 2 + 1),
    "out of order": out_of_order(),
    "a missing input": without_an_input(),
    "a constant without a value": without_a_value(),
    "circles": going_in_circles(),
    "circles without names": going_round_without_names(),
    "NaN": of_weights(np.full((WIDTH, 2), np.nan, np.float32)),
    "infinity": of_weights(np.full((WIDTH, 2), np.inf, np.float32)),
    "empty weights": of_weights(np.zeros((WIDTH, 0), np.float32)),
}


@pytest.mark.parametrize("model", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_sound_model_is_refused(model):
    with pytest.raises(ModelShapeError) as caught:
        randomise_weights(model, 0.5, np.random.default_rng(0))
    assert isinstance(caught.value, LpelError)
    assert "\n" not in str(caught.value)
