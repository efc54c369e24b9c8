"""From a network's file to an explanation, the service, a batch and one file.

Each network is asked by its own runtime whether two images are similar; every door says the same.
"""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.batch.results import open_results
from lpel_serving.equations.decision import decide_many
from lpel_serving.service.http.settings import Settings
from support.batch import write_csv
from support.clients import about_pair, ask
from support.command import OFFLINE, lpel
from support.service import started

CLASSES, EACH, D = 3, 40, 5
MEAN = (90.5, 110.0, 130.25)
"""Of blue, green and red: the network takes BGR."""


@dataclass(frozen=True, eq=False)
class Own:
    """A network in its file, and what it says itself."""

    options: tuple[object, ...]
    shape: tuple[int, int, int]
    compare: Any
    """From two batches of uint8 images to the number that it decides by."""
    nearer: bool
    """Whether two images are similar where this is below the threshold."""

    def decide(self, one: NDArray[Any], other: NDArray[Any], threshold: float) -> NDArray[Any]:
        """Similar or not; NaN where the number is as good as the threshold."""
        apart = (self.compare(one, other) - threshold) * (-1 if self.nearer else 1)
        return np.where(np.abs(apart) < 1e-5, np.nan, apart > 0)


def grey_keras(home: Path) -> Own:
    """A rectangular network of grey images, compared by distance."""
    network = dense((12, 8, 1))
    save(network, home / "grey.keras")

    def distance(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        h, other_h = (network.predict(x / 255, verbose=0) for x in (one, other))
        return np.linalg.norm(h - other_h, axis=1)

    options = ("--embedder", home / "grey.keras", "--standardisation", "unit")
    return Own((*options, "--comparison", "euclidean"), (12, 8, 1), distance, nearer=True)


def head_keras(home: Path) -> Own:
    """A tower and a learned head of two embeddings (Koch et al.), two files."""
    tower = dense((8, 8, 3))
    h_r, h_t = keras.Input((D,)), keras.Input((D,))
    apart = keras.ops.abs(h_r - h_t)
    fixed = [keras.initializers.Constant(value) for value in (-2, 3)]
    score = keras.layers.Dense(1, "sigmoid", kernel_initializer=fixed[0], bias_initializer=fixed[1])
    head = keras.Model([h_r, h_t], score(apart))
    save(tower, home / "tower.keras")
    save(head, home / "head.keras")

    def own(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        both = [tower.predict(x / 255, verbose=0) for x in (one, other)]
        return head.predict(both, verbose=0)[:, 0]

    options = ("--embedder", home / "tower.keras", "--standardisation", "unit")
    return Own((*options, "--comparison", home / "head.keras"), (8, 8, 3), own, nearer=False)


def fixed_onnx(home: Path) -> Own:
    """NCHW, BGR, a mean of each colour, and a batch of 2 that is baked into a Reshape."""
    kernel = np.random.default_rng(2).normal(size=(3 * 8 * 8, D)).astype(np.float32) / 500
    nodes = [
        helper.make_node("Reshape", ["x", "flat_shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "kernel"], ["y"]),
    ]
    held = {"flat_shape": np.array([2, 3 * 8 * 8], np.int64), "kernel": kernel}
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 8, 8])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, D])
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in held.items()]
    graph = helper.make_graph(nodes, "fixed", [given], [made], weights)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), home / "fixed.onnx")
    session = onnxruntime.InferenceSession(home / "fixed.onnx")

    def embed(images: NDArray[Any]) -> NDArray[Any]:
        x = (images[..., ::-1].astype(np.float32) - np.float32(MEAN)).transpose(0, 3, 1, 2)
        pairs = x.reshape(-1, 2, 3, 8, 8)  # the file takes two images at a time, and no others
        return np.concatenate([session.run(None, {"x": pair})[0] for pair in pairs])

    def cosine(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        h, other_h = (embed(x).astype(np.float64) for x in (one, other))
        lengths = np.linalg.norm(h, axis=1) * np.linalg.norm(other_h, axis=1)
        return (h * other_h).sum(axis=1) / lengths

    mean = ",".join(map(str, MEAN))
    options = ("--embedder", home / "fixed.onnx", "--image-size", 8, "--channels", "BGR")
    return Own((*options, "--mean", mean, "--scale", 1), (8, 8, 3), cosine, nearer=False)


def dense(shape: tuple[int, int, int]) -> Any:
    keras.utils.set_random_seed(3)
    layers = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(D)]
    return keras.Sequential(layers)


