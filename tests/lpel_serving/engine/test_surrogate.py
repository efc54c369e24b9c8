"""The surrogate in the engine: what it predicts, whatever is predicted together, and refusals."""

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.bundle.manifest import SurrogateRecord
from lpel_serving.engine.surrogate import Surrogate
from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support import tiny, tiny_surrogate
from support.tiny_surrogate import FILLS, K, coalitions, noise


@pytest.fixture(scope="module")
def surrogate() -> Surrogate:
    return Surrogate(tiny_surrogate.graphs(), tiny_surrogate.RECORD, tiny.DIMENSION)


@pytest.mark.parametrize("fill", FILLS)
def test_it_predicts_what_the_graph_says(surrogate, fill):
    images = tiny_surrogate.features(noise(3))
    donors = tiny_surrogate.features(noise(3, seed=1)) if fill == "transplant" else None
    rows = coalitions(7)
    found = surrogate.simulate(images, fill, donors)(rows)
    assert found.shape == (3, 7, tiny.DIMENSION)
    assert found.dtype == np.float32
    expected = tiny_surrogate.simulate(images, fill, donors)(rows)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    of_each = np.stack([rows, rows[::-1], rows])
    found = surrogate.simulate(images, fill, donors)(of_each)
    np.testing.assert_allclose(found[1], expected[1][::-1], atol=1e-5)


def test_the_empty_coalition_takes_nothing(surrogate):
    images = tiny_surrogate.features(noise(2))
    found = surrogate.simulate(images, "mean")(np.zeros((1, K), bool))[:, 0]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_images_do_not_depend_on_others(surrogate):
    images, rows = tiny_surrogate.features(noise(5)), coalitions(1100)
    together = surrogate.simulate(images, "blur")(rows)
    assert together.shape[1] == 1100
    for i in range(5):
        alone = surrogate.simulate(images[[i]], "blur")(rows)
        assert alone.tobytes() == together[[i]].tobytes()


@pytest.mark.parametrize("fill", ["mean", "transplant"])
def test_a_simulation_may_be_asked_again(surrogate, fill):
    """What each answer is made of, to the byte, is a matter of the graph: see its parity."""
    images, rows = tiny_surrogate.features(noise(3)), coalitions(70)
    donors = images[[1, 2, 0]] if fill == "transplant" else None
    simulation = surrogate.simulate(images, fill, donors)
    together = simulation(rows)
    parts = [simulation(rows[start : start + 13]) for start in range(0, 70, 13)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), together, atol=1e-6)
    assert simulation(rows).tobytes() == together.tobytes()
    assert surrogate.simulate(images, fill, donors)(rows).tobytes() == together.tobytes()


def test_embeddings_of_any_length(surrogate):
    images, rows = tiny_surrogate.features(noise(2)), coalitions(4)
    longer = ImageFeatures(images.embeddings * np.float32(256), images.local)
    found = surrogate.simulate(longer, "normal")(rows)
    assert found.tobytes() == surrogate.simulate(images, "normal")(rows).tobytes()


def test_no_images_and_no_coalitions(surrogate):
    images, rows = tiny_surrogate.features(noise(2)), coalitions(4)
    assert surrogate.simulate(images[[]], "mean")(rows).shape == (0, 4, tiny.DIMENSION)
    assert surrogate.simulate(images, "mean")(rows[:0]).shape == (2, 0, tiny.DIMENSION)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((4, K - 1), bool),
        np.zeros((4, K), np.int64),
        np.zeros(K, bool),
        np.zeros((3, 4, K), bool),
        np.zeros((1, 4, K), bool),
    ],
    ids=["too few superpixels", "whole numbers", "one row", "for other images", "for one image"],
)
def test_wrong_coalitions(surrogate, rows):
    with pytest.raises(ParameterError, match="expected coalitions as bool or floats of shape"):
        surrogate.simulate(tiny_surrogate.features(noise(2)), "mean")(rows)


