"""Converts an imported ONNX network to the opset of our own exports."""

from typing import Any

from lpel_export.adoption.received import IR_VERSION
from lpel_export.conversion.keras_to_onnx import OPSET
from lpel_export.support.errors import ConversionError, reason_of
from lpel_export.support.plain_graph import STANDARD
from lpel_serving.support.extras import require

OLDEST_OPSET = 7
"""The first whose arithmetic broadcasts as today's does; onnxruntime promises nothing before it."""


def opset_of(model: Any) -> int:
    """The opset of an ``onnx.ModelProto``."""
    return max(entry.version for entry in model.opset_import if entry.domain in STANDARD)


def at_our_opset(network: Any) -> Any:
    """Make the same network at `OPSET`, which the one-file explainer is written in.

    Raises
    ------
    ConversionError
        If it has operations that cannot be written in it.
    """
    onnx = require("onnx", "export")
    try:
        converted = onnx.version_converter.convert_version(network, OPSET)
        converted.ir_version = IR_VERSION
        onnx.checker.check_model(converted)
    except (
        RuntimeError,
        ValueError,
        onnx.version_converter.ConvertError,
        onnx.checker.ValidationError,
    ) as error:
        reason = reason_of(error)
        raise ConversionError(
            f"a network of opset {opset_of(network)} cannot be brought to {OPSET} ({reason})."
        ) from error
    return converted
