"""Archives of arrays: what is read, what is refused, and what is never expanded nor unpickled."""

import contextlib
import io
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.images.datasets import archive
from lpel_serving.images.datasets.archive import MOST_BYTES, read_archive
from lpel_serving.support.errors import ArchiveError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4), np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "digits.npz"


def refusal(path: Path) -> str:
    with pytest.raises(ArchiveError) as caught:
        read_archive(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "allow_pickle" not in message
    assert len(message) < len(str(path)) + 300
    return message


def header(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """The beginning of an array that is as large as it says, and nothing of the array."""
    file = io.BytesIO()
    declared = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, declared)
    return file.getvalue()


def array_of(text: str, data: bytes = b"") -> bytes:
    """An array with any header at all."""
    line = text.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line + data


def write_members(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)


# --- what is read ---------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 1), (2, 5, 4, 3)])
def test_images_come_with_their_labels(save, shape, path):
    images, labels = np.resize(IMAGES, shape), LABELS[: shape[0]]
    save(path, images=images, labels=labels, notes=np.zeros(3))
    found = read_archive(path)
    assert [one.identity for one in found] == [str(label) for label in labels]
    for one, image in zip(found, images, strict=True):
        np.testing.assert_array_equal(one.source.pixels, image.reshape(one.source.pixels.shape))
    assert str(found[1].source) == f"image 1 of images in {path}"


def test_keras_names_are_known_and_the_test_follows_the_training(path):
    names = np.array(["b", "a"])
    more = {"x_test": IMAGES[4:], "y_test": names}
    np.savez(path, x_train=IMAGES[:4], y_train=LABELS[:4, np.newaxis], **more)
    found = read_archive(path)
    assert [one.identity for one in found] == ["3", "1", "4", "1", "b", "a"]
    np.testing.assert_array_equal(np.stack([one.source.pixels for one in found]), IMAGES)
    assert str(found[-1].source) == f"image 1 of x_test in {path}"
    np.savez(path, x_train=IMAGES[:4], y_train=LABELS[:4])
    assert len(read_archive(path)) == 4


def test_arrays_that_are_whole_come_before_one_without_labels(path):
    np.savez(path, images=IMAGES[:2], x_train=IMAGES, y_train=LABELS)
    assert [one.identity for one in read_archive(path)] == [str(label) for label in LABELS]
    np.savez(path, images=IMAGES[:2], labels=LABELS[:2], x_train=IMAGES, y_train=LABELS)
    assert len(read_archive(path)) == 2
    np.savez(path, images=IMAGES, x_train=IMAGES)
    assert "lacks labels" in refusal(path)


def test_the_limit_leaves_room_for_what_people_have():
    assert MOST_BYTES > 70_000 * 64 * 64 * 3


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, ["lacks images and labels", "'none'"]),
        ({"images": IMAGES}, ["lacks labels", "'images'"]),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES}, ["lacks y_test"]),
        ({"data": IMAGES, "target": LABELS}, ["lacks images and labels", "'data, target'"]),
        ({"images": IMAGES / 255, "labels": LABELS}, ["float64", "(images * 255)"]),
        ({"images": IMAGES.reshape(6, 20), "labels": LABELS}, ["(6, 20)", "reshape"]),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, ["(0, 5, 4)", "not empty"]),
        ({"images": IMAGES, "labels": LABELS[:5]}, ["each of 6 images", "(5,)"]),
        ({"images": IMAGES, "labels": np.eye(6)}, ["argmax"]),
        ({"images": IMAGES, "labels": LABELS / 2}, ["float64 of shape (6,)"]),
        ({"images": IMAGES, "labels": np.full(6, b"\xff")}, ["images and labels: label 0 is no"]),
        (
            {"images": IMAGES, "labels": np.frombuffer(b"\xff" * 24, "<U1")},
            ["images and labels: label 0 is no text"],
        ),
        ({"images": IMAGES, "labels": np.zeros(6, "i4,f4")}, ["labels holds", "text"]),
    ],
)
def test_arrays_that_are_none_of_images_and_labels_are_refused(arrays, words, path):
    np.savez(path, **arrays)
    message = refusal(path)
    for word in words:
        assert word in message


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_archive_is_refused(content, path):
    path.write_bytes(content)
    assert "no NumPy archive (.npz)" in refusal(path)


def test_a_file_that_is_not_there_is_refused(path):
    assert "there is no file" in refusal(path)


