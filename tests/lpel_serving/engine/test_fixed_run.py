"""Inferences of one fixed size, whose inputs and outputs are bound to the device."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_serving import Explainer
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE
from lpel_serving.engine.fixed_run import FixedRun
from lpel_serving.engine.session import open_session
from lpel_serving.support.errors import BundleError, ImageError, ParameterError
from support import tiny
from support.images import pixels

BATCH = 5
CROPS = np.stack([pixels(seed) for seed in range(BATCH)])


@pytest.fixture(scope="module")
def session():
    model = tiny.embedder_model().SerializeToString()
    return open_session(model, input_name=IMAGE, output_name=EMBEDDING)


@pytest.fixture
def run(session):
    return FixedRun(session, CROPS.shape, np.uint8)


@pytest.mark.parametrize("length", range(1, BATCH + 1))
def test_a_batch_of_any_length_is_what_the_session_makes_of_it(session, run, length):
    np.testing.assert_array_equal(run(CROPS[:length]), session.run(CROPS[:length]))


def test_what_was_in_the_batch_before_leaves_no_trace(run):
    alone = run(CROPS[:2])
    run(CROPS)
    np.testing.assert_array_equal(run(CROPS[:2]), alone)


def brightest_of_the_batch():
    """A model whose every output is the brightest of all images of its batch."""
    nodes = [
        helper.make_node("Cast", [IMAGE], ["light"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["light"], ["most"], axes=[0, 1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["light", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "most"], [EMBEDDING]),
    ]
    image = helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["batch", 1, 1, 1])
    found = helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["batch", 1, 1, 1])
    zero = numpy_helper.from_array(np.zeros(1, np.float32), "zero")
    graph = helper.make_graph(nodes, "brightest", [image], [found], [zero])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def test_a_batch_is_filled_up_with_zeros():
    session = open_session(brightest_of_the_batch(), input_name=IMAGE, output_name=EMBEDDING)
    run = FixedRun(session, (3, 1, 1, 1), np.uint8)
    values = np.array([5, 9, 7], np.uint8).reshape(3, 1, 1, 1)
    assert [run(values[:n]).max() for n in (3, 1, 2)] == [9, 5, 9]


def test_what_was_received_stays_when_the_batch_is_filled_anew(run):
    first = run(CROPS)
    before = first.copy()
    run(CROPS[::-1])
    np.testing.assert_array_equal(first, before)


def test_no_images_have_no_embeddings(run):
    assert run(CROPS[:0]).shape == (0, tiny.DIMENSION)


@pytest.mark.parametrize("size", [1, 3, 8])
def test_the_size_of_the_batch_does_not_change_an_embedding(session, size):
    run = FixedRun(session, (size, *CROPS.shape[1:]), np.uint8)
    found = np.concatenate([run(CROPS[i : i + size]) for i in range(0, BATCH, size)])
    np.testing.assert_array_equal(found, session.run(CROPS))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [((BATCH, 8, 8, 3), np.uint8), ((BATCH, 768), np.uint8), (CROPS.shape, np.float32)],
    ids=["size", "axes", "kind"],
)
def test_what_the_model_does_not_take_is_refused(session, shape, kind):
    run = FixedRun(session, shape, kind)
    with pytest.raises(BundleError, match="does not take"):
        run(np.zeros(shape, kind))


def test_more_than_a_batch_is_not_cut_short(run):
    with pytest.raises(ValueError, match="shape"):
        run(np.concatenate([CROPS, CROPS]))


def test_a_fixed_embedder_is_the_embedder(tiny_explainer):
    embedder = tiny_explainer.embedder
    np.testing.assert_array_equal(embedder.fixed(8)(list(CROPS)), embedder.embed(CROPS))


def test_a_fixed_embedder_refuses_crops_of_another_size(tiny_explainer):
    with pytest.raises(ImageError, match="expected crops as uint8"):
        tiny_explainer.embedder.fixed(4)([pixels(0, 8)])


def test_a_fixed_embedder_of_no_images_is_refused(tiny_explainer):
    with pytest.raises(ParameterError, match="at least 1 image; received 0"):
        tiny_explainer.embedder.fixed(0)


def test_a_fixed_embedder_gives_what_is_not_finite_as_it_is(tmp_path):
    broken = tiny.embedder_model()
    for one in broken.graph.initializer:
        if one.name == "white":
            one.raw_data = np.float32(0).tobytes()
    explainer = Explainer.load(tiny.write_bundle(tmp_path, broken.SerializeToString()))
    assert not np.isfinite(explainer.embedder.fixed(4)(list(CROPS[:2]))).any()
