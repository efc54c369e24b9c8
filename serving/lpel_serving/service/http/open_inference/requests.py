"""Parses inference requests: JSON, followed by the inputs that are sent as bytes."""

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.document import read_document
from lpel_serving.service.http.open_inference.signature import BATCH, Signature, Tensor
from lpel_serving.service.http.open_inference.tensors import (
    Array,
    Shape,
    binary_size,
    from_binary,
    from_json,
)
from lpel_serving.service.http.schemas.inference import InferenceRequest, InputTensor

HEADER_LENGTH = "Inference-Header-Content-Length"
"""The header that says how many bytes of a body are JSON."""

MAX_JSON_NUMBERS = 1_500_000
"""Most numbers of an answer in JSON, at about 20 bytes each: 30 MB."""


@dataclass(frozen=True)
class WantedOutput:
    """A requested output, and whether as bytes behind the JSON."""

    name: str
    binary: bool


@dataclass(frozen=True, eq=False)
class InferRequest:
    """A request that fits its model.

    Attributes
    ----------
    id
        To be returned; None if there was none.
    inputs
        By name.
    outputs
        In the order of the answer.
    """

    id: str | None
    inputs: Mapping[str, Array]
    outputs: tuple[WantedOutput, ...]


@dataclass(frozen=True)
class _Input:
    """An input as described in the JSON; `size` is None if its data are there, too."""

    tensor: Tensor
    shape: Shape
    data: Any
    size: Any

    @property
    def where(self) -> str:
        return f"the input {self.tensor.name}"


def parse_request(body: bytes, header_length: str | None, signature: Signature) -> InferRequest:
    """Read a request.

    Parameters
    ----------
    body
        JSON, and what is behind it.
    header_length
        The header `HEADER_LENGTH`; None if there was none, and the whole body is JSON.
    signature
        What the model takes and gives.

    Raises
    ------
    Problem
        If it violates the protocol, or does not fit the model.
    """
    length = _header_length(header_length, len(body))
    request = read_document(body[:length], signature)
    wanted = _outputs(request, signature)
    inputs = [_input(entry, signature) for entry in request.inputs]
    names = [one.tensor.name for one in inputs]
    _refuse_twice(names, "input")
    signature.check_complete(names)
    lengths = [one.shape[0] for one in inputs if one.tensor.shape[0] == BATCH]
    signature.check_batch(lengths)
    _check_answer(wanted, lengths[0], signature)
    arrays = dict(_arrays(inputs, memoryview(body)[length:]))
    return InferRequest(request.id, arrays, tuple(wanted))


def _header_length(text: str | None, whole: int) -> int:
    if text is None:
        return whole
    if not (text.isascii() and text.isdecimal() and len(text) <= 20 and int(text) <= whole):
        raise Problem(
            400,
            f"expected {HEADER_LENGTH} to say how many of the body's {whole} bytes are JSON, "
            f"received {text[:40]!a}.",
        )
    return int(text)


def _outputs(request: InferenceRequest, signature: Signature) -> Sequence[WantedOutput]:
    binary = request.parameters.binary_data_output
    if not request.outputs:
        return [WantedOutput(tensor.name, binary) for tensor in signature.outputs]
    wanted: list[WantedOutput] = []
    for entry in request.outputs:
        own = entry.parameters
        said = own.binary_data if "binary_data" in own.model_fields_set else binary
        wanted.append(WantedOutput(signature.find_output(entry.name).name, said))
    _refuse_twice([one.name for one in wanted], "output")
    return wanted


def _check_answer(wanted: Sequence[WantedOutput], batch: int, signature: Signature) -> None:
    """Raise `Problem` if too many numbers are requested as JSON."""
    shapes = [signature.find_output(one.name).shape for one in wanted if not one.binary]
    numbers = sum(math.prod(batch if size == BATCH else size for size in shape) for shape in shapes)
    if numbers > MAX_JSON_NUMBERS:
        raise Problem(
            413,
            f"the answer would hold {numbers:,} numbers as JSON, and at most {MAX_JSON_NUMBERS:,} "
            "are written: ask for fewer outputs, send a smaller batch, or ask for bytes "
            "(binary_data_output).",
        )


@contextmanager
def _naming(where: str) -> Generator[None]:
    """Prefix errors with what they are about."""
    try:
        yield
    except Problem as error:
        raise Problem(error.status, f"{where}: {error}") from error


def _input(entry: InputTensor, signature: Signature) -> _Input:
    tensor, shape = signature.find_input(entry.name), tuple(entry.shape)
    found = _Input(tensor, shape, entry.data, entry.parameters.binary_data_size)
    with _naming(found.where):
        tensor.check(entry.datatype, shape)
    if (found.data is None) == (found.size is None):
        raise Problem(
            400, f"expected {found.where} to have either data or the parameter binary_data_size."
        )
    return found


def _refuse_twice(names: Sequence[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise Problem(400, f"the {what} {name} stands there twice.")


def _arrays(inputs: Sequence[_Input], behind: memoryview) -> Iterator[tuple[str, Array]]:
    for one in inputs:
        datatype = one.tensor.datatype
        with _naming(one.where):
            if one.size is None:
                array = from_json(one.data, datatype, one.shape)
            else:
                size = binary_size(datatype, one.shape)
                if type(one.size) is not int or one.size != size:
                    raise Problem(400, f"expected a binary_data_size of {size}, as the shape says.")
                array = from_binary(behind[:size], datatype, one.shape)
                behind = behind[size:]
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise Problem(400, "expected finite numbers, received NaN or infinity.")
        yield one.tensor.name, array
    if len(behind):
        raise Problem(
            400,
            f"{len(behind)} bytes stand behind the JSON that belong to no input: give each its "
            f"binary_data_size, and {HEADER_LENGTH} the length of the JSON.",
        )
