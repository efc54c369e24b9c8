"""`lpel train`, `lpel weights` and `lpel demo` as people run them."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image as pillow

from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.support.errors import OutputError
from lpel_tf.demo.run import check_output
from support.command import NO_PHOTOGRAPHS, OFFLINE, lpel, lpel_process
from support.folders import names_in
from support.images import write_people
from support.process import LPEL

PEOPLE = 6
EACH = 40


def complaint(done):
    """The one sentence on standard error of a command that refused."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert lines[-1].startswith("lpel: ")
    return lines[-1]


# --- refused before any work ----------------------------------------------------------------------


@pytest.fixture
def photographs(tmp_path):
    return write_people(tmp_path / "faces", people=3, each=2, size=32)


def test_a_folder_that_is_no_bundle_is_not_overwritten(photographs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.docx").write_bytes(b"precious")
    done = lpel("train", "--faces", photographs, "--out", tmp_path / "out", "--cache", tmp_path)
    assert "choose another folder" in complaint(done)
    assert len(done.stderr.splitlines()) == 1
    assert names_in(tmp_path / "out") == ["thesis.docx"]


@pytest.mark.parametrize("command", ["weights", "train"])
def test_an_unknown_network_is_refused_with_the_known_ones(command, photographs, tmp_path):
    options = {
        "weights": ["weights", "20991231-235959"],
        "train": [
            *("train", "--faces", photographs, "--out", tmp_path / "out"),
            *("--network", "20991231-235959"),
        ],
    }
    done = lpel(*options[command], "--cache", tmp_path / "cache")
    said = complaint(done)
    assert "no published network is called '20991231-235959'" in said
    assert "20180402-114759" in said
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("make", NO_PHOTOGRAPHS.values(), ids=NO_PHOTOGRAPHS)
def test_a_folder_without_photographs_is_refused(make, tmp_path):
    make(tmp_path / "faces")
    done = lpel("train", "--faces", tmp_path / "faces", "--out", tmp_path / "out")
    assert str(tmp_path / "faces") in complaint(done)
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--crop", "nonsense"], "nonsense"),
        (["--crop", "1.5"], "1.5"),
        (["--pairs", "missing.txt"], "missing.txt"),
        (["--identities", "missing.txt"], "missing.txt"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_before_anything_is_fetched(
    options, named, photographs, tmp_path
):
    done = lpel(
        *("train", "--faces", photographs, "--out", tmp_path / "out"),
        *("--cache", tmp_path / "cache", *options),
        **OFFLINE,
    )
    assert named in complaint(done)
    assert names_in(tmp_path) == ["faces"], "nothing may be fetched for it"


# --- the whole training ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cache(demo_folder, tmp_path_factory):
    """A cache with the user's weights and exports, whose embeddings are its own."""
    folder = tmp_path_factory.mktemp("cache")
    real = Path(platformdirs.user_cache_dir("lpel"))
    for name in ("weights", "exports", "archives"):
        (folder / name).symlink_to(real / name)
    return folder


@pytest.fixture(scope="module")
def faces(real_crops, tmp_path_factory):
    """240 photographs of six people: the demo's crops, shifted, mirrored, brighter and darker."""
    folder = tmp_path_factory.mktemp("faces")
    rng = np.random.default_rng(1)
    for person in range(PEOPLE):
        home = folder / f"person_{person}"
        home.mkdir()
        for number in range(EACH):
            crop = real_crops[2 * person + number % 2].astype(np.float64)
            crop = np.roll(crop, rng.integers(-12, 13, 2), axis=(0, 1))
            crop = (crop[:, :: rng.choice([1, -1])] - 128) * rng.uniform(0.6, 1.2) + 128
            crop += rng.uniform(-30, 30, 3)
            picture = pillow.fromarray(np.clip(crop, 0, 255).astype(np.uint8))
            picture.save(home / f"{number:04d}.png")
    return folder


def training(faces, out, cache, *more):
    """The command line of a training that takes at most 40 epochs, unless it is solved for."""
    steps = () if "--closed-form" in more else ("--epochs", 40, "--patience", 40)
    return [
        *("train", "--faces", faces, "--out", out, "--cache", cache, "--crop", "none"),
        *("--split", "identity", *steps, "--json", *more),
    ]


@pytest.fixture(scope="module")
def trained(faces, cache, tmp_path_factory):
    """A training from the beginning to the end: the finished process and the bundle."""
    out = tmp_path_factory.mktemp("trained") / "bundle"
    return lpel_process(*training(faces, out, cache)), out


@pytest.mark.weights
def test_a_training_prints_one_document_and_nothing_else(trained):
    done, out = trained
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["bundle"] == str(out)
    assert document["training"]["method"] == "Adamax"
    assert document["training"]["photographs"] == {"train": 160, "validation": 40, "test": 40}
    assert document["training"]["people"] == {"train": 4, "validation": 1, "test": 1}
    assert len(document["training"]["history"]) == 40
    assert document["parity"]["decoder"]["max_difference"] <= 1e-5
    assert "Traceback" not in done.stderr


@pytest.mark.weights
def test_a_training_leaves_the_bundle_and_nothing_else(trained):
    _, out = trained
    assert names_in(out.parent) == ["bundle"]
    assert names_in(out) == ["decoder.onnx", "embedder.onnx", "manifest.json"]


@pytest.mark.weights
def test_the_losses_in_the_document_are_in_order(trained):
    losses = json.loads(trained[0].stdout)["training"]["test_loss"]
    history = json.loads(trained[0].stdout)["training"]["history"]
    assert history[-1]["train"] < history[0]["train"]
    assert all(np.isfinite(value) for value in losses.values())


@pytest.mark.weights
def test_the_trained_bundle_explains(trained, faces):
    explainer = Explainer.load(trained[1])
    pair = explainer.explain(faces / "person_0" / "0000.png", faces / "person_1" / "0000.png")
    assert pair.forward.heat_map.shape == (40, 40)
    assert pair.forward.heat_map.max() > 0
    assert np.isfinite(pair.forward.heat_map).all()
    assert load_bundle(trained[1]).manifest.crop == "none"


@pytest.mark.weights
def test_the_same_training_again_embeds_nothing_and_gives_the_same_bytes(
    trained, faces, cache, tmp_path
):
    _, out = trained
    stores = {path: path.read_bytes() for path in (cache / "embeddings").iterdir()}
    assert len(stores) == 1
    done = lpel(*training(faces, tmp_path / "again", cache))
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in (cache / "embeddings").iterdir()} == stores
    again = json.loads(done.stdout) | {"bundle": str(out)}
    assert again == json.loads(trained[0].stdout)
    for name in ("decoder.onnx", "embedder.onnx"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.weights
def test_a_training_that_is_interrupted_goes_on_to_the_same_bytes(trained, faces, cache, tmp_path):
    out, checkpoint = tmp_path / "bundle", tmp_path / ".bundle.training.npz"
    command = [LPEL, *map(str, training(faces, out, cache))]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not checkpoint.exists() and process.poll() is None:  # however busy the machine is
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    output, complaints = process.communicate()
    assert process.returncode == 130, complaints
    assert output == ""
    assert "Traceback" not in complaints
    assert "interrupted" in complaints or "Aborted" in complaints
    assert names_in(tmp_path) == [".bundle.training.npz"], "no half-written bundle, no partial file"
    with np.load(checkpoint) as state:
        done = len(state["history"])
    assert 0 < done < 40, "it was to be interrupted in the middle"

    again = lpel(*training(faces, out, cache))
    assert again.returncode == 0, again.stderr
    assert names_in(tmp_path) == ["bundle"]
    document = json.loads(again.stdout) | {"bundle": str(trained[1])}
    assert document == json.loads(trained[0].stdout)
    assert (out / "decoder.onnx").read_bytes() == (trained[1] / "decoder.onnx").read_bytes()


@pytest.mark.weights
def test_too_few_photographs_are_refused(faces, cache, tmp_path):
    few = tmp_path / "few"
    for person in range(4):
        (few / f"person_{person}").mkdir(parents=True)
        for number in range(5):
            source = faces / f"person_{person}" / f"{number:04d}.png"
            (few / f"person_{person}" / source.name).write_bytes(source.read_bytes())
    done = lpel(*training(few, tmp_path / "out", cache, "--noise", "0"))
    assert "10 images are too few to train a decoder of 128 features" in complaint(done)
    assert names_in(tmp_path) == ["few"]


@pytest.mark.weights
def test_too_few_photographs_are_refused_for_the_closed_form_too(faces, cache, tmp_path):
    few = tmp_path / "few"
    for person in range(4):
        (few / f"person_{person}").mkdir(parents=True)
        for number in range(5):
            source = faces / f"person_{person}" / f"{number:04d}.png"
            (few / f"person_{person}" / source.name).write_bytes(source.read_bytes())
    done = lpel(*training(few, tmp_path / "out", cache, "--noise", "0", "--closed-form"))
    assert "too few" in complaint(done)


@pytest.mark.weights
def test_a_damaged_photograph_is_named(faces, cache, tmp_path):
    few = tmp_path / "few"
    for person in range(3):
        (few / f"person_{person}").mkdir(parents=True)
        source = faces / f"person_{person}" / "0000.png"
        (few / f"person_{person}" / source.name).write_bytes(source.read_bytes())
    (few / "person_1" / "broken.png").write_bytes(b"\x89PNG broken")
    done = lpel(*training(few, tmp_path / "out", cache))
    assert "broken.png" in complaint(done)


@pytest.mark.weights
def test_training_without_json_says_where_the_bundle_is_and_how_good(faces, cache, tmp_path):
    closed = training(faces, tmp_path / "out", cache, "--closed-form")
    done = lpel(*(word for word in closed if word != "--json"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Bundle: {tmp_path / 'out'}\nTest loss 0.")
    assert "Threshold " in done.stdout
    assert done.stdout.count("Parity of the ") == 2


# --- weights --------------------------------------------------------------------------------------


@pytest.mark.weights
def test_weights_prints_the_path_alone_or_a_document(demo_folder):
    done = lpel_process("weights")
    path = Path(done.stdout.strip())
    assert (done.returncode, path.name) == (0, "facenet_keras.h5")
    assert path.is_file()
    document = json.loads(lpel("weights", "--json").stdout)
    assert document["files"][0]["path"] == str(path)
    assert document["dimension"] == 128
    assert document["files"][0]["sha256"].startswith("6acdd8fb3a3f")


# --- the demo -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(demo_folder, tmp_path_factory):
    """The demo's second run, into a folder that holds the first one's results, and these."""
    out = tmp_path_factory.mktemp("demo-again") / "out"
    shutil.copytree(demo_folder, out)
    first = json.loads((out / "summary.json").read_bytes())
    return first, lpel_process("demo", "--json", "--out", out), out


@pytest.mark.weights
def test_the_demo_prints_one_document_and_writes_its_files(demo):
    first, second, out = demo
    assert second.returncode == 0, second.stderr
    document = json.loads(second.stdout)
    assert document == first | {"page": str(out / "index.html"), "bundle": str(out / "bundle")}
    assert json.loads((out / "summary.json").read_bytes()) == first
    names = {"bundle", "index.html", "samples", "summary.json"}
    for pair in document["pairs"]:
        names |= {f"{pair['name']}.png", f"{pair['name']}.npz"}
    assert set(names_in(out)) == names
    assert load_bundle(out / "bundle").manifest.embedder.dimension == 128


@pytest.mark.weights
def test_the_demo_shows_similar_and_dissimilar_pairs(demo):
    pairs = json.loads((demo[2] / "summary.json").read_text())["pairs"]
    similar = [pair["similarity"] > pair["threshold"] for pair in pairs]
    said = [pair["decision"] for pair in pairs]
    assert said == ["similar" if alike else "dissimilar" for alike in similar]
    assert said.count("similar") >= 2
    assert said.count("dissimilar") >= 2


@pytest.mark.weights
def test_the_demos_page_loads_nothing_from_elsewhere(demo):
    page = (demo[2] / "index.html").read_text(encoding="utf-8")
    references = re.findall(r"""(?:src|href|action|data|poster)\s*=\s*["']?([^"'\s>]+)""", page)
    assert len(references) == 6
    assert all(reference.startswith("data:image/png;base64,") for reference in references)
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<script|<link|<iframe|\$\w", text)


@pytest.mark.weights
def test_the_demos_pictures_are_whole(demo):
    for path in demo[2].glob("*.png"):
        with pillow.open(path) as picture:
            picture.load()
            assert picture.width > 500


def test_the_demo_leaves_a_page_that_is_not_its_own_alone(tmp_path):
    (tmp_path / "index.html").write_text("<h1>my own site</h1>", encoding="utf-8")
    with pytest.raises(OutputError, match="choose another folder"):
        check_output(tmp_path)
    (tmp_path / "index.html").unlink()
    check_output(tmp_path)


@pytest.mark.weights
def test_the_demo_may_replace_its_own_page(demo_folder):
    check_output(demo_folder)
