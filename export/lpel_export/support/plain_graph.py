"""Reads ONNX models that are one plain graph, without external data, subgraphs or functions."""

from typing import Any

from lpel_export.support.errors import ModelShapeError, reason_of
from lpel_serving.bundle.safety.external_data import refuse_external_data
from lpel_serving.support.errors import BundleError
from lpel_serving.support.extras import require

STANDARD = {"", "ai.onnx"}
"""The domain of the standard's operators, which has two names."""


def load_plain_graph(model: bytes, why_plain: str) -> Any:
    """Read a model, an ``onnx.ModelProto``, and check that all of it lies in one graph.

    Parameters
    ----------
    model
        A serialised ONNX model.
    why_plain
        What cannot be done in branches, loops and functions, for the complaint about them.

    Raises
    ------
    ModelShapeError
        If it is not valid ONNX with all of its tensors inside and all operations in one graph.
    """
    onnx = require("onnx", "export")
    try:
        refuse_external_data(model, "the model")
        network = onnx.load_from_string(model)
        onnx.checker.check_model(network)
    except BundleError as error:
        raise ModelShapeError(str(error)) from error
    except (
        require("google.protobuf.message", "export").DecodeError,
        onnx.checker.ValidationError,
    ) as error:
        reason = reason_of(error)
        raise ModelShapeError(f"the model is not valid ONNX: {reason}") from error
    attributes = [attribute for node in network.graph.node for attribute in node.attribute]
    if network.functions or any(a.HasField("g") or a.graphs for a in attributes):
        raise ModelShapeError(
            f"the model has branches, loops or functions, {why_plain}: export it as one plain "
            "graph."
        )
    return network