def save(model: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras' own, of NumPy
        model.save(path)


@dataclass(frozen=True, eq=False)
class Made:
    """A network's file has become a bundle."""

    own: Own
    bundle: Path
    images: NDArray[Any]
    paths: list[Path]

    def pairs(self, n: int) -> NDArray[Any]:
        """An even number of random pairs, as places of images."""
        return np.random.default_rng(5).integers(0, len(self.images), (2, n))

    def decide(self, places: NDArray[Any]) -> NDArray[Any]:
        """What the network decides itself."""
        manifest = Explainer.load(self.bundle).manifest
        threshold = manifest.comparison.own_of(manifest.threshold.value)
        return self.own.decide(*self.images[places], threshold)


@pytest.fixture(scope="module", params=[grey_keras, head_keras, fixed_onnx])
def made(request, tmp_path_factory):
    home = tmp_path_factory.mktemp(request.param.__name__)
    own = request.param(home)
    rng = np.random.default_rng(4)
    images, paths = [], []
    for name in range(CLASSES):
        (home / "images" / str(name)).mkdir(parents=True)
        common = rng.integers(0, 256, own.shape)
        for number in range(EACH):
            noisy = np.clip(common + rng.integers(-60, 61, own.shape), 0, 255).astype(np.uint8)
            paths.append(home / "images" / str(name) / f"{number}.png")
            Image.fromarray(noisy.squeeze()).save(paths[-1])
            images.append(noisy)
    done = lpel(
        *("train", "--faces", home / "images", "--out", home / "bundle", "--cache", home / "cache"),
        *("--closed-form", "--method", "responses", "--grid", 4, "--coalitions", 8),
        *("--subject", "images", *own.options),
        **OFFLINE,
    )
    assert done.returncode == 0, done.stderr
    return Made(own, home / "bundle", np.stack(images), paths)


def same(found: Any, own: NDArray[Any]) -> None:
    """Decisions are the network's, of both kinds, and hardly one was too close to call."""
    clear = ~np.isnan(own)
    assert clear.mean() > 0.95
    assert set(own[clear]) == {0.0, 1.0}
    np.testing.assert_array_equal(np.asarray(found)[clear], own[clear].astype(bool))


def test_the_decision_is_the_networks_own_on_a_thousand_pairs(made):
    explainer, places = Explainer.load(made.bundle), made.pairs(1000)
    h_r, h_t = (explainer.embed(made.images[of]) for of in places)
    threshold = explainer.manifest.threshold.value
    same(decide_many(explainer.comparison, h_r, h_t, threshold).similar, made.decide(places))


def test_the_commands_explain_and_write_one_file(made):
    places = made.pairs(40)
    decided = made.decide(places)
    apart, alike = np.flatnonzero(decided == 0)[0], np.flatnonzero(decided == 1)[0]
    for place in (apart, alike):
        reference, test = (made.paths[of] for of in places[:, place])
        done = lpel("explain", "--bundle", made.bundle, reference, test, "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert said["decision"] == ("similar" if decided[place] else "dissimilar")
        assert said["method"] == "responses"
    exported = lpel("export", "--bundle", made.bundle)
    assert exported.returncode == 0, exported.stderr
    session = onnxruntime.InferenceSession(made.bundle / "explainer.onnx")
    one, other = made.images[places]
    names = ["similar", "test_heat_map"]
    found, maps = session.run(names, {"reference": one, "test": other})
    same(found, decided)
    pair = Explainer.load(made.bundle).explain(one[0], other[0])
    np.testing.assert_allclose(maps[0], pair.forward.heat_map, atol=1e-5)


def test_a_batch_explains_it(made, tmp_path):
    places = made.pairs(60)
    columns = {
        role: [made.paths[of] for of in some]
        for role, some in zip(("reference", "test"), places, strict=True)
    }
    listed = write_csv(tmp_path / "pairs.csv", columns)
    done = lpel("batch", listed, tmp_path / "out", "--bundle", made.bundle)
    assert done.returncode == 0, done.stderr
    rows = open_results(tmp_path / "out").to_table().to_pylist()
    same([row["similar"] for row in rows], made.decide(places))
    assert len(rows) == 60
    assert not [name for name in rows[0] if "nose" in name]


def test_the_service_explains_it(made):
    places = made.pairs(12)
    decided = made.decide(places)
    with started(Settings(made.bundle)) as running:
        for place in range(12):
            files = [made.paths[of].read_bytes() for of in places[:, place]]
            answer = ask(running.port, about_pair("/v1/explain", *files))
            assert answer.status == 200, answer.body
            if not np.isnan(decided[place]):
                wanted = "similar" if decided[place] else "dissimilar"
                assert answer.json["decision"] == wanted