class Exploding:
    """What unpickling would run."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_nothing_is_ever_unpickled(path, tmp_path):
    labels = np.array([Exploding(tmp_path / "ran")] * 6, object)
    np.savez(path, images=IMAGES, labels=labels)
    assert "labels holds object" in refusal(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "shape", [(10**6, 64, 64, 3), (2**40, 1, 1), (2**62, 2**62, 3), (1, 2**20, 2**20)]
)
def test_a_header_that_claims_more_than_there_is_makes_no_array(shape, path):
    write_members(path, images=header(shape), labels=header((1,)))
    assert "its header and its size disagree" in refusal(path)


def test_a_bomb_is_refused_before_it_is_expanded(path, monkeypatch):
    zeros = header((10, 2000, 2000)) + bytes(40_000_000)
    write_members(path, images=zeros, labels=header((10,)) + bytes(10))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(archive, "MOST_BYTES", 1_000_000)
    tracemalloc.start()
    try:
        assert "would take 40,000,0" in refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "images",
    [
        header((6, 5, 4)) + bytes(119),
        header((6, 5, 4)) + bytes(50_000_000),
        header((-6, 5, 4)) + bytes(120),
        b"\x93NUMPY\x02\x00" + bytes(50_000_000),
        b"\x93NUMPY\x01\x00\x05\x00abcde",
        b"",
    ],
    ids=["too short", "too long", "negative", "a long header", "no header", "empty"],
)
def test_an_array_that_is_not_what_its_header_says_is_refused(images, path):
    write_members(path, images=images, labels=header((6,)) + bytes(6))
    assert "the array images is damaged or of another kind" in refusal(path)


PLAIN = "{'descr': '|u1', 'fortran_order': False, 'shape': (6, 5, 4), }"


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (PLAIN.replace(")", "").replace("}", ""), 120),
        (PLAIN.replace("(6, 5, 4)", f"({2**70}, 0, 0)"), 0),
        (PLAIN.replace("(6,", "(True,"), 20),
        (PLAIN.replace("{", "{1: 2, "), 120),
        ("{[]: 2}", 120),
        ("(" * 3000, 120),
        ("-" * 9000 + "1", 120),
        (PLAIN.replace("(6, 5, 4)", f"({'9' * 5000},)"), 120),
        (PLAIN + " " * 20_000, 120),
        (PLAIN.replace("|u1", "\x1b[31m"), 120),
    ],
    ids=[
        *("not closed", "beyond a C long", "a truth value", "keys of two kinds", "no hash", "deep"),
        *("signs", "digits", "a long line", "an escape"),
    ],
)
def test_a_hostile_header_ends_in_one_short_sentence(text, size, path):
    write_members(path, images=array_of(text, bytes(size)), labels=header((6,)) + bytes(6))
    message = refusal(path)
    assert message.isprintable()
    assert "the array images is damaged or of another kind" in message
    reason = re.search(r"cannot be read \((.*)\): write", message)
    assert 0 < len(reason[1]) <= 80


@pytest.mark.filterwarnings("ignore")  # what Python says of a header's text
@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_no_header_ends_in_anything_but_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "header.npz"
    parts = re.findall(r"'[^']*'|\w+|\S", PLAIN)
    odd = ["True", "None", "-1", "0", "2", str(2**64), "[", "(", "}", "'", '"""', "#", "\0", "\xff"]
    types = ["'O'", "'<U2'", "'S0'", "('|u1', (2,))", "[('a', 'u1')]", "'M8[D]'", "1j"]
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(parts) - 1))
        parts[place] = data.draw(st.sampled_from([*odd, *types, *parts, ""]))
    of = data.draw(st.sampled_from(["images", "labels"]))
    good = {"images": header((6, 5, 4)) + bytes(120), "labels": header((6,)) + bytes(6)}
    size = data.draw(st.sampled_from([0, 6, 24, 120]))
    write_members(path, **good | {of: array_of(" ".join(parts), bytes(size))})
    try:
        assert read_archive(path)
    except ArchiveError as error:
        assert len(str(error)) < len(str(path)) + 500  # noqa: PT017 - some are archives


def test_a_changed_byte_of_an_image_is_noticed(path):
    np.savez(path, images=IMAGES, labels=LABELS)
    data = bytearray(path.read_bytes())
    place = data.find(IMAGES.tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert "the array images is damaged" in refusal(path)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_no_damage_ends_in_anything_but_a_sentence(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    np.savez_compressed(path, images=IMAGES, labels=LABELS)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    with contextlib.suppress(ArchiveError):
        assert len(read_archive(path)) == len(IMAGES)
