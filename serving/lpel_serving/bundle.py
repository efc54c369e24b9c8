"""Loading a bundle: the folder that is everything an engine needs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from lpel_serving.errors import BundleError
from lpel_serving.external_data import refuse_external_data
from lpel_serving.manifest import (
    DECODER_FILE,
    EMBEDDER_FILE,
    MANIFEST_FILE,
    FileRecord,
    Manifest,
    parse_manifest,
)

_MAX_MANIFEST_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Bundle:
    """A bundle that was read whole and found intact.

    Attributes
    ----------
    manifest
        What it says of itself.
    embedder, decoder
        The bytes of its ONNX models: exactly those whose hashes were checked.
    """

    manifest: Manifest
    embedder: bytes
    decoder: bytes


def load_bundle(folder: str | Path) -> Bundle:
    """Read a bundle and verify every file of it. Nothing in it is executed.

    Raises
    ------
    BundleError
        If a file is missing, differs from its hash or size, lies outside the folder or refers to
        others, or if the manifest cannot be read.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    for name in (EMBEDDER_FILE, DECODER_FILE):
        if name not in manifest.files:
            raise BundleError(f"the manifest of {folder} does not list {name}.")
    contents = {
        name: _verified(folder, name, record, keep=name in {EMBEDDER_FILE, DECODER_FILE})
        for name, record in manifest.files.items()
    }
    for name in (EMBEDDER_FILE, DECODER_FILE):
        refuse_external_data(contents[name], name)
    return Bundle(manifest, contents[EMBEDDER_FILE], contents[DECODER_FILE])


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a bundle, without looking at its models.

    Raises
    ------
    BundleError
        If the folder holds none, or it is not valid.
    """
    path = folder / MANIFEST_FILE
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise BundleError(f"{path} is larger than {_MAX_MANIFEST_BYTES:,} bytes.")
        return parse_manifest(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(
            f"{folder} is not a bundle: its {MANIFEST_FILE} cannot be read "
            f"({error.strerror or error}). `lpel train` and `lpel demo` write bundles."
        ) from error
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} is not UTF-8 text.") from error


def _verified(folder: Path, name: str, record: FileRecord, *, keep: bool) -> bytes:
    path = folder / name
    try:
        if path.resolve().parent != folder.resolve():
            raise BundleError(f"{path} leads out of the bundle.")
        size = path.stat().st_size
        if size != record.bytes:
            raise BundleError(
                f"{path} has {size:,} bytes, the manifest says {record.bytes:,}: "
                "the bundle was altered or copied incompletely."
            )
        with path.open("rb") as file:
            if not keep:
                return _matching(hashlib.file_digest(file, "sha256").hexdigest(), record, path, b"")
            data = file.read(record.bytes + 1)
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _matching(hashlib.sha256(data).hexdigest(), record, path, data)


def _matching(digest: str, record: FileRecord, path: Path, data: bytes) -> bytes:
    if digest != record.sha256:
        raise BundleError(f"{path} differs from the manifest's SHA-256: the bundle was altered.")
    return data
