"""Refuses ONNX models with operators outside the standard ONNX domain.

A custom operator runs code of a third-party library, and onnxruntime's contributed operators
(`com.microsoft`) can access files and differ between runtimes.
"""

from lpel_serving.bundle.safety.onnx_parts import NODE_DOMAIN, OPSET_DOMAIN, Part
from lpel_serving.support.errors import BundleError

_STANDARD = (b"", b"ai.onnx")
# tf2onnx declares ai.onnx.ml in every model without using it: its operators, for tables and
# strings, are refused like all others.
_DECLARED = (*_STANDARD, b"ai.onnx.ml")
_SHOWN = 60


def refuse_custom_operators(part: Part, name: str) -> None:
    """Raise if a part of a model is, declares or calls anything but a standard operator.

    Raises
    ------
    BundleError
        If so. Functions defined in the model are refused too: they could replace standard
        operators, and exporters can inline them.
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
