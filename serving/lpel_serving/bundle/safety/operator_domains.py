"""Refusing ONNX models of other operators than the standard's own.

A custom operator is code of somebody's library, and the contributed ones of onnxruntime
(`com.microsoft`) reach files and differ from runtime to runtime.
"""

from lpel_serving.bundle.safety.onnx_parts import NODE_DOMAIN, OPSET_DOMAIN, Part
from lpel_serving.support.errors import BundleError

_STANDARD = (b"", b"ai.onnx")
# tf2onnx declares ai.onnx.ml in every model. That calls nothing: its operators, for tables and
# strings, are refused as all others.
_DECLARED = (*_STANDARD, b"ai.onnx.ml")
_SHOWN = 60


def refuse_custom_operators(part: Part, name: str) -> None:
    """Raise if a part of a model is, declares or calls anything but a standard operator.

    Raises
    ------
    BundleError
        If so. Functions of the model's own are refused too: they could stand in for standard
        operators, and exporters can write them into the graph.
    """
    if part.kind == "function":
        raise BundleError(
            f"{name} defines functions of its own; expected a graph of standard operators alone: "
            "write them into the graph with onnx.inliner and export it again."
        )
    if part.kind == "node" and (domain := bytes(part.view(NODE_DOMAIN))) not in _STANDARD:
        raise BundleError(
            f"{name} uses an operator of the domain {_quoted(domain)}; expected the operators of "
            "standard ONNX alone: export it without custom operators."
        )
    if part.kind == "opset" and (domain := bytes(part.view(OPSET_DOMAIN))) not in _DECLARED:
        raise BundleError(
            f"{name} imports the operators of the domain {_quoted(domain)}; expected those of "
            "standard ONNX alone: export it without them, and without the import if unused."
        )


def _quoted(domain: bytes) -> str:
    return repr(domain[:_SHOWN].decode("ascii", "backslashreplace"))
