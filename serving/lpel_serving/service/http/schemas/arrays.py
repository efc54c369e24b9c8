"""Arrays in answers: numpy's while an answer is made, then lists, bytes or a picture."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, WrapValidator
from pydantic_core import PydanticCustomError


def _array(kinds: str, *axes: int) -> WrapValidator:
    """Accept an array of the right type and axes; checking its numbers would take milliseconds."""

    def check(value: Any, handler: Callable[[Any], Any]) -> Any:
        if not isinstance(value, np.ndarray):
            return handler(value)
        array = cast("NDArray[Any]", value)
        if array.dtype.kind not in kinds or array.ndim not in axes:
            raise PydanticCustomError("array", "expected an array of another type or shape")
        return array

    return WrapValidator(check)


class Packed(BaseModel, extra="forbid"):
    """An array as its bytes: little-endian, row by row."""

    dtype: Literal["float32", "bool"]
    shape: list[int]
    base64: str


Numbers = Annotated[list[list[float]] | list[list[list[float]]] | Packed | str, _array("f", 2, 3)]
Bits = Annotated[list[list[bool]] | Packed | str, _array("b", 2)]
Curve = Annotated[list[float], _array("f", 1)]
Counts = Annotated[list[int], _array("iu", 1)]
Picture = Annotated[str, Field(description="A PNG file in base64.")]
