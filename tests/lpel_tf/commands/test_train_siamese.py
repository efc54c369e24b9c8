"""`lpel train-siamese`: from images and classes to a siamese network, its bundle and its maps."""

import json

import numpy as np
import pytest
from PIL import Image

from support.command import OFFLINE, lpel, refused

SIDE, CLASSES, EACH = 12, 4, 40


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """An archive and a folder of the same grey images: a stroke for each class, in noise."""
    home = tmp_path_factory.mktemp("strokes")
    rng = np.random.default_rng(0)
    labels = np.arange(CLASSES * EACH) % CLASSES
    pixels = rng.integers(0, 60, (len(labels), SIDE, SIDE), np.uint8)
    for place, label in enumerate(labels):
        pixels[place, 3 * label : 3 * label + 2] += 180
    np.savez(home / "strokes.npz", images=pixels, labels=labels)
    for place, label in enumerate(labels):
        folder = home / "strokes" / f"class {label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[place]).save(folder / f"{place}.png")
    return home


def refused_at_last(done, words):
    """As `refused`, after the progress of the reading."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    last = done.stderr.rstrip().splitlines()[-1]
    assert last.startswith("lpel: ")
    assert words in last


def train(data, out, *options, images="strokes.npz"):
    small = ("--dimension", 4, "--epochs", 3, "--batch-size", 32, "--grid", 4, "--coalitions", 8)
    given = ("--images", data / images, "--out", out, "--cache", data / "cache")
    return lpel("train-siamese", *given, *small, *options, **OFFLINE)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "strokes"
    done = train(data, out, "--subject", "signatures", "--json")
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_an_archive_gives_a_tower_its_measures_and_a_bundle(trained):
    out, said = trained
    assert {path.name for path in out.iterdir()} == {"tower.keras", "training.json", "bundle"}
    about = json.loads((out / "training.json").read_text())
    assert said["network"] == about
    assert about["images"] == {"train": 128, "validation": 16, "test": 16}
    assert about["image_shape"] == [SIDE, SIDE, 1]
    assert len(about["history"]) == 3
    assert about["test"]["auc"] > 0.7  # by chance a half
    manifest = json.loads((out / "bundle" / "manifest.json").read_text())
    assert manifest["comparison"]["kind"] == "euclidean"
    assert manifest["decoder"]["training"]["split"] == "image"
    assert manifest["responses"]["training"]["split"] == "image"


def test_the_bundle_explains_what_the_tower_decides(trained, data, tmp_path):
    keras = pytest.importorskip("keras")
    out, _ = trained
    pair = [data / "strokes" / name for name in ("class 0/0.png", "class 1/1.png")]
    done = lpel("explain", "--bundle", out / "bundle", *pair, "--out", tmp_path / "x", "--json")
    assert done.returncode == 0, done.stderr
    tower = keras.models.load_model(out / "tower.keras", safe_mode=True)
    pixels = np.stack([np.asarray(Image.open(path)) for path in pair])[..., np.newaxis]
    h_r, h_t = tower.predict(pixels.astype(np.float32), verbose=0)
    said = json.loads(done.stdout)
    assert abs(said["comparison"]["value"] - np.linalg.norm(h_r - h_t)) < 1e-4
    assert (tmp_path / "x" / "explanation.png").is_file()


def test_a_folder_a_learned_head_and_a_second_run_into_the_same_folder(data, tmp_path):
    given = ("--images", data / "strokes", "--out", tmp_path / "out", "--cache", data / "cache")
    small = ("--epochs", 2, "--dimension", 3, "--loss", "head", "--method", "lpel")
    for _ in range(2):
        done = lpel("train-siamese", *given, *small, **OFFLINE)
        assert done.returncode == 0, done.stderr
    assert f"of one-shot among {CLASSES}" in done.stdout
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"tower.keras", "head.keras", "training.json", "bundle"}
    manifest = json.loads((tmp_path / "out" / "bundle" / "manifest.json").read_text())
    assert manifest["comparison"]["kind"] == "head"


def test_too_few_classes_to_hold_whole_ones_out_are_refused_by_name(data, tmp_path):
    """Of four classes one each is held out for validation and test: that gives no pair of two."""
    given = ("--images", data / "strokes", "--out", tmp_path / "out", "--split", "identity")
    refused_at_last(lpel("train-siamese", *given, "--epochs", 1), "images of two classes or more")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hardness", "hard"), "--hardness goes with --loss triplet"),
        (("--loss", "head", "--margin", "1"), "--margin goes with --loss contrastive or triplet"),
        (("--center-weight", "1"), "--center-weight goes with --loss centers"),
        (("--method", "lpel", "--fill", "white"), "--fill goes with --method responses"),
        (("--margin", "0"), "a margin is finite and above 0"),
        (("--image-size", "large"), "--image-size takes a side"),
        (("--identities", "names.txt"), "not with an archive"),
    ],
)
def test_options_that_do_nothing_or_are_none_are_refused(data, tmp_path, options, message):
    given = ("--images", data / "strokes.npz", "--out", tmp_path / "out")
    refused(lpel("train-siamese", *given, *options), message)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_left_alone(data, tmp_path):
    (tmp_path / "thesis.tex").write_text("\\begin{document}")
    given = ("--images", data / "strokes.npz", "--out", tmp_path)
    refused(lpel("train-siamese", *given), "holds other things")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_images_of_several_sizes_need_a_size_and_a_crop(data, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for side in (9, 10, 11, 12):  # of one size they could be made, of one shape they are not
            image = Image.new("L", (9, side), 20 * side)
            image.save(tmp_path / "images" / name / f"{side}.png")
    given = ("--images", tmp_path / "images", "--out", tmp_path / "out")
    refused_at_last(lpel("train-siamese", *given, "--cache", data / "cache"), "--most-bad")
    assert not (tmp_path / "out").exists()
