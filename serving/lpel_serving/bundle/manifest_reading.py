"""Reads a manifest, and checks every field of it."""

import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from lpel_serving.bundle.assessment_record import read_assessment
from lpel_serving.bundle.comparison_record import (
    BY_COSINE,
    ComparisonRecord,
    least_similarity,
    read_comparison,
)
from lpel_serving.bundle.confidence_record import read_confidence
from lpel_serving.bundle.manifest import (
    SCHEMA,
    DecoderRecord,
    EmbedderRecord,
    FileRecord,
    Manifest,
    ResponseRecord,
    SurrogateRecord,
    ThresholdRecord,
)
from lpel_serving.bundle.plausibility_record import read_record
from lpel_serving.bundle.subject_record import read_subject
from lpel_serving.bundle.usual_record import read_usual
from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.images.subject import FACES
from lpel_serving.support.errors import BundleError
from lpel_serving.support.image_shape import ImageShape, square
from lpel_serving.support.strict_json import read_json
from lpel_serving.support.typed_json import Reader

_MAX_SIDE, _MAX_DIMENSION, _MAX_GRID = 4096, 65536, 64
_Record = TypeVar("_Record")


def parse_manifest(text: str) -> Manifest:
    """Read a manifest and check every field.

    Raises
    ------
    BundleError
        If it is not strict JSON (see `read_json`), lacks a field, has one of the wrong type, names
        a file outside the bundle, or was written for a newer engine.
    """
    try:
        fields = read_json(text)
    except ValueError as error:
        raise BundleError(f"the manifest is not JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise BundleError("the manifest is not a JSON object.")
    root = Reader(cast("dict[str, Any]", fields), "manifest")
    schema = root.count("schema", 1)
    if schema > SCHEMA:
        raise BundleError(
            f"the bundle has schema {schema}, this engine reads up to {SCHEMA}: upgrade lpel-tf."
        )
    _refuse_without_decoders(root, schema)
    comparison = _optional(root, "comparison", read_comparison) or BY_COSINE
    subject = _optional(root, "subject", read_subject) or FACES
    return Manifest(
        files={name: _file(root.inner("files"), name) for name in root.mapping("files")},
        embedder=_embedder(root.inner("embedder"), schema),
        decoder=_optional(root, "decoder", lambda fields: _decoder(fields, schema)),
        crop=root.take("crop", str),
        threshold=_threshold(root.inner("threshold"), comparison),
        parity=root.mapping("parity"),
        created_by=root.take("created_by", str),
        responses=_optional(root, "responses", _responses),
        surrogate=_optional(root, "surrogate", _surrogate),
        licence=root.take("licence", str) if "licence" in root.fields else None,
        confidence=_optional(root, "confidence", read_confidence),
        plausibility=_optional(root, "plausibility", read_record),
        usual=_optional(root, "usual", lambda fields: read_usual(fields, subject)),
        assessment=_optional(root, "assessment", read_assessment),
        comparison=comparison,
        subject=subject,
    )


def _refuse_without_decoders(root: Reader, schema: int) -> None:
    """Raise `BundleError` if there is no decoder, and no response decoder in its place."""
    if "decoder" in root.fields:
        return
    if schema == 1:
        root.inner("decoder")  # which every bundle of that schema has
    if "responses" not in root.fields:
        raise BundleError(
            "the manifest has neither a decoder nor responses: expected one of them at least; "
            "train the bundle again."
        )


def _optional(root: Reader, name: str, read: Callable[[Reader], _Record]) -> _Record | None:
    """Read a part that a bundle may lack."""
    return read(root.inner(name)) if name in root.fields else None


def _embedder(fields: Reader, schema: int) -> EmbedderRecord:
    return EmbedderRecord(
        fields.take("name", str),
        _image_shape(fields, schema),
        fields.size("dimension", _MAX_DIMENSION),
        fields.take("standardisation", str),
    )


def _decoder(fields: Reader, schema: int) -> DecoderRecord:
    return DecoderRecord(_image_shape(fields, schema), fields.mapping("training"))


def _threshold(fields: Reader, comparison: ComparisonRecord) -> ThresholdRecord:
    value = fields.number("value", least_similarity(comparison), 1)
    return ThresholdRecord(value, fields.mapping("chosen"))


def _responses(fields: Reader) -> ResponseRecord:
    return ResponseRecord(fields.size("side", _MAX_GRID), fields.mapping("training"))


def _image_shape(network: Reader, schema: int) -> ImageShape:
    """Read the shape of a network's images: `image_size`, or from schema 2 on `image_shape`."""
    if schema == 1 or "image_shape" not in network.fields:
        return square(network.size("image_size", _MAX_SIDE))
    height, width, channels = network.sizes("image_shape", (_MAX_SIDE, _MAX_SIDE, 3))
    if channels == 2:
        raise BundleError(f"{network.where}.image_shape: expected 1 or 3 channels, received 2.")
    return ImageShape(height, width, channels)


def _surrogate(fields: Reader) -> SurrogateRecord:
    fills = fields.texts("fills")
    if not fills or len(set(fills)) < len(fills):
        raise BundleError(f"{fields.where}.fills: expected different names, at least one.")
    if TRANSPLANT in fills[:-1]:
        raise BundleError(
            f"{fields.where}.fills: expected {TRANSPLANT} last, received {', '.join(fills)}: the "
            "surrogate's graph takes its last fill for it; export the bundle again."
        )
    return SurrogateRecord(
        fields.size("side", _MAX_GRID),
        fields.size("channels", _MAX_DIMENSION),
        fills,
        fields.texts("layers"),
        fields.mapping("training"),
    )


def _file(files: Reader, name: str) -> FileRecord:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise BundleError(f"the manifest names {name!r}, which is no plain file name.")
    record = files.inner(name)
    sha256 = record.take("sha256", str)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise BundleError(f"{record.where}.sha256: expected 64 hexadecimal digits.")
    return FileRecord(sha256, record.count("bytes", 0))
