"""Refuses ONNX models with NaN or infinity among their weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.safety.onnx_parts import (
    DATA_TYPE,
    DOUBLE_DATA,
    FLOAT,
    FLOAT_DATA,
    INT32_DATA,
    RAW_DATA,
    Part,
)
from lpel_serving.support.errors import BundleError

# The numbers are those of TensorProto.DataType.
_FLOAT16, _BFLOAT16 = 10, 16
_BITS = "<u2"  # numpy has no bfloat16
_RAW = {1: "<f4", _FLOAT16: "<f2", 11: "<f8", _BFLOAT16: _BITS}
# Integers down to two bits, booleans and strings.
_ALWAYS_FINITE = {2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 21, 22, 25, 26}


def refuse_broken_weights(part: Part, name: str) -> None:
    """Raise if a tensor or an attribute of a model holds NaN or infinity.

    A scalar infinity is allowed (a bound, or a mask or padding value); among several numbers it is
    a broken weight. NaN is refused everywhere.

    Raises
    ------
    BundleError
        If so, or if the numbers have a type that cannot be checked.
    """
    kind = part.number(DATA_TYPE)
    if part.kind == "tensor" and kind not in _RAW and kind not in _ALWAYS_FINITE:
        raise BundleError(
            f"{name} has weights of ONNX's data type {kind}, which this engine cannot check; "
            "expected float, double, float16, bfloat16 or integers: export it as one of these."
        )
    try:
        chunks = list(_in_tensor(part, kind) if part.kind == "tensor" else _in_attribute(part))
    except ValueError as error:
        raise BundleError(
            f"{name} is not an ONNX model: a tensor ends within a number. Export it again."
        ) from error
    if all(np.isfinite(chunk).all() for chunk in chunks):
        return
    alone = sum(chunk.size for chunk in chunks) == 1
    if not alone or any(np.isnan(chunk).any() for chunk in chunks):
        raise BundleError(
            f"{name} has NaN or infinity among its weights; expected finite numbers: train or "
            "export it again."
        )


def _in_attribute(part: Part) -> Iterator[NDArray[Any]]:
    """Yield the numbers that an attribute holds outside tensors."""
    if FLOAT in part.values and part.kind == "attribute":
        yield np.frombuffer(part.view(FLOAT), "<f4")
    if part.floats:
        yield np.frombuffer(part.floats, "<f4")


def _in_tensor(part: Part, kind: int) -> Iterator[NDArray[Any]]:
    """Yield the numbers of a tensor, as views of the model's bytes where numpy has the type."""
    if kind in _ALWAYS_FINITE:
        return
    for number, dtype in ((RAW_DATA, _RAW[kind]), (FLOAT_DATA, "<f4"), (DOUBLE_DATA, "<f8")):
        if number in part.values:
            values = np.frombuffer(part.view(number), dtype)
            yield _widened(values) if dtype == _BITS else values
    if INT32_DATA in part.values and kind in {_FLOAT16, _BFLOAT16}:
        bits = _packed(part.view(INT32_DATA))
        yield _widened(bits) if kind == _BFLOAT16 else bits.view("<f2")


def _widened(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Read bfloat16, the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _packed(varints: memoryview) -> NDArray[np.uint16]:
    """The lower 16 bits of each number in a packed list."""
    septets = np.frombuffer(varints, np.uint8)
    ends = np.flatnonzero(septets < 0x80)
    if septets.size and (ends.size == 0 or ends[-1] != septets.size - 1):
        raise ValueError("the last number is not complete")
    starts = np.concatenate([ends[:0], [0], ends[:-1] + 1])[: ends.size]
    bits = np.zeros(ends.size, np.uint32)
    for place in range(3):
        held = starts + place <= ends
        bits[held] |= (septets[starts[held] + place] & np.uint32(0x7F)) << (7 * place)
    return (bits & 0xFFFF).astype(_BITS)
