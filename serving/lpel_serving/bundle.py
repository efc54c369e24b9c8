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
    RESPONSE_FILE,
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
    responses
        Those of its response decoder; None if it has none.
    """

    manifest: Manifest
    embedder: bytes
    decoder: bytes
    responses: bytes | None = None


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
    models = [EMBEDDER_FILE, DECODER_FILE]
    if manifest.responses is not None:
        models.append(RESPONSE_FILE)
    for name in models:
        if name not in manifest.files:
            raise BundleError(f"the manifest of {folder} does not list {name}.")
    contents = {
        name: _verified(folder, name, record, keep=name in models)
        for name, record in manifest.files.items()
    }
    for name in models:
        refuse_external_data(contents[name], name)
    return Bundle(manifest, *(contents[name] for name in models))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a bundle, without looking at its models.

    Raises
    ------
    BundleError
        If the folder holds none, or it is not valid.
    """
    try:
        with _inside(folder, MANIFEST_FILE).open("rb") as file:
            data = file.read(_MAX_MANIFEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or error
        raise BundleError(
            f"{folder} is not a bundle: its {MANIFEST_FILE} cannot be read ({reason}). "
            "`lpel train` and `lpel demo` write bundles."
        ) from error
    if len(data) > _MAX_MANIFEST_BYTES:
        raise BundleError(f"{folder / MANIFEST_FILE} is larger than {_MAX_MANIFEST_BYTES:,} bytes.")
    try:
        return parse_manifest(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BundleError(f"{folder / MANIFEST_FILE} is not UTF-8 text.") from error


def _inside(folder: Path, name: str) -> Path:
    """Resolve a file of a bundle; raise `BundleError` if it is a link that leads out of it."""
    try:
        path = (folder / name).resolve()
    except RuntimeError as error:  # before Python 3.13
        raise BundleError(f"{folder / name} cannot be read: it is a link to itself.") from error
    if path.parent != folder.resolve():
        raise BundleError(f"{folder / name} leads out of the bundle.")
    return path


def _verified(folder: Path, name: str, record: FileRecord, *, keep: bool) -> bytes:
    path = _inside(folder, name)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            if keep and size == record.bytes:
                data = file.read(size + 1)
                digest = hashlib.sha256(data).hexdigest()
            else:
                data, digest = b"", hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}.") from error
    if size != record.bytes:
        raise BundleError(
            f"{path} has {size:,} bytes, the manifest says {record.bytes:,}: the bundle was "
            "altered or copied incompletely."
        )
    if digest != record.sha256:
        raise BundleError(f"{path} differs from the manifest's SHA-256: the bundle was altered.")
    return data
