"""Refusing ONNX models that read other files.

onnxruntime 1.32 follows external data through hard links and, for a model given as bytes, from
the working directory. So every tensor is looked at before a session is made. The engine does not
depend on the onnx package: this walks the protobuf wire format, of which a few fields suffice.
"""

from collections.abc import Iterator

from lpel_serving.errors import BundleError

# Message -> field number -> message; the numbers are those of onnx.proto.
_CHILDREN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA = 13
_DATA_LOCATION = 14
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def refuse_external_data(model: bytes, name: str) -> None:
    """Raise if any tensor of a serialised ONNX model, at any depth, lies in another file.

    Raises
    ------
    BundleError
        If one does, or if the bytes are no protobuf message.
    """
    pending = [("model", memoryview(model))]
    try:
        while pending:
            kind, message = pending.pop()
            for field, value in _fields(message):
                if kind == "tensor" and (
                    field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value)
                ):
                    raise BundleError(
                        f"{name} keeps tensors in other files, which is refused: "
                        "export it with its weights inside."
                    )
                child = _CHILDREN[kind].get(field)
                if child is not None and isinstance(value, memoryview):
                    pending.append((child, value))
    except (IndexError, OverflowError) as error:
        raise BundleError(f"{name} is not an ONNX model: its bytes end too early.") from error


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key > 0xFFFFFFFF:  # protobuf reads keys modulo 2**32: a larger one hides a field
            raise OverflowError(key)
        field, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield field, value
        elif wire == _LENGTH:
            length, at = _varint(message, at)
            if length > len(message) - at:
                raise IndexError(length)
            yield field, message[at : at + length]
            at += length
        elif wire in {_FIXED64, _FIXED32}:
            at += 8 if wire == _FIXED64 else 4
        else:
            raise IndexError(wire)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise OverflowError(at)
