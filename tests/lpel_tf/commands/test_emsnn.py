"""`lpel emsnn`: images explained by the nearest prototype, by EMSNN and LPEL."""

import json

import numpy as np
import pytest
from PIL import Image

from lpel_serving.bundle.manifest import ThresholdRecord
from support import compared, reproduction, tiny
from support.command import lpel, refused

NAMES = {"lpel", "emsnn", "lpel_by_next_class", "emsnn_by_next_class"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Made-up people, and a bundle of the tiny network, which sees 16 by 16 pixels."""
    folder = tmp_path_factory.mktemp("emsnn")
    faces = reproduction.write_faces(folder / "faces", people=24, each=7)
    tests = folder / "tests"
    tests.mkdir()
    for person in (2, 5):  # one image of each is asked about, and not among those averaged
        taken = next((faces / f"{reproduction.FOLDER}_{person:02d}").glob("*_6.png"))
        taken.rename(tests / f"{person}.png")
    tiny.write_bundle(folder / "bundle", crop="stretch")
    return folder


def explain(home, out, *options, tests=("2.png", "5.png"), bundle="bundle"):
    given = [home / "tests" / name for name in tests]
    where = ("--bundle", home / bundle, "--faces", home / "faces", "--cache", home / "cache")
    return lpel("emsnn", *given, *where, "--out", out, "--epochs", 2, *options)


@pytest.fixture(scope="module")
def explained(home):
    done = explain(home, home / "out", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_images_are_explained_by_the_prototype_of_their_class(explained, home):
    assert explained["classes"] == 24
    assert explained["images"] == 24 * 7 - 2
    assert [one["class"] for one in explained["tests"]] == [
        f"{reproduction.FOLDER}_{person:02d}" for person in (2, 5)
    ]
    assert all(one["next_class"] != one["class"] for one in explained["tests"])
    assert explained["parameters"] == {"k": 1, "draws": 50, "epochs": 2, "seed": 0}
    drawn = explained["autoencoder"]
    assert set(drawn) == {"mu", "error", "error_from_embedding", "decoder_error"}
    assert min(drawn.values()) > 0
    written = json.loads((home / "out" / "emsnn.json").read_text())
    assert written == {name: value for name, value in explained.items() if name in written}
    assert written["tests"] == explained["tests"]


def test_the_picture_and_the_maps_are_written(explained, home):
    assert set(explained["files"]) == {"figure", "arrays", "summary"}
    with Image.open(explained["files"]["figure"]) as picture:
        assert picture.width > picture.height > 200
    with np.load(explained["files"]["arrays"]) as maps:
        assert set(maps) == NAMES
        for values in maps.values():
            assert values.dtype == np.float32
            assert values.shape[0] == 2
            assert np.isfinite(values).all()
        assert not np.array_equal(maps["emsnn"], maps["emsnn_by_next_class"])


def test_the_autoencoder_is_trained_once_and_an_image_explained_the_same_alone(explained, home):
    done = explain(home, home / "out", "--json", tests=("5.png",))
    assert done.returncode == 0, done.stderr
    assert "trainings" not in done.stderr
    again = json.loads(done.stdout)
    assert again["tests"] == explained["tests"][1:]
    assert again["autoencoder"] == explained["autoencoder"]
    fresh = explain(home, home / "fresh", "--json")
    assert json.loads(fresh.stdout)["tests"] == explained["tests"]
    with np.load(home / "out" / "emsnn.npz") as alone, np.load(home / "fresh" / "emsnn.npz") as two:
        for name in NAMES:
            np.testing.assert_array_equal(alone[name][0], two[name][1])


def test_another_seed_or_a_damaged_file_trains_again(explained, home):
    kept = home / "out" / ".autoencoder.npz"
    data = bytearray(kept.read_bytes())
    data[100] ^= 1
    kept.write_bytes(data)
    assert "trainings" in explain(home, home / "out").stderr
    assert "trainings" not in explain(home, home / "out").stderr
    assert "trainings" in explain(home, home / "out", "--seed", 3).stderr


def test_in_words_it_says_the_classes_and_where_no_class_is_similar(explained, home):
    done = explain(home, home / "out")
    assert done.returncode == 0, done.stderr
    assert f"2.png: nearest to {reproduction.FOLDER}_02 of all prototypes" in done.stdout
    assert "24 classes of 166 images" in done.stdout
    assert "Of images that EMSNN's autoencoder was not trained on it reconstructs" in done.stdout
    noise = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(noise).save(home / "tests" / "noise.png")
    limit = ThresholdRecord(0.9999, {})
    strict = tiny.write_bundle(home / "strict", crop="stretch", threshold=limit)
    done = explain(home, home / "out", tests=("noise.png",), bundle=strict.name)
    assert "does not call them similar" in done.stdout


def test_of_many_images_the_figure_shows_the_first(explained, home):
    done = explain(home, home / "out", tests=("2.png", "5.png") * 16)
    assert "shows the first 30 of 32 images" in done.stdout
    with Image.open(home / "out" / "emsnn.png") as many:
        assert many.height < 6000
    with np.load(home / "out" / "emsnn.npz") as maps:
        assert {len(values) for values in maps.values()} == {32}
        for values in maps.values():
            np.testing.assert_array_equal(values[0], values[30])


@pytest.mark.parametrize(("kind", "measure"), [("euclidean", "distance"), ("head", "score")])
def test_it_compares_as_the_network_does(kind, measure, home, tmp_path):
    compared.write_bundle(home / kind, kind, crop="stretch")
    done = explain(home, tmp_path / "out", "--json", bundle=kind)
    assert done.returncode == 0, done.stderr
    for one, person in zip(json.loads(done.stdout)["tests"], (2, 5), strict=True):
        assert one["class"] == f"{reproduction.FOLDER}_{person:02d}"
        assert one[measure] >= 0
        assert one["similar"] == (
            one[measure] < one["threshold"]
            if kind == "euclidean"
            else one[measure] > one["threshold"]
        )


def test_names_that_look_like_formulas_are_drawn_and_small_classes_counted(home, tmp_path):
    faces = reproduction.write_faces(tmp_path / "faces", people=24, each=7)
    for name, other in (("02", "a$_$b"), ("05", r"$\bad$")):
        (faces / f"{reproduction.FOLDER}_{name}").rename(faces / other)
    for path in (faces / f"{reproduction.FOLDER}_07").glob("*_[2-6].png"):
        path.unlink()
    done = explain(home, tmp_path / "out", "--faces", faces, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [one["class"] for one in said["tests"]] == ["a$_$b", r"$\bad$"]
    assert (said["classes"], said["small_classes"], said["without_face"]) == (23, 1, 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--k", 7), "embeddings have 6 features"), (("--k", 0), "--k"), (("--draws", 0), "--draws")],
)
def test_impossible_options_are_refused_before_anything_is_trained(options, words, home, tmp_path):
    done = explain(home, tmp_path / "out", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_what_is_no_image_or_has_no_decoder_or_too_few_images_is_refused(home, tmp_path):
    (home / "tests" / "text.png").write_text("no image")
    refused(explain(home, tmp_path / "out", tests=("text.png",)), "text.png")
    refused(explain(home, tmp_path / "out", tests=("none.png",)), "none.png")
    tiny.write_bundle(home / "no decoder", crop="stretch", decodes=False, responds=True)
    refused(explain(home, tmp_path / "out", bundle="no decoder"), "has no decoder")
    (tmp_path / "file").write_text("mine")
    refused(explain(home, tmp_path / "file"), "is not a folder")
    assert (tmp_path / "file").read_text() == "mine"
    few = reproduction.write_faces(tmp_path / "few", people=24, each=5)
    done = explain(home, tmp_path / "out", "--faces", few)
    assert done.returncode == 2
    assert "each of at least 6 images; received 0 such among 24 classes" in done.stderr
    assert not (tmp_path / "out" / "emsnn.png").exists()
