import gc
import hashlib
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from keras_facenet.inception_resnet_v1 import InceptionResNetV1
from keras_facenet.metadata import MODEL_METADATA

from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CentreCrop
from lpel_serving.support.errors import LpelError
from lpel_tf.networks.embedders import from_keras
from lpel_tf.networks.facenet import FACENETS, THESIS_KEY, build, facenet
from lpel_tf.networks.weights import fetch
from lpel_tf.support.errors import CacheError, WeightsAlteredError, WeightsUnreachableError
from support.full_files import files_of_at_most
from support.http import Page, closed_port, serve

# pooch never closes the response of a download that failed.
pytestmark = [
    pytest.mark.hostile,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

NAME = MODEL_METADATA[THESIS_KEY]["keras_weights_filename"]
SMALL = np.random.default_rng(7).bytes(3 * 2**20)
THESIS = facenet(THESIS_KEY)
FIXED = {True: "fixed", False: "per image"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def cached(cache):
    return cache / "weights" / THESIS_KEY / NAME


@pytest.fixture(scope="module", autouse=True)
def collect_what_pooch_left_open():
    yield
    gc.collect()  # here, where the mark above holds, and not in the middle of another test


@pytest.fixture
def pinned(monkeypatch):
    """Pin the hash of SMALL for the thesis's weights: for downloads that are never built."""
    monkeypatch.setitem(MODEL_METADATA[THESIS_KEY], "keras_weights_sha256", sha256(SMALL))


# --- the table of networks -----------------------------------------------------------------------


def test_the_four_keys_are_those_of_keras_facenet():
    assert set(FACENETS) == set(MODEL_METADATA)


@pytest.mark.parametrize("key", sorted(MODEL_METADATA))
def test_dimension_and_standardisation_are_those_of_keras_facenet(key):
    known = MODEL_METADATA[key]
    assert FACENETS[key].dimension == known["dimensions"]
    assert FACENETS[key].standardisation == FIXED[known["fixed_image_standardization"]]
    assert known["image_size"] == 160


@pytest.mark.parametrize("key", [key for key, net in FACENETS.items() if net.route == "download"])
def test_the_pinned_hash_and_address_are_those_of_keras_facenet(key, tmp_path, monkeypatch):
    monkeypatch.setitem(MODEL_METADATA[key], "keras_weights_sha256", sha256(SMALL))
    name = MODEL_METADATA[key]["keras_weights_filename"]
    with serve({f"/released/{name}": Page(SMALL)}) as site:
        monkeypatch.setitem(
            MODEL_METADATA[key], "keras_weights_url", f"{site.address}/released/{name}"
        )
        path = fetch(facenet(key), cache=tmp_path)
    assert path == tmp_path / "weights" / key / name
    assert path.read_bytes() == SMALL


# --- the whole path, with a file of the true shape -----------------------------------------------


@pytest.fixture(scope="module")
def true_shape(tmp_path_factory):
    """Keras-facenet's network with random weights, and the same weights in a released file."""
    rng = np.random.default_rng(512)
    model = InceptionResNetV1(input_shape=(160, 160, 3), classes=512)
    path = tmp_path_factory.mktemp("released") / NAME
    with h5py.File(path, "w") as file:
        for layer in model.layers:
            values = [random_weight(rng, w.name, value) for w, value in both(layer)]
            layer.set_weights(values)
            write_layer(file, layer, values)
    return SimpleNamespace(model=model, content=path.read_bytes())


def both(layer):
    return zip(layer.weights, layer.get_weights(), strict=True)


def random_weight(rng, name, value):
    if "variance" in name:
        return rng.uniform(0.5, 1.5, value.shape).astype(np.float32)
    if value.ndim == 1:
        return rng.normal(0, 0.1, value.shape).astype(np.float32)
    spread = np.sqrt(2 / np.prod(value.shape[:-1]))
    return rng.normal(0, spread, value.shape).astype(np.float32)


def write_layer(file, layer, values):
    """The layout of Keras 2's `save_weights`: a group per layer at the root of the file."""
    group = file.create_group(layer.name)
    names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
    group.attrs["weight_names"] = [name.encode() for name in names]
    for name, value in zip(names, values, strict=True):
        group[name] = value


@pytest.fixture(scope="module")
def fetched(true_shape, tmp_path_factory):
    """The file, fetched over HTTP into a new cache, with the requests that this took."""
    cache = tmp_path_factory.mktemp("cache")
    with (
        pytest.MonkeyPatch.context() as patch,
        serve({f"/w/{NAME}": Page(true_shape.content)}) as (site),
    ):
        patch.setitem(
            MODEL_METADATA[THESIS_KEY], "keras_weights_sha256", sha256(true_shape.content)
        )
        reported = []
        path = fetch(THESIS, cache=cache, mirror=f"{site.address}/w/", progress=recorder(reported))
        yield SimpleNamespace(cache=cache, path=path, site=site, reported=reported)


def recorder(reported):
    @contextmanager
    def progress(what, total):
        yield reported.append

    return progress


@pytest.fixture(scope="module")
def built(fetched):
    return build(THESIS, fetched.path)


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(3).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def exported(built, crops):
    return from_keras(
        built, name="thesis", image_size=160, standardisation=THESIS.standardisation, faces=crops
    )


@pytest.mark.slow
def test_fetch_returns_the_file_that_the_mirror_holds(fetched, true_shape):
    assert fetched.path == cached(fetched.cache)
    assert fetched.path.read_bytes() == true_shape.content
    assert files_in(fetched.cache) == [str(cached(fetched.cache).relative_to(fetched.cache))]


@pytest.mark.slow
def test_the_progress_of_a_download_adds_up_to_its_megabytes(fetched, true_shape):
    assert all(step >= 0 for step in fetched.reported)
    assert sum(fetched.reported) == pytest.approx(len(true_shape.content) / 2**20, abs=1)


@pytest.mark.slow
def test_a_second_fetch_makes_no_request(fetched):
    before = list(fetched.site.requests)
    assert fetch(THESIS, cache=fetched.cache, mirror=f"{fetched.site.address}/w") == fetched.path
    assert fetched.site.requests == before


@pytest.mark.slow
def test_the_built_network_holds_the_weights_of_the_file(built, true_shape):
    ours, theirs = built.get_weights(), true_shape.model.get_weights()
    assert len(ours) == len(theirs) > 400
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_embeddings_have_512_features_and_unit_norm(built, crops):
    h = built((crops - np.float32(127.5)) / np.float32(127.5), training=False).numpy()
    assert h.shape == (3, 512)
    np.testing.assert_allclose(np.linalg.norm(h, axis=1), 1, rtol=1e-5)


@pytest.mark.slow
def test_the_exported_graph_standardises_as_the_thesis_network_wants(exported, built, crops):
    keras = built((crops - np.float32(127.5)) / np.float32(127.5), training=False).numpy()
    onnx = Embedder(exported.model, exported.record, CentreCrop()).embed(crops)
    assert onnx.shape == (3, 512)
    np.testing.assert_allclose(onnx, keras, atol=1e-5)
    assert np.abs(keras[0] - keras[1]).max() > 1e-3, "the images must differ for this to say much"


@pytest.mark.slow
def test_the_record_of_the_export_names_size_dimension_and_standardisation(exported):
    record = exported.record
    assert (record.shape.height, record.dimension, record.standardisation) == (160, 512, "fixed")
    assert exported.parity.batch_sizes == (1, 3)
    assert exported.parity.max_difference <= 1e-5


@pytest.mark.slow
def test_weights_of_another_dimension_are_refused(fetched):
    with pytest.raises(WeightsAlteredError, match=f"{NAME}.*lpel weights"):
        build(facenet("20170512-110547"), fetched.path)


# --- what can go wrong ---------------------------------------------------------------------------


def test_a_corrupted_file_in_the_cache_is_fetched_again(pinned, tmp_path):
    cached(tmp_path).parent.mkdir(parents=True)
    cached(tmp_path).write_bytes(SMALL[:-1] + b"x")
    with serve({f"/{NAME}": Page(SMALL)}) as site:
        path = fetch(THESIS, cache=tmp_path, mirror=site.address)
        assert site.count(f"/{NAME}") == 1
    assert path.read_bytes() == SMALL
    assert files_in(tmp_path) == [str(cached(tmp_path).relative_to(tmp_path))]


TAMPERED = bytes([SMALL[0] ^ 1]) + SMALL[1:]
FAILURES = {
    "the connection breaks midway": (Page(SMALL, break_after=2**20), WeightsUnreachableError),
    "the connection breaks at once": (Page(SMALL, break_after=0), WeightsUnreachableError),
    "the server says 404": (Page(b"nothing here", 404), WeightsUnreachableError),
    "the server says 503": (Page(b"come back later", 503), WeightsUnreachableError),
    "the content is tampered with": (Page(TAMPERED), WeightsAlteredError),
    "the content is cut short": (Page(SMALL[: 2**20]), WeightsAlteredError),
    "the content is empty": (Page(b""), WeightsAlteredError),
    "a login page answers": (Page(b"<html>please log in</html>"), WeightsAlteredError),
}
BUILTIN = {
    WeightsUnreachableError: ConnectionError,
    WeightsAlteredError: ValueError,
    CacheError: OSError,
}
ADVICE = {WeightsUnreachableError: "--mirror", WeightsAlteredError: "again", CacheError: "--cache"}


def check_complaint(error, kind):
    assert type(error) is kind
    assert isinstance(error, LpelError)
    assert isinstance(error, BUILTIN[kind])
    message = str(error)
    assert "\n" not in message
    assert message.endswith(".")
    assert ADVICE[kind] in message, f"the message does not say what to do: {message}"


@pytest.mark.parametrize(("page", "kind"), FAILURES.values(), ids=FAILURES)
def test_a_failed_download_says_what_to_do_leaves_nothing_and_the_next_one_works(
    page, kind, pinned, tmp_path
):
    with serve({f"/{NAME}": page}) as site:
        with pytest.raises(LpelError) as caught:
            fetch(THESIS, cache=tmp_path, mirror=site.address)
        assert files_in(tmp_path) == []
        site.pages[f"/{NAME}"] = Page(SMALL)
        assert fetch(THESIS, cache=tmp_path, mirror=site.address).read_bytes() == SMALL
    check_complaint(caught.value, kind)


@pytest.mark.parametrize("name", ["the connection breaks midway", "the content is cut short"])
def test_a_failed_download_never_makes_a_corrupted_file_pass(name, pinned, tmp_path):
    page, kind = FAILURES[name]
    cached(tmp_path).parent.mkdir(parents=True)
    cached(tmp_path).write_bytes(TAMPERED)
    with serve({f"/{NAME}": page}) as site, pytest.raises(kind):
        fetch(THESIS, cache=tmp_path, mirror=site.address)
    assert files_in(tmp_path) in ([], [str(cached(tmp_path).relative_to(tmp_path))])
    with serve({f"/{NAME}": Page(SMALL)}) as site:
        assert fetch(THESIS, cache=tmp_path, mirror=site.address).read_bytes() == SMALL


@pytest.mark.parametrize(
    "mirror",
    ["http://127.0.0.1:{port}", "no-address-at-all", "file:///tmp", "http://", "http://[::1"],
)
def test_an_address_that_cannot_be_reached_is_named(mirror, pinned, tmp_path):
    address = mirror.format(port=closed_port())
    with pytest.raises(WeightsUnreachableError) as caught:
        fetch(THESIS, cache=tmp_path, mirror=address)
    check_complaint(caught.value, WeightsUnreachableError)
    assert f"{address.rstrip('/')}/{NAME}" in str(caught.value)
    assert files_in(tmp_path) == []


def test_a_full_disk_is_noticed_before_anything_is_asked_for(pinned, tmp_path, monkeypatch):
    usage = SimpleNamespace(total=10**9, used=10**9 - 10**6, free=10**6)
    with serve({f"/{NAME}": Page(SMALL)}) as site:
        with monkeypatch.context() as patch:
            patch.setattr(shutil, "disk_usage", lambda folder: usage)
            with pytest.raises(CacheError) as caught:
                fetch(THESIS, cache=tmp_path, mirror=site.address)
        assert site.requests == []
        assert files_in(tmp_path) == []
        assert fetch(THESIS, cache=tmp_path, mirror=site.address).read_bytes() == SMALL
    assert str(cached(tmp_path).parent) in str(caught.value)
    check_complaint(caught.value, CacheError)


def test_a_write_that_fails_midway_leaves_nothing(pinned, tmp_path):
    with serve({f"/{NAME}": Page(SMALL)}) as site:
        with files_of_at_most(2**20), pytest.raises(CacheError) as caught:
            fetch(THESIS, cache=tmp_path, mirror=site.address)
        assert files_in(tmp_path) == []
        assert fetch(THESIS, cache=tmp_path, mirror=site.address).read_bytes() == SMALL
    assert str(cached(tmp_path)) in str(caught.value)
    check_complaint(caught.value, CacheError)


def test_a_cache_that_is_a_file_is_refused(pinned, tmp_path):
    (tmp_path / "cache").write_bytes(b"not a folder")
    with serve({f"/{NAME}": Page(SMALL)}) as site, pytest.raises(CacheError) as caught:
        fetch(THESIS, cache=tmp_path / "cache", mirror=site.address)
    check_complaint(caught.value, CacheError)


def test_a_folder_in_the_place_of_the_file_is_reported(pinned, tmp_path):
    cached(tmp_path).mkdir(parents=True)
    with serve({f"/{NAME}": Page(SMALL)}) as site, pytest.raises(CacheError) as caught:
        fetch(THESIS, cache=tmp_path, mirror=site.address)
    check_complaint(caught.value, CacheError)
    assert files_in(tmp_path) == []


def write_layers_without_names(path):
    with h5py.File(path, "w") as file:
        for layer in InceptionResNetV1(input_shape=(160, 160, 3), classes=128).layers:
            file.create_group(layer.name)


BROKEN_WEIGHTS = {
    "not HDF5": lambda path: path.write_bytes(b"no HDF5 at all"),
    "an empty file": lambda path: path.write_bytes(b""),
    "an HDF5 file without layers": lambda path: h5py.File(path, "w").close(),
    "a layer without weight names": write_layers_without_names,
}


@pytest.mark.parametrize("spoil", BROKEN_WEIGHTS.values(), ids=BROKEN_WEIGHTS)
def test_a_file_without_the_weights_is_named(spoil, tmp_path):
    path = tmp_path / "weights.h5"
    spoil(path)
    with pytest.raises(WeightsAlteredError, match=r"weights\.h5 .*lpel weights"):
        build(facenet("20170511-185253"), path)


# --- the command ---------------------------------------------------------------------------------


def lpel(*arguments):
    command = Path(sys.executable).with_name("lpel")
    return subprocess.run(
        [command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_command_says_in_one_line_that_the_mirror_lacks_the_weights(tmp_path):
    with serve() as site:
        done = lpel("weights", THESIS_KEY, "--mirror", site.address, "--cache", tmp_path)
        assert site.requests == [f"/{NAME}"]
    assert done.returncode == 2
    assert done.stdout == ""
    # The progress bar is drawn on standard error too; the complaint is the last line.
    complaint = [line for line in done.stderr.splitlines() if line.strip()][-1]
    assert complaint.startswith(f"lpel: {site.address}/{NAME} cannot be downloaded")
    assert "Traceback" not in done.stderr
    assert "Error:" not in done.stderr
    assert files_in(tmp_path) == []
