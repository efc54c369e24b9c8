"""The types of columns in Parquet: those that are accepted, and their conversion."""

from pathlib import Path
from typing import Any
from uuid import UUID

from lpel_serving.support.arrow import pa
from lpel_serving.support.errors import PairsError

TEXTS = pa.string()
FILES = pa.large_binary()
IMAGES = pa.struct([("bytes", FILES), ("path", TEXTS)])
EMBEDDINGS = pa.list_(pa.float32())

_UUID_BYTES = 16


def kind_of(path: Path, name: str, kind: Any) -> Any:
    """Find what a column holds: `TEXTS`, `FILES`, `IMAGES`, `EMBEDDINGS`, or nothing but nulls.

    Raises
    ------
    PairsError
        If it is something else.
    """
    held = _plain_type(kind)
    types = pa.types
    if types.is_null(held):
        return held
    if _is_text(held):
        return TEXTS
    if _is_binary(held):
        return FILES
    if _is_image(held):
        return IMAGES
    if types.is_list(held) or types.is_fixed_size_list(held) or types.is_large_list(held):
        if types.is_floating(held.value_type):
            return EMBEDDINGS
        raise PairsError(
            f"{path}: the column {name} holds {kind}; expected embeddings, vectors of "
            "floating-point numbers."
        )
    raise no_images(path, name, kind)


def no_images(path: Path, name: str, kind: Any) -> PairsError:
    """Say what a column was expected to hold."""
    return PairsError(
        f"{path}: the column {name} is of {kind}; expected paths, the bytes of image files, "
        "structs of both, or embeddings."
    )


def as_kind(column: Any, kind: Any) -> Any:
    """Cast a column to the type of what `kind_of` found."""
    values = _plain(column)
    if kind != IMAGES or pa.types.is_null(values.type):
        return values.cast(kind)
    names = [field.name for field in values.type]
    parts = dict(zip(names, values.flatten(), strict=True))
    return pa.StructArray.from_arrays(
        [parts[one.name].cast(one.type) for one in kind], fields=list(kind)
    )


def as_identifiers(path: Path, name: str, column: Any) -> Any:
    """Cast a column that names rows to texts: numbers and UUIDs are written out.

    Raises
    ------
    PairsError
        If it holds nothing that names a row.
    """
    values = _plain(column)
    try:
        if not (_is_binary(values.type) or pa.types.is_fixed_size_binary(values.type)):
            return values.cast(TEXTS)
        data = values.to_pylist()
        if _are_uuids(data, of_16=values.type == pa.binary(_UUID_BYTES)):
            return pa.array([None if one is None else str(UUID(bytes=one)) for one in data], TEXTS)
        return values.cast(pa.binary()).cast(TEXTS)
    except pa.ArrowException as error:
        raise PairsError(
            f"{path}: the column {name} is of {column.type}; expected what names a row: texts, "
            "numbers, or UUIDs of 16 bytes."
        ) from error


def _are_uuids(data: list[bytes | None], *, of_16: bool) -> bool:
    """Whether all are UUIDs; where lengths vary, 16 bytes that are legible text are not."""
    there = [one for one in data if one is not None]
    return of_16 or (
        {len(one) for one in there} == {_UUID_BYTES} and not all(map(_is_legible, there))
    )


def _is_legible(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    return text.isprintable() and text.encode() == data


def _plain(column: Any) -> Any:
    """Unwrap a column from dictionary encoding or an extension type."""
    if isinstance(column.type, pa.BaseExtensionType):
        return _plain(column.storage)
    if pa.types.is_dictionary(column.type):
        return _plain(column.dictionary_decode())
    return column


def _plain_type(kind: Any) -> Any:
    if isinstance(kind, pa.BaseExtensionType):
        return _plain_type(kind.storage_type)
    return _plain_type(kind.value_type) if pa.types.is_dictionary(kind) else kind


def _is_text(kind: Any) -> bool:
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def _is_binary(kind: Any) -> bool:
    return kind in (pa.binary(), pa.large_binary(), pa.binary_view())


def _is_image(kind: Any) -> bool:
    """Whether a column holds images as Hugging Face writes them; either part may be null."""
    fields = {field.name: field.type for field in kind} if pa.types.is_struct(kind) else {}
    path, content = fields.get("path"), fields.get("bytes")
    if path is None or content is None:
        return False
    return (pa.types.is_null(path) or _is_text(path)) and (
        pa.types.is_null(content) or _is_binary(content)
    )
