"""Bundles whose folder holds other things than the manifest lists, or files that are no files."""

import json
import os
import shutil
import socket
import threading

import pytest

from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle, read_manifest
from lpel_serving.support.errors import BundleError
from support.hostile import change, put, refuse

pytestmark = pytest.mark.hostile


# --- what nobody listed ---


def a_file(bundle):
    (bundle / "weights.bin").write_bytes(b"x")


def an_empty_file(bundle):
    (bundle / "weights.bin").touch()


def a_hidden_file(bundle):
    (bundle / ".DS_Store").write_bytes(b"x")


def a_folder(bundle):
    (bundle / "sub").mkdir()


def a_link_to_a_listed_file(bundle):
    (bundle / "again.onnx").symlink_to("embedder.onnx")


def a_hard_link_to_a_listed_file(bundle):
    os.link(bundle / "embedder.onnx", bundle / "again.onnx")


def a_link_to_nowhere(bundle):
    (bundle / "nowhere").symlink_to("nothing")


def an_unlisted_explainer(bundle):
    shutil.copy(bundle / "embedder.onnx", bundle / "explainer.onnx")


def a_second_manifest(bundle):
    shutil.copy(bundle / "manifest.json", bundle / "manifest.json.bak")


def a_python_file(bundle):
    (bundle / "conftest.py").write_text("raise SystemExit")


STRAYS = [
    a_file, an_empty_file, a_hidden_file, a_folder, a_link_to_a_listed_file,
    a_hard_link_to_a_listed_file, a_link_to_nowhere, an_unlisted_explainer, a_second_manifest,
    a_python_file,
]  # fmt: skip


@pytest.mark.parametrize("add", STRAYS, ids=lambda add: add.__name__)
def test_anything_that_the_manifest_does_not_list_is_refused_and_named(bundle, add):
    before = {path.name for path in bundle.iterdir()}
    add(bundle)
    (name,) = {path.name for path in bundle.iterdir()} - before
    refuse(bundle, f"holds '{name}'", "does not list", "Take away")


def test_of_many_files_three_are_named_and_none_can_write_on_the_terminal(bundle):
    for i in range(5):
        (bundle / f"\x1b[2J{i}").touch()
    refuse(bundle, r"'\x1b[2J0', '\x1b[2J1', '\x1b[2J2' and 2 more")


# --- files that are none ---


def within_seconds(folder) -> None:
    """Load a bundle in a thread of its own, which may hang."""
    caught: list[BaseException] = []

    def load() -> None:
        try:
            load_bundle(folder)
        except BaseException as error:  # noqa: BLE001
            caught.append(error)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "loading waits for ever"
    (error,) = caught
    assert isinstance(error, BundleError)
    assert "plain file" in str(error)


@pytest.mark.parametrize("name", ["manifest.json", "embedder.onnx", "decoder.onnx"])
def test_a_pipe_is_refused_unopened(bundle, name):
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    within_seconds(bundle)


def test_a_pipe_of_a_listed_name_and_no_bytes_is_refused_unopened(bundle):
    put(bundle, "report.txt", b"").unlink()
    os.mkfifo(bundle / "report.txt")
    within_seconds(bundle)


def test_a_socket_is_refused(bundle, monkeypatch):
    put(bundle, "report.txt", b"").unlink()
    monkeypatch.chdir(bundle)  # a socket's name is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("report.txt")
        refuse(bundle, "report.txt", "plain file")


def test_a_device_is_refused(bundle):
    put(bundle, "report.txt", b"").unlink()
    (bundle / "report.txt").symlink_to("/dev/zero")
    refuse(bundle, "report.txt", "leads out of the bundle")


def test_a_manifest_that_links_out_is_refused(bundle):
    path = bundle / "manifest.json"
    path.rename(bundle.parent / "manifest.json")
    path.symlink_to("../manifest.json")
    refuse(bundle, "manifest.json", "leads out of the bundle")


def test_a_link_through_a_folder_of_another_bundle_is_refused(bundle):
    shutil.copytree(bundle, bundle.parent / "other")
    (bundle / "decoder.onnx").unlink()
    (bundle / "decoder.onnx").symlink_to(bundle.parent / "other" / "decoder.onnx")
    refuse(bundle, "decoder.onnx", "leads out of the bundle")


def test_a_model_that_is_a_hard_link_is_loaded_as_its_hash_agrees(bundle):
    """As `cp -al` and package managers make them: the bytes that were hashed are those that run."""
    path = bundle / "embedder.onnx"
    path.rename(bundle.parent / "elsewhere.onnx")
    os.link(bundle.parent / "elsewhere.onnx", path)
    assert path.stat().st_nlink == 2
    loaded = load_bundle(bundle)
    (bundle.parent / "elsewhere.onnx").write_bytes(b"altered")
    assert loaded.embedder != b"altered"
    refuse(bundle, "embedder.onnx", "altered")


def test_a_hard_link_to_a_file_of_another_hash_is_refused(bundle):
    (bundle.parent / "secret").write_bytes(b"secret")
    (bundle / "embedder.onnx").unlink()
    os.link(bundle.parent / "secret", bundle / "embedder.onnx")
    refuse(bundle, "embedder.onnx", "altered")


# --- sizes ---


@pytest.mark.parametrize("name", ["embedder.onnx", "explainer.onnx"])
def test_a_model_larger_than_protobuf_can_hold_is_refused_unread(bundle, name):
    size = 2**31
    with (bundle / name).open("ab") as file:
        file.truncate(size)  # a hole, which takes no room
    change(bundle, "files", name, to={"sha256": "0" * 64, "bytes": size})
    refuse(bundle, name, "expected at most 2,147,483,647")


@pytest.mark.parametrize("name", ["embedder.onnx", "decoder.onnx", "responses.onnx"])
def test_an_empty_model_is_refused(bundle, name):
    put(bundle, name, b"")
    with pytest.raises(BundleError):
        Explainer.load(bundle)


def test_a_manifest_that_lists_itself_is_refused(bundle):
    change(bundle, "files", "manifest.json", to={"sha256": "0" * 64, "bytes": 1})
    refuse(bundle, "manifest.json", "altered")


# --- the licence, which a bundle may lack ---


def test_a_licence_is_read_and_written_again(bundle):
    text = (bundle / "manifest.json").read_text()
    assert "licence" not in json.loads(text)
    assert read_manifest(bundle).licence is None
    change(bundle, "licence", to="CC BY 4.0")
    manifest = read_manifest(bundle)
    assert manifest.licence == "CC BY 4.0"
    assert json.loads(manifest.to_json())["licence"] == "CC BY 4.0"
    load_bundle(bundle)
