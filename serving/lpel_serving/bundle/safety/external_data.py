"""Refuses ONNX models that read other files.

onnxruntime 1.32 follows external data through hard links and, for a model given as bytes, from the
working directory. So every tensor is checked before a session is created.
"""

from lpel_serving.bundle.safety.onnx_parts import DATA_LOCATION, EXTERNAL_DATA, Part, parts
from lpel_serving.support.errors import BundleError


def refuse_external_data(model: bytes, name: str) -> None:
    """Raise if any tensor of a serialised ONNX model, at any depth, lies in another file.

    Raises
    ------
    BundleError
        If one does, or if the bytes are no protobuf message.
    """
    for part in parts(model, name):
        refuse_external_tensor(part, name)


def refuse_external_tensor(part: Part, name: str) -> None:
    """Raise `BundleError` if a part of the model is a tensor that lies in another file."""
    if part.kind == "tensor" and (EXTERNAL_DATA in part.values or part.number(DATA_LOCATION)):
        raise BundleError(
            f"{name} keeps tensors in other files, which is refused: "
            "export it with its weights inside."
        )
