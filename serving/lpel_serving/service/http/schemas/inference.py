"""The Open Inference Protocol's inference request; a field that is null counts as absent."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
)
from pydantic_core import PydanticCustomError

MAX_AXES, MAX_TENSORS = 16, 64
"""More than any model here has; without a bound each of a million wrong ones would be recorded."""

NOT_OFFERED = "not_offered"
"""The error type of a parameter that would change the answer and therefore cannot be ignored."""


def _refused(value: Any) -> None:
    if value is not None:
        raise PydanticCustomError(NOT_OFFERED, "it is not offered")


def _whole_characters(text: str) -> str:
    text.encode()  # JSON may escape a half of one; the error is a ValueError
    return text


Text = Annotated[StrictStr, AfterValidator(_whole_characters)]
Length = Annotated[StrictInt, Field(ge=0, le=2**64 - 1)]
NotOffered = Annotated[None, BeforeValidator(_refused)]


class Parameters(BaseModel):
    """The parameters of a request or a tensor; unknown ones are ignored."""

    binary_data_output: StrictBool = False
    binary_data: StrictBool = False
    binary_data_size: Any = None
    shared_memory_region: NotOffered = None
    classification: NotOffered = None


SomeParameters = Annotated[Parameters, BeforeValidator(lambda said: {} if said is None else said)]


class InputTensor(BaseModel):
    """An input; its data are validated by `lpel_serving.service.http.open_inference.tensors`."""

    name: Text
    datatype: Text
    shape: Annotated[list[Length], Field(max_length=MAX_AXES)]
    data: Any = None
    parameters: SomeParameters = Parameters()


class OutputTensor(BaseModel):
    """A requested output."""

    name: Text
    parameters: SomeParameters = Parameters()


class InferenceRequest(BaseModel):
    """A request of inference."""

    id: Text | None = None
    parameters: SomeParameters = Parameters()
    inputs: Annotated[list[InputTensor], Field(max_length=MAX_TENSORS)]
    outputs: Annotated[list[OutputTensor] | None, Field(max_length=MAX_TENSORS)] = None
