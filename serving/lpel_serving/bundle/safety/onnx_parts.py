"""Walks the parts of a serialised ONNX model at any depth, as the safety checks need them.

The engine does not depend on the onnx package: of its messages, a few fields suffice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lpel_serving.bundle.safety.protobuf import FIXED32, LENGTH, VARINT, WireError, fields
from lpel_serving.support.errors import BundleError

# Message -> field number -> message; the numbers are those of onnx.proto.
_CHILDREN = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
}
# Fields that a message holds once. Protobuf would merge repeated ones, and the merged message
# differs from each of them, so that a check could be evaded.
_ONE = {
    "model": {7},
    "training": {1, 2},
    "attribute": {5, 6, 22},
    "sparse": {1, 2},
}

# The fields that the checks read, and their wire types.
DATA_TYPE, FLOAT_DATA, INT32_DATA, RAW_DATA, DOUBLE_DATA = 2, 4, 5, 9, 10
EXTERNAL_DATA, DATA_LOCATION = 13, 14
NODE_DOMAIN, OPSET_DOMAIN = 7, 1
FLOAT, FLOATS = 2, 7
_SHOWN = {
    "tensor": {
        DATA_TYPE: VARINT,
        FLOAT_DATA: LENGTH,
        INT32_DATA: LENGTH,
        RAW_DATA: LENGTH,
        DOUBLE_DATA: LENGTH,
        EXTERNAL_DATA: LENGTH,
        DATA_LOCATION: VARINT,
    },
    "node": {NODE_DOMAIN: LENGTH},
    "opset": {OPSET_DOMAIN: LENGTH},
    "attribute": {FLOAT: FIXED32},
}
_ORT_FORMAT = b"ORTM"


@dataclass(frozen=True)
class Part:
    """One message of a model.

    Attributes
    ----------
    kind
        Which: a key of `_CHILDREN`.
    values
        The fields that the checks read, by number.
    floats
        An attribute's list of floats, little-endian.
    """

    kind: str
    values: Mapping[int, int | memoryview]
    floats: bytearray = field(default_factory=bytearray)

    def view(self, number: int) -> memoryview:
        """The bytes of a field; none if it is absent."""
        value = self.values.get(number)
        return value if isinstance(value, memoryview) else memoryview(b"")

    def number(self, number: int) -> int:
        """The number in a field; 0 if it is absent, as in protobuf."""
        value = self.values.get(number)
        return value if isinstance(value, int) else 0


def parts(model: bytes, name: str) -> Iterator[Part]:
    """Walk a model, each message before those in it.

    Raises
    ------
    BundleError
        If the bytes are no ONNX model, or are encoded in an unusual way that this parser and
        onnxruntime might read differently.
    """
    if model[4:8] == _ORT_FORMAT:  # onnxruntime then reads another format, whatever else it is
        raise BundleError(f"{name} is in onnxruntime's own format: export it as ONNX.")
    pending = [("model", memoryview(model))]
    try:
        while pending:
            kind, message = pending.pop()
            yield _read(kind, message, pending)
    except WireError as error:
        raise BundleError(f"{name} is not an ONNX model: {error}. Export it again.") from error


def _read(kind: str, message: memoryview, pending: list[tuple[str, memoryview]]) -> Part:
    part = Part(kind, values := {})
    children, shown, one = _CHILDREN[kind], _SHOWN.get(kind, {}), _ONE.get(kind, set())
    seen: set[int] = set()
    for number, wire, value in fields(message):
        twice = number in values and number != EXTERNAL_DATA
        if twice or (number in one and number in seen):
            raise WireError(f"a {kind} holds its field {number} twice")
        if number in children:
            if not isinstance(value, memoryview) or wire != LENGTH:
                raise WireError(f"field {number} of a {kind} is no message")
            seen.add(number)
            pending.append((children[number], value))
        elif number in shown:
            if wire != shown[number]:
                raise WireError(f"field {number} of a {kind} is written in an unknown way")
            values[number] = value
        elif kind == "attribute" and number == FLOATS and isinstance(value, memoryview):
            part.floats.extend(value)  # one by one or packed: both are in use
    return part
