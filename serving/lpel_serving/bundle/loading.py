"""Loads a bundle, or refuses a bad one: hashes, sizes, stray files, unsafe models."""

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from lpel_serving.bundle.comparison_record import COMPARISON_FILE
from lpel_serving.bundle.manifest import (
    DECODER_FILE,
    EMBEDDER_FILE,
    MANIFEST_FILE,
    PLAUSIBILITY_FILE,
    RESPONSE_FILE,
    SIMULATION_FILE,
    SURROGATE_FILE,
    FileRecord,
    Manifest,
)
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.bundle.plausibility_record import bytes_of, from_bytes
from lpel_serving.bundle.safety.models import refuse_unsafe
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs, graphs_of, refuse_one_graph
from lpel_serving.support.errors import BundleError
from lpel_serving.verification.plausibility import MAX_DIMENSION, Plausibility

MODEL_SUFFIX = ".onnx"

_MAX_MANIFEST_BYTES = 4 * 2**20
_MAX_MODEL_BYTES = 2**31 - 1  # of a protobuf message
_SHOWN_STRAYS = 3


@dataclass(frozen=True)
class Bundle:
    """A loaded and verified bundle.

    Attributes
    ----------
    manifest
        Its manifest.
    sha256
        SHA-256 of the manifest, which lists those of all other files: the whole bundle's digest.
    embedder
        The bytes of its ONNX model: exactly those whose hash was checked.
    decoder
        Bytes of its decoder; None if it has none.
    responses
        Bytes of its response decoder; None if it has none.
    plausibility
        Bytes of its check of plausibility; None if it has none.
    surrogate
        Both graphs of its surrogate; None if it has none.
    comparison
        Bytes of its learned head; None if it compares by cosine or distance.
    """

    manifest: Manifest
    sha256: str
    embedder: bytes
    decoder: bytes | None
    responses: bytes | None = None
    plausibility: bytes | None = None
    surrogate: SurrogateGraphs | None = None
    comparison: bytes | None = None


