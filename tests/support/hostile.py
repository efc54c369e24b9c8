"""What a stranger may do to a bundle, and how its refusal is checked."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lpel_serving.bundle.loading import load_bundle
from lpel_serving.support.errors import BundleError, LpelError


def absent() -> None:
    """Stand for the absence of a key."""


def change(bundle: Path, *place: str, to: object) -> None:
    """Change one value of the manifest; `to` may be `absent`, which takes the key out."""
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    home = manifest
    for key in place[:-1]:
        home = home[key]
    if to is absent:
        del home[place[-1]]
    else:
        home[place[-1]] = to
    path.write_text(json.dumps(manifest))


def put(bundle: Path, name: str, data: bytes) -> Path:
    """Write a file into a bundle and list it, its hash right."""
    (bundle / name).write_bytes(data)
    record = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    change(bundle, "files", name, to=record)
    return bundle / name


def refuse(bundle: Path, *words: str, kind: type[LpelError] = BundleError) -> None:
    """Check that a bundle is refused, with these words."""
    with pytest.raises(kind) as caught:
        load_bundle(bundle)
    for word in words:
        assert word in str(caught.value)


def no_session(*args: object, **kwargs: object) -> None:
    """Stand for onnxruntime where it must not be reached."""
    pytest.fail("a session was made of a model that ought to be refused")


def tensor(values: object = (1.0, 2.0), name: str = "weights", dtype=np.float32) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def constant(**value: object) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], **value)


def graph(nodes=(), initializers=()) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "inner", [], [], list(initializers))


def nested(inner: onnx.GraphProto, depth: int = 5) -> onnx.NodeProto:
    """A node that holds a graph at such a depth."""
    for _ in range(depth):
        inner = graph([helper.make_node("If", ["yes"], ["c"], then_branch=inner)])
    return inner.node[0]


def varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def with_length(key: int, data: bytes) -> bytes:
    """A field of bytes, under its whole key."""
    return varint(key) + varint(len(data)) + data


def message(number: int, data: bytes) -> bytes:
    """A field that holds a message or bytes."""
    return with_length(number << 3 | 2, data)
