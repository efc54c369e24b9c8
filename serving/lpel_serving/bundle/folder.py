"""Puts a bundle on disk: atomically, verified, and replacing nothing but an older bundle."""

from collections.abc import Mapping
from pathlib import Path

from lpel_serving.bundle.loading import load_bundle, read_manifest
from lpel_serving.bundle.manifest import MANIFEST_FILE, Manifest
from lpel_serving.support.errors import BundleError, OutputError
from lpel_serving.support.files import write_folder


def put_bundle(folder: Path, manifest: Manifest, contents: Mapping[str, bytes]) -> None:
    """Write a bundle atomically.

    Parameters
    ----------
    folder
        Where to write it. An existing bundle is replaced; any other folder is refused.
    manifest
        Its manifest.
    contents
        Its other files, by name.

    Raises
    ------
    OutputError
        If the folder contains anything but a bundle, or cannot be written.
    BundleError
        If the files are not those of the manifest, or `load_bundle` would refuse them.
    """
    folder = folder.resolve()  # a link keeps pointing at the bundle, which is replaced behind it
    check_replaceable(folder)
    text = manifest.to_json().encode()
    write_folder(folder, {**contents, MANIFEST_FILE: text}, load_bundle)


def put_copy(
    bundle: Path, folder: Path, manifest: Manifest, new: Mapping[str, bytes] | None = None
) -> None:
    """Write a bundle's files with another manifest, into another folder or in place.

    Parameters
    ----------
    bundle
        Whose files are copied.
    folder, manifest
        See `put_bundle`.
    new
        Files of the manifest that are not the bundle's, by name.

    Raises
    ------
    OutputError, BundleError
        See `put_bundle`; also if a file of the bundle cannot be read.
    """
    contents = dict(new or {})
    try:
        for name in manifest.files.keys() - contents.keys():
            contents[name] = (bundle / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{error.filename} cannot be read: {error.strerror}.") from error
    put_bundle(folder, manifest, contents)


def check_replaceable(folder: Path) -> None:
    """Raise `OutputError` if anything but an old bundle would be overwritten."""
    if folder.is_dir():
        if any(folder.iterdir()) and not _is_only_a_bundle(folder):
            raise OutputError(f"{folder} holds other things than a bundle: choose another folder.")
    elif folder.exists():
        raise OutputError(f"{folder} is a file: choose another name for the bundle.")


def _is_only_a_bundle(folder: Path) -> bool:
    try:
        manifest = read_manifest(folder)
    except BundleError:
        return False
    return {path.name for path in folder.iterdir()} <= {MANIFEST_FILE, *manifest.files}
