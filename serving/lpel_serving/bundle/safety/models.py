"""Refuses unsafe ONNX models by all safety checks, before a session is created from them."""

from lpel_serving.bundle.safety.external_data import refuse_external_tensor
from lpel_serving.bundle.safety.finite_weights import refuse_broken_weights
from lpel_serving.bundle.safety.onnx_parts import parts
from lpel_serving.bundle.safety.operator_domains import refuse_custom_operators


def refuse_unsafe(model: bytes, name: str) -> None:
    """Check a serialised ONNX model in one pass; raise at the first forbidden part.

    Parameters
    ----------
    model
        Its bytes: those that will be run.
    name
        Its name in error messages.

    Raises
    ------
    BundleError
        If it keeps tensors in other files, needs non-standard operators, has NaN or infinity among
        its weights, or is no ONNX model.
    """
    for part in parts(model, name):
        refuse_external_tensor(part, name)
        refuse_custom_operators(part, name)
        refuse_broken_weights(part, name)
