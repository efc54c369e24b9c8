"""A bundle's files under another manifest; how bundles are written at all: test_writer."""

from dataclasses import replace

import pytest

from lpel_serving.bundle.folder import put_copy
from lpel_serving.bundle.loading import load_bundle, read_manifest
from lpel_serving.support.errors import BundleError, OutputError
from support.confidence import confidence


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("into", ["bundle", "other"])
def test_a_copy_has_the_same_files_and_the_new_manifest(bundle, tmp_path, into):
    before = contents(bundle)
    manifest = replace(read_manifest(bundle), confidence=confidence())
    put_copy(bundle, tmp_path / into, manifest)
    after = contents(tmp_path / into)
    assert after.pop("manifest.json") == manifest.to_json().encode()
    assert after == {name: data for name, data in before.items() if name != "manifest.json"}
    assert load_bundle(tmp_path / into).manifest == manifest
    assert {path.name for path in tmp_path.iterdir()} == {"bundle", into}


def test_a_bundle_behind_a_link_is_completed_where_it_lies(bundle, tmp_path):
    (tmp_path / "link").symlink_to("bundle", target_is_directory=True)
    manifest = replace(read_manifest(bundle), confidence=confidence())
    put_copy(tmp_path / "link", tmp_path / "link", manifest)
    assert read_manifest(bundle) == manifest
    assert (tmp_path / "link").is_symlink()


def test_a_file_that_is_gone_or_altered_leaves_everything_as_it_was(bundle, tmp_path):
    manifest = replace(read_manifest(bundle), confidence=confidence())
    (bundle / "decoder.onnx").write_bytes(b"altered")
    before = contents(bundle)
    with pytest.raises(BundleError, match="altered"):
        put_copy(bundle, bundle, manifest)
    assert contents(bundle) == before
    (bundle / "decoder.onnx").unlink()
    with pytest.raises(BundleError, match=r"decoder\.onnx cannot be read"):
        put_copy(bundle, tmp_path / "other", manifest)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_of_something_else_is_left_alone(bundle, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(OutputError, match="choose another folder"):
        put_copy(bundle, tmp_path / "other", read_manifest(bundle))
    assert contents(tmp_path / "other") == {"holiday.jpg": b"precious"}
