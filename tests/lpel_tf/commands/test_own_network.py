"""`lpel train --embedder`: from a file of few classes to a bundle."""

import json
import warnings

import numpy as np
import pytest
from PIL import Image

from support.command import OFFLINE, lpel, refused

SIDE, EACH = 8, 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny Keras network, and images of three classes named by numbers, as PNG."""
    keras = pytest.importorskip("keras")
    home = tmp_path_factory.mktemp("own")
    keras.utils.set_random_seed(0)
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Keras' own, of NumPy
        keras.Sequential(layers).save(home / "digits.keras")
    rng = np.random.default_rng(0)
    for digit in range(3):
        (home / "faces" / str(digit)).mkdir(parents=True)
        for number in range(1, EACH + 1):
            pixels = rng.integers(0, 100, (SIDE, SIDE), np.uint8)
            pixels[2 * digit : 2 * digit + 3] += 150
            Image.fromarray(pixels).save(home / "faces" / str(digit) / f"{digit}_{number:04d}.png")
    return home


def training(folder, *options):
    given = ("--faces", folder / "faces", "--embedder", folder / "digits.keras", "--closed-form")
    return ("train", *given, "--cache", folder / "cache", *options)


def test_a_keras_file_and_few_classes_give_a_bundle_that_says_how_it_was_split(folder, tmp_path):
    options = ("--out", tmp_path / "bundle", "--standardisation", "unit", "--json")
    done = lpel(*training(folder, *options), **OFFLINE)
    assert done.returncode == 0, done.stderr
    training_record = json.loads(done.stdout)["training"]
    assert training_record["split"] == "image"
    assert training_record["people"] == {"train": 3, "validation": 3, "test": 3}
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["embedder"]["name"] == "digits"
    assert "licence" not in manifest


def test_the_words_say_it_too_and_the_options_are_kept(folder, tmp_path):
    pairs = tmp_path / "pairs.txt"
    lines = [f"{d}\t{n}\t{n + 1}" for d in range(3) for n in range(1, 11)]
    lines += [f"{d}\t{n}\t{(d + 1) % 3}\t{n}" for d in range(3) for n in range(1, 11)]
    pairs.write_text("\n".join(lines))  # named by numbers, and no header: no line may be lost
    done = lpel(
        *training(folder, "--out", tmp_path / "bundle", "--standardisation", "unit"),
        *("--name", "my digits", "--split", "identity", "--pairs", pairs),
        **OFFLINE,
    )
    assert done.returncode == 0, done.stderr
    assert "of 1 other people" in done.stdout
    assert "header" not in done.stderr
    manifest = json.loads((tmp_path / "bundle" / "manifest.json").read_text())
    assert manifest["threshold"]["chosen"]["pairs"] == len(lines)
    assert manifest["embedder"]["name"] == "my digits"
    assert "split" not in manifest["decoder"]["training"]
    by_image = (*training(folder, "--out", tmp_path / "other", "--standardisation", "unit"),)
    done = lpel(*by_image, "--threshold", "0.75", **OFFLINE)
    assert "9 other images of the same 3 classes (split by image)" in done.stdout
    assert "Threshold 0.750, the user's own." in done.stdout


@pytest.fixture(scope="module")
def archive(folder):
    """The same images and classes in one archive, named as Keras names them."""
    paths = sorted((folder / "faces").glob("*/*.png"))
    pixels = np.stack([np.asarray(Image.open(path)) for path in paths])
    labels = np.array([int(path.parent.name) for path in paths])
    parts = {"x_train": pixels[:60], "y_train": labels[:60]}
    np.savez(folder / "digits.npz", **parts, x_test=pixels[60:], y_test=labels[60:])
    return folder / "digits.npz"


def test_an_archive_is_trained_on_as_the_folder_of_the_same_images(folder, archive, tmp_path):
    options = ("--standardisation", "unit", "--exclude", "2", "--json")
    of_folder, of_archive = (
        json.loads(lpel(*training(folder, *options, *given), **OFFLINE).stdout)
        for given in (("--out", tmp_path / "a"), ("--out", tmp_path / "b", "--faces", archive))
    )
    assert of_archive.pop("bundle") != of_folder.pop("bundle")
    assert of_archive == of_folder
    assert of_archive["training"]["people"]["train"] == 2
    weights = [(tmp_path / name / "decoder.onnx").read_bytes() for name in "ab"]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("command", ["train", "reproduce"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK no archive", ["no NumPy archive (.npz)"]),
        ({"images": np.zeros((3, 8, 8), np.uint8)}, ["lacks labels"]),
        ({"images": np.zeros((3, 8, 8)), "labels": np.arange(3)}, ["uint8", "float64"]),
        ({"images": np.zeros((3, 8, 8), np.uint8), "labels": np.arange(2)}, ["each of 3 images"]),
    ],
    ids=["no archive", "no labels", "floats", "lengths"],
)
def test_an_archive_that_cannot_be_used_is_refused(command, content, words, folder, tmp_path):
    path = tmp_path / "digits.npz"
    path.write_bytes(content) if isinstance(content, bytes) else np.savez(path, **content)
    given = ("--faces", path, "--embedder", folder / "digits.keras", "--standardisation", "unit")
    refused(lpel(command, *given, "--out", tmp_path / "out", **OFFLINE), str(path), *words)


def test_options_that_name_photographs_of_a_folder_are_refused_with_an_archive(
    folder, archive, tmp_path
):
    given = ("--standardisation", "unit", "--out", tmp_path / "out", "--faces", archive)
    for option in ("--identities", "--pairs"):
        done = lpel(*training(folder, *given, option, "list.txt"), **OFFLINE)
        refused(done, option, "goes with a folder of photographs")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["--standardisation"]),
        (["--standardisation", "unit", "--mean", "0"], ["--mean", "goes with an ONNX file"]),
        (["--standardisation", "unit", "--network", "x"], ["--network", "not with --embedder"]),
        (["--standardisation", "zero"], ["no standardisation is called 'zero'"]),
    ],
)
@pytest.mark.parametrize("command", ["train", "reproduce"])
def test_options_that_do_not_go_together_are_refused(command, options, words, folder, tmp_path):
    given = ("--faces", folder / "faces", "--embedder", folder / "digits.keras", *options)
    refused(lpel(command, *given, "--out", tmp_path / "out", **OFFLINE), *words)


def test_a_threshold_that_is_no_cosine_is_refused(folder, tmp_path):
    options = ("--out", tmp_path / "out", "--standardisation", "unit", "--threshold", 3)
    refused(lpel(*training(folder, *options), **OFFLINE), "lies in [-1, 1]")


@pytest.mark.parametrize(("mean", "scale"), [("a", "1"), ("1,2", "1"), ("0", "")])
def test_numbers_that_are_none_are_refused(mean, scale, folder, tmp_path):
    (tmp_path / "x.onnx").touch()
    given = ("--faces", folder / "faces", "--embedder", tmp_path / "x.onnx", "--image-size", 8)
    done = lpel("train", *given, "--mean", mean, "--scale", scale, "--out", tmp_path / "out")
    refused(done, "takes one number, or three")
