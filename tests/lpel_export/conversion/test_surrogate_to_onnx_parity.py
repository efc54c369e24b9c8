"""A surrogate in ONNX: its tensors, the same bytes each time, and parity in every fill."""

import numpy as np
import onnx
import onnxruntime
import pytest

from lpel_export.conversion import surrogate_to_onnx
from lpel_export.conversion.surrogate_to_onnx import check_surrogate_parity, export_surrogate
from lpel_export.support.errors import ParityError
from lpel_serving.bundle.manifest import SURROGATE_FILE, SurrogateRecord
from lpel_serving.bundle.safety.models import refuse_unsafe
from lpel_serving.engine.surrogate import Surrogate
from lpel_serving.equations.similarity import unit
from lpel_tf.surrogates.graph import constants, hiding, masked_embeddings
from lpel_tf.surrogates.network import Sizes, to_keras
from support.surrogate_networks import SIZES, random_coalitions, random_images, random_network

pytestmark = pytest.mark.parity

FILLS = ("normal", "mean", "blur", "transplant")


def export(network, sizes=SIZES):
    shape = (sizes.superpixels, sizes.channels)
    model, named = to_keras(network), constants(network)
    of = (hiding(model, sizes), masked_embeddings(model, sizes))
    return export_surrogate(*of, sizes.dimension, shape, named, {"lpel": "x"})


@pytest.fixture(scope="module")
def network():
    return random_network()


@pytest.fixture(scope="module")
def graphs(network):
    return export(network)


@pytest.fixture(scope="module")
def original(network):
    keras_model = to_keras(network)

    def run(images, donors, coalitions):
        inputs = [images.embeddings, images.local, donors.embeddings, donors.local, coalitions]
        whole = images.embeddings[:, np.newaxis, np.newaxis]
        return whole - keras_model.predict_on_batch(inputs)

    return run


def test_parity_holds_in_every_fill_at_two_batch_sizes(graphs, original):
    images, donors = random_images(4), random_images(4, seed=1)
    report = check_surrogate_parity(
        graphs, original, images, donors, random_coalitions(5), inputs="made up"
    )
    assert report.max_difference <= 1e-5
    assert (report.batch_sizes, report.samples) == ((1, 4), 4)


def test_parity_holds_for_superpixels_replaced_in_part(graphs, original):
    """What no image has, and what Aumann-Shapley values are computed from."""
    images, donors = random_images(4), random_images(4, seed=1)
    in_part = np.random.default_rng(3).random((SIZES.fills, 5, SIZES.superpixels), np.float32)
    report = check_surrogate_parity(graphs, original, images, donors, in_part, inputs="made up")
    assert report.max_difference <= 1e-5


@pytest.mark.parametrize("fill", range(4))
def test_a_difference_in_one_fill_is_found(fill, graphs, original):
    def wrong(images, donors, coalitions):
        found = original(images, donors, coalitions).copy()
        found[-1, fill, -1, 0] += 1e-4
        return found

    given = (random_images(3), random_images(3, seed=1), random_coalitions(2))
    with pytest.raises(ParityError, match="differs from its original"):
        check_surrogate_parity(graphs, wrong, *given, inputs="made up")
    one = (random_images(1), random_images(1))
    with pytest.raises(ParityError, match="two images"):
        check_surrogate_parity(graphs, original, *one, given[2], inputs="made up")


@pytest.mark.parametrize("in_part", [False, True])
def test_the_engine_runs_it(in_part, graphs, original):
    images, donors, drawn = random_images(3), random_images(3, seed=1), random_coalitions(6)
    if in_part:
        drawn = np.random.default_rng(4).random(drawn.shape, np.float32)
    every = np.broadcast_to(drawn.astype(np.float32), (3, *drawn.shape))
    expected = original(images, donors, every)
    record = SurrogateRecord(SIZES.side, SIZES.channels, FILLS, ("layer",), {})
    surrogate = Surrogate(graphs, record, SIZES.dimension)
    for place, fill in enumerate(FILLS):
        given = donors if fill == "transplant" else None
        found = surrogate.simulate(images, fill, given)(drawn[place])
        np.testing.assert_allclose(found, expected[:, place], atol=1e-5)