@pytest.mark.parametrize("wrong", [-1e-3, 1.001, np.nan, np.inf])
def test_wrong_memberships(surrogate, wrong):
    rows = np.full((4, K), 0.5, np.float32)
    rows[2, 3] = wrong
    with pytest.raises(ParameterError, match=r"memberships from 0, .* to 1"):
        surrogate.simulate(tiny_surrogate.features(noise(2)), "mean")(rows)


def test_memberships_lie_between_coalitions(surrogate):
    images, rows = tiny_surrogate.features(noise(3)), coalitions(7)
    in_part = np.random.default_rng(0).random((7, K), np.float32)
    found = surrogate.simulate(images, "mean")(in_part)
    np.testing.assert_allclose(found, tiny_surrogate.simulate(images, "mean")(in_part), atol=1e-5)
    whole = surrogate.simulate(images, "mean")(rows)
    for kind in (np.float32, np.float64):
        assert surrogate.simulate(images, "mean")(rows.astype(kind)).tobytes() == whole.tobytes()


def test_wrong_fills_and_donors(surrogate):
    images, rows = tiny_surrogate.features(noise(2)), coalitions(4)
    with pytest.raises(ParameterError, match=r"knows the fills normal.*received 'constant'"):
        surrogate.simulate(images, "constant")(rows)
    with pytest.raises(ParameterError, match="the fill transplant without donors"):
        surrogate.simulate(images, "transplant")(rows)
    with pytest.raises(ParameterError, match="the fill mean with donors"):
        surrogate.simulate(images, "mean", images)(rows)
    with pytest.raises(ParameterError, match="a donor for each of the 2 images, received 1"):
        surrogate.simulate(images, "transplant", images[[0]])(rows)


def test_wrong_features(surrogate):
    images, rows = tiny_surrogate.features(noise(2)), coalitions(4)
    for broken in (
        ImageFeatures(images.embeddings[:, 1:], images.local),
        ImageFeatures(images.embeddings, images.local[:, 1:]),
        ImageFeatures(images.embeddings[:1], images.local),
        ImageFeatures(images.embeddings, images.local * np.float32("nan")),
        ImageFeatures(images.embeddings * np.float32("inf"), images.local),
    ):
        with pytest.raises(EmbeddingError, match="expected"):
            surrogate.simulate(broken, "mean")(rows)
        with pytest.raises(EmbeddingError, match="expected"):
            surrogate.simulate(images, "transplant", broken)(rows)


def test_the_explainer_has_it(simulating_explainer: Explainer, tiny_explainer: Explainer):
    crops = noise(3)
    assert simulating_explainer.simulates
    assert not tiny_explainer.simulates
    found, expected = simulating_explainer.features(crops), tiny_surrogate.features(crops)
    assert found.embeddings.tobytes() == simulating_explainer.embed(crops).tobytes()
    np.testing.assert_allclose(found.local, expected.local, atol=1e-6)
    masked = simulating_explainer.simulate(found, "mean")(coalitions(5))
    expected = tiny_surrogate.simulate(expected, "mean")(coalitions(5))
    np.testing.assert_allclose(masked, expected, atol=1e-5)
    for refused in (
        lambda: tiny_explainer.features(crops),
        lambda: tiny_explainer.simulate(found, "mean")(coalitions(5)),
    ):
        with pytest.raises(ParameterError, match="there is no surrogate"):
            refused()


def test_a_surrogate_may_know_fewer_fills():
    record = SurrogateRecord(tiny.SIDE, tiny_surrogate.CHANNELS, FILLS[:2], (), {})
    few = Surrogate(tiny_surrogate.graphs(), record, tiny.DIMENSION)
    with pytest.raises(ParameterError, match="knows the fills normal, mean; received 'blur'"):
        few.simulate(tiny_surrogate.features(noise(1)), "blur")(coalitions(2))
