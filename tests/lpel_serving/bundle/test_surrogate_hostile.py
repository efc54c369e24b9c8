"""Bundles whose surrogate is altered, missing, or not what the manifest says."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from lpel_serving import Explainer
from lpel_serving.bundle.card import card
from lpel_serving.bundle.loading import read_manifest
from lpel_serving.bundle.manifest import SIMULATION_FILE, SURROGATE_FILE
from lpel_serving.engine.bundle_check import check_bundle
from lpel_serving.support.errors import BundleError, EmbeddingError
from support import tiny, tiny_surrogate
from support.hostile import absent, change, put, refuse
from support.tiny_surrogate import RECORD, coalitions, graphs, noise, write_bundle

pytestmark = pytest.mark.hostile

GRAPHS = (SURROGATE_FILE, SIMULATION_FILE)


@pytest.fixture
def bundle(tmp_path):
    return write_bundle(tmp_path / "bundle")


def refuse_to_open(folder, *words):
    with pytest.raises(BundleError) as caught:
        Explainer.load(folder)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", GRAPHS)
def test_an_altered_file_is_refused(bundle, name):
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    refuse(bundle, name, "was altered")


@pytest.mark.parametrize("name", GRAPHS)
def test_a_missing_file_is_refused(bundle, name):
    (bundle / name).unlink()
    refuse(bundle, name, "cannot be read")


def test_a_file_that_is_not_listed_is_refused(bundle):
    change(bundle, "files", SURROGATE_FILE, to=absent)
    refuse(bundle, f"does not list {SURROGATE_FILE}")
    change(bundle, "surrogate", to=absent)
    refuse(bundle, "which its manifest does not list")


def test_a_surrogate_of_one_graph_is_refused(bundle):
    """As bundles had it once."""
    change(bundle, "files", SIMULATION_FILE, to=absent)
    (bundle / SIMULATION_FILE).unlink()
    refuse(bundle, f"surrogate is one graph, {SURROGATE_FILE}", f"expected {SIMULATION_FILE}")
    refuse(bundle, "train the bundle again, or export it again")


@pytest.mark.parametrize("name", GRAPHS)
def test_unsafe_models_are_refused(bundle, name):
    model = onnx.load(bundle / name)
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(onnx.helper.make_opsetid("com.example", 1))
    put(bundle, name, model.SerializeToString())
    refuse(bundle, name, "com.example")


RECORDS = {
    "side": (0, "surrogate.side"),
    "channels": (0, "surrogate.channels"),
    "fills": ([], "at least one"),
    "layers": ([1], "list of texts"),
    "training": ([], "surrogate.training"),
}


@pytest.mark.parametrize("key", RECORDS)
def test_records_that_say_nothing_are_refused(bundle, key):
    value, words = RECORDS[key]
    change(bundle, "surrogate", key, to=value)
    refuse(bundle, words)
    change(bundle, "surrogate", key, to=absent)
    refuse(bundle, f"surrogate.{key}")


def test_a_fill_of_two_places_is_refused(bundle):
    change(bundle, "surrogate", "fills", to=["mean", "mean"])
    refuse(bundle, "surrogate.fills")


def test_transplants_that_do_not_come_last_are_refused(bundle):
    change(bundle, "surrogate", "fills", to=["normal", "transplant", "mean", "blur"])
    refuse(bundle, "surrogate.fills", "expected transplant last")


def test_local_features_of_another_type_are_refused(tmp_path):
    model = tiny_surrogate.embedder_model()
    model.graph.node[-1].output[0] = "single"
    double = onnx.TensorProto.DOUBLE
    model.graph.node.append(
        onnx.helper.make_node("Cast", ["single"], ["local_features"], to=double)
    )
    model.graph.output[-1].type.tensor_type.elem_type = double
    folder = write_bundle(tmp_path / "b", embedder=model.SerializeToString())
    refuse_to_open(folder, "expected local_features as tensor(float)", "tensor(double)")


def test_an_embedder_without_local_features_is_refused(tmp_path):
    folder = write_bundle(tmp_path / "b", embedder=tiny.embedder_model().SerializeToString())
    refuse_to_open(folder, "takes local features of shape (16, 3)", "the embedder gives none")
    failed = check_bundle(folder)[-1]
    assert (failed.name, failed.passed) == ("sessions", False)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (replace(RECORD, channels=4), "(16, 4), the embedder gives (16, 3)"),
        (replace(RECORD, side=3), "(9, 3), the embedder gives (16, 3)"),
    ],
)
def test_a_manifest_of_another_surrogate_is_refused(tmp_path, record, words):
    refuse_to_open(write_bundle(tmp_path / "b", surrogate_record=record), words)


def test_other_tensors_are_refused(tmp_path):
    model = tiny_surrogate.surrogate_model()
    model.graph.input.pop()
    model.graph.initializer.append(numpy_helper.from_array(np.array(0, np.int64), "fill"))
    folder = write_bundle(tmp_path / "b", surrogate=graphs(model))
    refuse_to_open(
        folder, "expected a model from 'embedding' and", "to 'shown_state' and 'effects'"
    )
    other = tiny.responses_model()
    folder = write_bundle(tmp_path / "c", surrogate=graphs(simulation=other))
    refuse_to_open(folder, "to 'masked_embedding'")
    swapped = graphs(tiny_surrogate.simulation_model(), tiny_surrogate.surrogate_model())
    refuse_to_open(write_bundle(tmp_path / "d", surrogate=swapped), "to 'shown_state'")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["shown_state"], "expected states of one length"),
        (["effects"], "expected states of one length"),
        (["shown_state", "effects"], "promises shown_state of shape (None, 12)"),
    ],
)
def test_states_that_the_second_graph_does_not_take_are_refused(tmp_path, names, words):
    model = tiny_surrogate.surrogate_model()
    for name in names:
        (maker,) = [node for node in model.graph.node if name in node.output]
        maker.output[0] = half = f"half of {name}"
        model.graph.node.append(onnx.helper.make_node("Concat", [half, half], [name], axis=-1))
        (output,) = [one for one in model.graph.output if one.name == name]
        output.type.tensor_type.shape.dim[-1].dim_value = 2 * tiny.DIMENSION
    folder = write_bundle(tmp_path / "b", surrogate=graphs(model))
    refuse_to_open(folder, words, "export it again")


def test_effects_of_another_grid_are_refused(tmp_path):
    model = tiny_surrogate.surrogate_model()
    (pairs,) = [one for one in model.graph.initializer if one.name == "pairs"]
    pairs.CopyFrom(numpy_helper.from_array(np.array([0, 0, 0, 0, 25, 0], np.int64), "pairs"))
    rows = model.graph.output[1].type.tensor_type.shape.dim[1]
    rows.dim_value = 41
    folder = write_bundle(tmp_path / "b", surrogate=graphs(model))
    refuse_to_open(folder, "promises effects of shape (None, 40, None)")


def test_vectors_of_another_length_are_refused(tmp_path):
    model = tiny_surrogate.simulation_model()
    name = model.graph.node[-1].output[0]
    model.graph.node[-1].output[0] = "half"
    model.graph.node.append(onnx.helper.make_node("Concat", ["half", "half"], [name], axis=2))
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 2 * tiny.DIMENSION
    folder = write_bundle(tmp_path / "b", surrogate=graphs(simulation=model))
    refuse_to_open(folder, "promises masked_embedding of shape (None, None, 6)")
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_param = "any"
    model.graph.node[-1].attribute[0].i = 1  # as if there were twice as many coalitions
    folder = write_bundle(tmp_path / "c", surrogate=graphs(simulation=model))
    explainer = Explainer.load(folder)
    simulation = explainer.simulate(explainer.features(noise(1)), "mean")
    with pytest.raises(BundleError, match=r"gave \(1, 6, 6\).*of shape \(1, 3, 6\)"):
        simulation(coalitions(3))


def test_predictions_with_nan_are_refused(tmp_path):
    model = tiny_surrogate.simulation_model()
    with_nan = model.graph.node[-1]  # 0 / 0 where nothing is replaced
    with_nan.input[1] = "quotients"
    node = onnx.helper.make_node("Div", ["losses", "losses"], ["quotients"])
    model.graph.node.insert(len(model.graph.node) - 1, node)
    explainer = Explainer.load(write_bundle(tmp_path / "b", surrogate=graphs(simulation=model)))
    simulation = explainer.simulate(explainer.features(noise(1)), "mean")
    with pytest.raises(BundleError, match="NaN or infinity"):
        simulation(coalitions(1))


def test_states_with_nan_are_refused(tmp_path):
    model = tiny_surrogate.surrogate_model()
    with_nan = model.graph.node[-1]  # 0 / 0
    with_nan.op_type = "Div"
    with_nan.input[:] = ["none", "none"]
    none = onnx.helper.make_node("Sub", ["embedding", "embedding"], ["none"])
    model.graph.node.insert(0, none)
    explainer = Explainer.load(write_bundle(tmp_path / "b", surrogate=graphs(model)))
    with pytest.raises(BundleError, match="NaN or infinity"):
        explainer.simulate(explainer.features(noise(1)), "mean")


def test_local_features_with_nan_are_refused(tmp_path):
    model = tiny_surrogate.embedder_model()
    last = model.graph.node[-1]
    last.input[0] = "logarithms"  # those of black superpixels are infinite
    node = onnx.helper.make_node("Log", ["rows"], ["logarithms"])
    model.graph.node.insert(len(model.graph.node) - 1, node)
    explainer = Explainer.load(write_bundle(tmp_path / "b", embedder=model.SerializeToString()))
    assert np.isfinite(explainer.features(noise(1)).local).all()
    with pytest.raises(EmbeddingError, match="local features"):
        explainer.features(np.zeros_like(noise(1)))


def test_the_card_says_what_it_is(bundle, responding_bundle):
    text = "\n".join(card(read_manifest(bundle)))
    assert "surrogate: 4 by 4 superpixels, replaced by normal, mean, blur, transplant" in text
    assert "sees 3 numbers of each superpixel" in text
    assert "from squares\n  method: none" in text
    assert "what it predicts was not measured" in text
    assert "does not say whose photographs the surrogate was trained on" in text
    assert "surrogate: none" in "\n".join(card(read_manifest(responding_bundle)))
