"""What a model must not be before a session is made of it."""

from lpel_serving.bundle.safety.external_data import refuse_external_tensor
from lpel_serving.bundle.safety.finite_weights import refuse_broken_weights
from lpel_serving.bundle.safety.onnx_parts import parts
from lpel_serving.bundle.safety.operator_domains import refuse_custom_operators


def refuse_unsafe(model: bytes, name: str) -> None:
    """Walk a serialised ONNX model once, and raise at the first thing that a bundle may not hold.

    Parameters
    ----------
    model
        Its bytes: those that will be run.
    name
        What complaints call it.

    Raises
    ------
    BundleError
        If it keeps tensors in other files, needs other operators than standard ONNX's, has NaN or
        infinity among its weights, or is no ONNX model.
    """
    for part in parts(model, name):
        refuse_external_tensor(part, name)
        refuse_custom_operators(part, name)
        refuse_broken_weights(part, name)
