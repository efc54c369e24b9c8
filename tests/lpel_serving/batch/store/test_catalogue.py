"""Distinct images are identified by the content of their files, each of which is read once."""

import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.batch.store import catalogue as module
from lpel_serving.batch.store.catalogue import Catalogue
from lpel_serving.images.reading import read_bytes


class Numbered(list):
    """Numbers images in the order in which they are met, and keeps where they are."""

    def add(self, digest, source):
        self.append((digest, source))
        return len(self) - 1


@pytest.fixture
def numbered():
    return Numbered()


@pytest.fixture
def catalogue(tmp_path, numbered):
    with Catalogue(tmp_path / "distinct.sqlite", numbered.add) as opened:
        yield opened


def digest(data):
    return hashlib.sha256(data).digest()


def test_the_same_bytes_are_one_image_wherever_they_are(tmp_path, catalogue, numbered):
    one, other = tmp_path / "one.png", tmp_path / "other.png"
    one.write_bytes(b"face")
    other.write_bytes(b"face")
    found = catalogue.entries([one, other, b"face", b"another"])
    assert found == [(0, digest(b"face"))] * 3 + [(1, digest(b"another"))]
    assert catalogue.entries([b"another"]) == [(1, digest(b"another"))]
    assert numbered == [(digest(b"face"), one), (digest(b"another"), b"another")]


def test_the_catalogue_reads_a_file_once(tmp_path, catalogue, monkeypatch):
    reads = []

    def counted(path):
        reads.append(path)
        return read_bytes(path)

    monkeypatch.setattr(module, "read_bytes", counted)
    there, missing = tmp_path / "there.png", tmp_path / "missing.png"
    there.write_bytes(b"face")
    for _ in range(3):
        catalogue.entries([there, missing, there, missing])
    assert reads == [there, missing]


def test_what_cannot_be_read_is_told_and_numbered_by_nobody(tmp_path, catalogue, numbered):
    images = [None, tmp_path / "none.png", tmp_path, tmp_path / "nul\0.png", tmp_path / ("a" * 999)]
    for _ in range(2):
        found = catalogue.entries(images)
        assert found[0] == "there is no image in this row."
        for image, message in zip(images[1:], found[1:], strict=True):
            assert message.startswith(f"{image} cannot be read: ")
    assert numbered == []


def test_names_that_are_no_utf_8_are_told_as_escapes(tmp_path, catalogue):
    name = os.fsdecode(b"caf\xe9.png")
    for _ in range(2):
        (message,) = catalogue.entries([tmp_path / name])
        assert message.startswith(rf"{tmp_path}/caf\udce9.png cannot be read")
    (tmp_path / name).write_bytes(b"face")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / name).write_bytes(b"face")
    assert catalogue.entries([tmp_path / "other" / name]) == [(0, digest(b"face"))]


def test_a_catalogue_begins_empty(tmp_path):
    for _ in range(2):
        numbered = Numbered()
        with Catalogue(tmp_path / "distinct.sqlite", numbered.add) as catalogue:
            assert catalogue.entries([b"face"])[0][0] == 0
        assert len(numbered) == 1


@settings(deadline=None)
@given(st.lists(st.lists(st.binary(max_size=2))))
def test_numbers_are_given_in_the_order_in_which_images_are_met(tmp_path_factory, lists):
    numbered = Numbered()
    with Catalogue(tmp_path_factory.mktemp("c") / "distinct.sqlite", numbered.add) as catalogue:
        found = [entry for images in lists for entry in catalogue.entries(images)]
    every = [image for images in lists for image in images]
    distinct = list(dict.fromkeys(every))
    assert [number for number, _ in found] == [distinct.index(image) for image in every]
    assert [source for _, source in numbered] == distinct