def load_bundle(folder: str | Path) -> Bundle:
    """Read a bundle and verify every file of it. Nothing in it is executed.

    Every listed model is checked, also those that this engine does not run, such as the one-file
    explainer, since others may run them.

    Raises
    ------
    BundleError
        If a file is missing, not listed, differs from its hash or size, or lies outside the
        folder; if a model refers to other files, needs custom operators or has broken weights; or
        if the manifest cannot be read.
    """
    folder = Path(folder)
    data = _manifest_bytes(folder)
    manifest = _parsed(folder, data)
    used = [EMBEDDER_FILE]
    optional = {
        DECODER_FILE: manifest.decoder,
        RESPONSE_FILE: manifest.responses,
        PLAUSIBILITY_FILE: manifest.plausibility,
        SURROGATE_FILE: manifest.surrogate,
        SIMULATION_FILE: manifest.surrogate,
        COMPARISON_FILE: manifest.comparison if manifest.comparison.kind == "head" else None,
    }
    refuse_one_graph(manifest)
    if manifest.decoder is None and DECODER_FILE in manifest.files:
        raise BundleError(  # it would turn embeddings into pictures, and the card not say so
            f"the manifest of {folder} lists {DECODER_FILE}, and says of no decoder: take the file "
            "away, or train the bundle again."
        )
    used += [name for name, record in optional.items() if record is not None]
    for name in used:
        if name not in manifest.files:
            raise BundleError(f"the manifest of {folder} does not list {name}.")
    _check_plausibility(manifest)
    _refuse_strays(folder, manifest)
    for name, record in manifest.files.items():
        if name not in used:
            _checked(folder, name, record)  # and released before the others are read
    digest = hashlib.sha256(data).hexdigest()
    contents = {name: _checked(folder, name, manifest.files[name]) for name in used}
    return Bundle(
        manifest,
        digest,
        contents[EMBEDDER_FILE],
        contents.get(DECODER_FILE),
        contents.get(RESPONSE_FILE),
        contents.get(PLAUSIBILITY_FILE),
        graphs_of(manifest, contents),
        contents.get(COMPARISON_FILE),
    )


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a bundle, without reading its models.

    Raises
    ------
    BundleError
        If the folder holds none, or it is not valid.
    """
    return _parsed(folder, _manifest_bytes(folder))


def bundle_digest(folder: Path) -> str:
    """Return a bundle's SHA-256, as `Bundle.sha256`, without reading its models.

    Raises
    ------
    BundleError
        If the folder holds no manifest.
    """
    return hashlib.sha256(_manifest_bytes(folder)).hexdigest()


def plausibility_of(bundle: Bundle) -> Plausibility | None:
    """Read the check of plausibility of a bundle, if it has one."""
    record = bundle.manifest.plausibility
    if record is None or bundle.plausibility is None:
        return None
    return from_bytes(bundle.plausibility, bundle.manifest.embedder.dimension, record.limit)


def _manifest_bytes(folder: Path) -> bytes:
    try:
        with _open(_inside(folder, MANIFEST_FILE)) as file:
            data = file.read(_MAX_MANIFEST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or error
        raise BundleError(
            f"{folder} is not a bundle: its {MANIFEST_FILE} cannot be read ({reason}). "
            "`lpel train` and `lpel demo` write bundles."
        ) from error
    if len(data) > _MAX_MANIFEST_BYTES:
        raise BundleError(f"{folder / MANIFEST_FILE} is larger than {_MAX_MANIFEST_BYTES:,} bytes.")
    return data


def _parsed(folder: Path, data: bytes) -> Manifest:
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


def _open(path: Path) -> BufferedReader:
    if path.exists() and not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
        # Opening a pipe blocks until another process writes into it, perhaps for ever.
        raise OSError(errno.EINVAL, "it is no plain file", str(path))
    return path.open("rb")


def _check_plausibility(manifest: Manifest) -> None:
    """Raise `BundleError` if the plausibility file has the wrong size, before it is read."""
    dimension = manifest.embedder.dimension
    if manifest.plausibility is None:
        return
    if dimension > MAX_DIMENSION:
        raise BundleError(
            f"the bundle has a check of plausibility for embeddings of {dimension} features; "
            f"expected at most {MAX_DIMENSION}."
        )
    received, expected = manifest.files[PLAUSIBILITY_FILE].bytes, bytes_of(dimension)
    if received != expected:
        raise BundleError(
            f"the check of plausibility has {received:,} bytes; expected {expected:,}, for "
            f"{dimension + 1} rows of {dimension} float32 numbers: run `lpel calibrate` again."
        )


def _refuse_strays(folder: Path, manifest: Manifest) -> None:
    """Raise `BundleError` if the folder contains files that the manifest does not list."""
    try:
        strays = sorted({path.name for path in folder.iterdir()} - {MANIFEST_FILE, *manifest.files})
    except OSError as error:
        raise BundleError(f"{folder} cannot be read: {error.strerror or error}.") from error
    if strays:
        names = ", ".join(ascii(name) for name in strays[:_SHOWN_STRAYS])
        more = f" and {len(strays) - _SHOWN_STRAYS} more" if len(strays) > _SHOWN_STRAYS else ""
        raise BundleError(
            f"{folder} holds {names}{more}, which its manifest does not list: a bundle is the "
            "listed files and nothing else. Take away what does not belong to it."
        )


def _checked(folder: Path, name: str, record: FileRecord) -> bytes:
    data = _verified(folder, name, record)
    if name.endswith(MODEL_SUFFIX):
        refuse_unsafe(data, name)
    return data


def _verified(folder: Path, name: str, record: FileRecord) -> bytes:
    """Read a file whole if the engine uses it, and compare it with its record.

    Hard links are allowed: package managers and `cp -al` create them. The hashed bytes are the ones
    that run, so a link to a file that the bundle's maker could not read cannot match its recorded
    hash; and models refer to no other files.
    """
    path = _inside(folder, name)
    whole = name.endswith(MODEL_SUFFIX) or name == PLAUSIBILITY_FILE
    try:
        with _open(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != record.bytes:
                raise BundleError(
                    f"{path} has {size:,} bytes, the manifest says {record.bytes:,}: the bundle "
                    "was altered or copied incompletely."
                )
            if whole and size > _MAX_MODEL_BYTES:
                raise BundleError(
                    f"{path} has {size:,} bytes; expected at most {_MAX_MODEL_BYTES:,}, as much "
                    "as an ONNX model can have: export it again."
                )
            data = file.read(size + 1) if whole else b""
            hasher = hashlib.sha256(data) if whole else hashlib.file_digest(file, "sha256")
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}.") from error
    if hasher.hexdigest() != record.sha256:
        raise BundleError(f"{path} differs from the manifest's SHA-256: the bundle was altered.")
    return data