@pytest.mark.parametrize("fill", ["mean", "transplant"])
def test_its_answers_do_not_depend_on_what_else_is_asked(fill, graphs):
    images, rows = random_images(3), random_coalitions(70)[0]
    donors = random_images(3, seed=1) if fill == "transplant" else None
    record = SurrogateRecord(SIZES.side, SIZES.channels, FILLS, ("layer",), {})
    surrogate = Surrogate(graphs, record, SIZES.dimension)
    simulation = surrogate.simulate(images, fill, donors)
    together = simulation(rows)
    assert simulation(rows).tobytes() == together.tobytes()
    np.testing.assert_array_equal(together[:, 0], unit(images.embeddings))  # nothing is replaced
    for size in (1, 2, 3, 13, 64):
        parts = [simulation(rows[start : start + size]) for start in range(0, 70, size)]
        assert np.concatenate(parts, axis=1).tobytes() == together.tobytes()
    for i in range(3):
        of_one = None if donors is None else donors[[i]]
        alone = surrogate.simulate(images[[i]], fill, of_one)(rows)
        assert alone.tobytes() == together[[i]].tobytes()


def test_several_images_have_the_bytes_of_each_alone():
    """A file of the whole explainer runs the graphs on all images of a batch at once."""
    sizes = Sizes(dimension=16, side=8, channels=32, fills=4, token=96, state=64, dense=32)
    network = random_network(sizes)
    graphs = export(network, sizes)
    images, rows = random_images(5, sizes), random_coalitions(70, sizes)[0].astype(np.float32)
    h, local, fill = images.embeddings, images.local, np.array(1, np.int64)

    def ask(of):
        hidden = dict(zip(SEEN, (h[of], local[of], h[of], local[of], fill), strict=True))
        shown, effects = run(graphs.surrogate, hidden)
        asked = {"shown_state": shown, "effects": effects, "embedding": h[of]}
        asked |= {"donor_embedding": 0 * h[of], "coalition": rows[np.newaxis]}
        return shown, effects, *run(graphs.simulation, asked)

    together = ask(slice(None))
    for image in range(5):
        for whole, alone in zip(together, ask(slice(image, image + 1)), strict=True):
            assert whole[[image]].tobytes() == alone.tobytes()


def run(model, inputs):
    return onnxruntime.InferenceSession(model).run(None, inputs)


SEEN = {
    "embedding": ["batch", 5],
    "local_features": ["batch", 9, 4],
    "donor_embedding": ["batch", 5],
    "donor_local_features": ["batch", 9, 4],
    "fill": [],
}
HIDDEN = {"shown_state": ["batch", 10], "effects": ["batch", 21, 10]}
ASKED = {
    "embedding": ["batch", 5],
    "donor_embedding": ["batch", 5],
    "coalition": ["batch_or_1", "coalition", 9],
}
MASKED = {"masked_embedding": ["batch", "coalition", 5]}


def test_the_graphs_are_plain_named_and_the_same_each_time(graphs, network):
    assert export(network) == graphs
    named = set()
    for name, model in graphs.files.items():
        refuse_unsafe(model, name)
        read = onnx.load_from_string(model)
        named |= {tensor.name for tensor in read.graph.initializer}
        shapes = {
            tensor.name: [d.dim_param or d.dim_value for d in tensor.type.tensor_type.shape.dim]
            for tensor in (*read.graph.input, *read.graph.output)
        }
        assert shapes == (SEEN | HIDDEN if name == SURROGATE_FILE else HIDDEN | ASKED | MASKED)
        versions = {one.version for one in read.opset_import if not one.domain}
        assert versions == {surrogate_to_onnx.OPSET}
    assert set(constants(network)) <= named
