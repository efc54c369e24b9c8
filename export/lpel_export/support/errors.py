"""The errors of exporting: each also derives from the matching built-in exception."""

import re

from lpel_serving.support.errors import LpelError

CONVERTERS_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    NotImplementedError,
)
"""What tf2onnx and onnxruntime's quantiser raise of models that they cannot take: no one kind."""


_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def reason_of(error: BaseException) -> str:
    """What a library said, in one line, without what makes a terminal write in bold or colours."""
    return " ".join(_ESCAPES.sub("", str(error)).split()) or type(error).__name__


class ExportError(LpelError):
    """The family of `lpel_export`."""


class ConversionError(ExportError, RuntimeError):
    """A model could not be converted to ONNX."""


class ModelShapeError(ExportError, ValueError):
    """A model does not take or give what an embedder or a decoder must."""


class StandardisationError(ExportError, ValueError):
    """There is no standardisation of that name."""


class ParityError(ExportError, ArithmeticError):
    """An exported model does not agree with the one that it came from."""

    exit_status = 1
