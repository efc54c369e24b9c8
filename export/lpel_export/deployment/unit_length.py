"""Scales embeddings within the response decoder, for servers that run it without the engine.

A bundle's `responses.onnx` takes embeddings of unit length, and the engine scales what it gives
it. Services that run the file without the engine have embeddings as the embedder gives them: for
them the scaling goes into the graph.
"""

from typing import Any

from lpel_export.conversion.keras_to_onnx import OPSET, finish
from lpel_export.explainer.comparing import comparing
from lpel_export.explainer.equations import functions
from lpel_export.explainer.networks import as_function, constants_to_weights
from lpel_serving.bundle.comparison_record import ComparisonRecord
from lpel_serving.bundle.manifest import EMBEDDING, RESPONSE
from lpel_serving.support.extras import require

_NEEDED = {"Scaled", "Unit", "Scale", "SumOfFeatures"}


def with_scaling(
    responder: bytes, dimension: int, side: int, comparison: ComparisonRecord
) -> bytes:
    """Scale embeddings in front of a response decoder, as the engine does.

    Parameters
    ----------
    responder
        A bundle's `responses.onnx`.
    dimension
        Length D of the embeddings.
    side
        Superpixels along one side.
    comparison
        By what: see `lpel_serving.equations.comparison`.

    Returns
    -------
    bytes
        An ONNX model with the same tensors and metadata.

    Raises
    ------
    ModelShapeError
        If the model is of another opset than our exports, or has operators of other domains.
    """
    onnx, parser = require("onnx", "export"), require("onnx.parser", "export")
    model: Any = parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : {OPSET}, "lpel" : 1, "network" : 1]>
        responses (float[batch,{dimension}] {EMBEDDING})
            => (float[batch,{side},{side},{dimension}] {RESPONSE})
        {{
            u = lpel.Scale ({EMBEDDING})
            {RESPONSE} = network.Respond (u)
        }}"""
    )
    texts = functions({"SumOfFeatures": dimension}, comparing(comparison, dimension))
    equations = map(parser.parse_function, texts)
    model.functions.extend(one for one in equations if one.name in _NEEDED)
    model.functions.append(as_function(responder, "Respond", OPSET))
    model = require("onnx.inliner", "export").inline_local_functions(model)
    constants_to_weights(model.graph)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    about = onnx.load_from_string(responder).metadata_props
    finish(model, {entry.key: entry.value for entry in about})
    return model.SerializeToString()
