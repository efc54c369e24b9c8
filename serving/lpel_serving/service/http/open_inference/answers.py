"""Writes inference answers: JSON, followed by the outputs that were requested as bytes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.requests import InferRequest
from lpel_serving.service.http.open_inference.signature import Signature
from lpel_serving.service.http.open_inference.tensors import Array, to_binary, to_json


def write_answer(
    head: Mapping[str, Any],
    request: InferRequest,
    arrays: Mapping[str, Array],
    signature: Signature,
) -> tuple[bytes, int | None]:
    """Write the outputs of a model.

    Parameters
    ----------
    head
        The fields before the outputs.
    request
        Which outputs are requested, and in which form.
    arrays
        At least those outputs, by name.
    signature
        The model's outputs.

    Returns
    -------
    tuple of bytes and int or None
        The body, and how many bytes of it are JSON; None if all are.

    Raises
    ------
    Problem
        If a number is not finite, which JSON cannot express.
    """
    outputs: list[dict[str, Any]] = []
    behind: list[bytes] = []
    for wanted in request.outputs:
        array, datatype = arrays[wanted.name], signature.find_output(wanted.name).datatype
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise Problem(
                400,
                f"the output {wanted.name} holds NaN or infinity: give embeddings such as the "
                "embedder makes.",
            )
        output: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": array.shape}
        if wanted.binary:
            behind.append(to_binary(array, datatype))
            output["parameters"] = {"binary_data_size": len(behind[-1])}
        else:
            output["data"] = to_json(array)
        outputs.append(output)
    identity = {} if request.id is None else {"id": request.id}
    text = orjson.dumps({**head, **identity, "outputs": outputs}, option=orjson.OPT_SERIALIZE_NUMPY)
    return b"".join([text, *behind]), len(text) if behind else None
