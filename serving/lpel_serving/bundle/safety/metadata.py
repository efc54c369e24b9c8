"""Reads an ONNX model's metadata without running it."""

from lpel_serving.bundle.safety.protobuf import LENGTH, WireError, fields
from lpel_serving.support.errors import BundleError

_METADATA_PROPS, _KEY, _VALUE = 14, 1, 2  # field numbers of onnx.proto


def read_metadata(model: memoryview) -> dict[str, str]:
    """Read the ``metadata_props`` of a serialised ONNX model.

    Raises
    ------
    BundleError
        If the bytes are no model.
    """
    try:
        return dict(
            _entry(part)
            for number, wire, part in fields(model)
            if number == _METADATA_PROPS and wire == LENGTH and isinstance(part, memoryview)
        )
    except (WireError, UnicodeDecodeError) as error:
        raise BundleError(f"the model's metadata cannot be read: {error}.") from error


def _entry(message: memoryview) -> tuple[str, str]:
    texts = {
        number: bytes(value).decode("utf-8")
        for number, _, value in fields(message)
        if isinstance(value, memoryview)
    }
    return texts.get(_KEY, ""), texts.get(_VALUE, "")
