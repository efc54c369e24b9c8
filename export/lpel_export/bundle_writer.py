"""Writing a bundle, whole or not at all."""

import hashlib
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from lpel_export.parity import Parity
from lpel_serving.bundle import load_bundle, read_manifest
from lpel_serving.errors import BundleError, OutputError
from lpel_serving.files import write_atomically
from lpel_serving.manifest import (
    DECODER_FILE,
    EMBEDDER_FILE,
    MANIFEST_FILE,
    RESPONSE_FILE,
    DecoderRecord,
    EmbedderRecord,
    FileRecord,
    Manifest,
    ResponseRecord,
    ThresholdRecord,
)


@dataclass(frozen=True)
class ResponseModel:
    """A response decoder: its serialised ONNX model, and what the manifest says of it."""

    model: bytes
    record: ResponseRecord


def write_bundle(
    folder: Path,
    *,
    embedder: bytes,
    decoder: bytes,
    embedder_record: EmbedderRecord,
    decoder_record: DecoderRecord,
    crop: str,
    threshold: ThresholdRecord,
    parity: Mapping[str, Parity],
    responses: ResponseModel | None = None,
) -> Manifest:
    """Write the models and their manifest into a new folder, verify it, and put it in place.

    Parameters
    ----------
    folder
        Where the bundle goes. A bundle that stands there is replaced; any other folder is left
        alone.
    embedder, decoder
        Serialised ONNX models.
    embedder_record, decoder_record, crop, threshold
        See `lpel_serving.manifest.Manifest`.
    parity
        The reports, by model.
    responses
        A response decoder, if the bundle is to have one.

    Raises
    ------
    OutputError
        If the folder holds something else than a bundle, or cannot be written.
    """
    folder = folder.resolve()  # a link keeps pointing at the bundle, which is replaced behind it
    check_replaceable(folder)
    contents = {EMBEDDER_FILE: embedder, DECODER_FILE: decoder}
    if responses is not None:
        contents[RESPONSE_FILE] = responses.model
    manifest = Manifest(
        files={name: _record(data) for name, data in contents.items()},
        embedder=embedder_record,
        decoder=decoder_record,
        crop=crop,
        threshold=threshold,
        parity={name: report.to_json() for name, report in parity.items()},
        created_by=f"lpel-tf {version('lpel-tf')}",
        responses=None if responses is None else responses.record,
    )
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    try:
        for name, data in contents.items():
            write_atomically(partial / name, data)
        write_atomically(partial / MANIFEST_FILE, manifest.to_json().encode())
        load_bundle(partial)
        _put_in_place(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return manifest


def check_replaceable(folder: Path) -> None:
    """Raise `OutputError` if something else would be lost than an old bundle."""
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


def _record(data: bytes) -> FileRecord:
    return FileRecord(hashlib.sha256(data).hexdigest(), len(data))


def _put_in_place(partial: Path, folder: Path) -> None:
    old = folder.with_name(f"{partial.name}.old")
    try:
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise OutputError(f"cannot write the bundle {folder}: {error.strerror}.") from error
    shutil.rmtree(old, ignore_errors=True)
