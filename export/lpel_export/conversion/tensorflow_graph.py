"""Converts a TensorFlow function to ONNX: traced, with weights frozen as constants."""

import contextlib
import gc
import logging
import warnings
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from lpel_export.support.errors import CONVERTERS_ERRORS, ConversionError, reason_of
from lpel_serving.support.extras import require

_OUT_OF_LINE = ("_XlaMustCompile", "_noinline")


def trace(function: Callable[..., Any], *specs: Any) -> Any:
    """Trace a function of tensors for inputs of one kind each, a ``tf.TensorSpec``.

    Raises
    ------
    ConversionError
        If the network cannot be run on such inputs.
    """
    tf = require("tensorflow", "train")
    traced = tf.function(function, input_signature=specs, autograph=False)
    try:
        return traced.get_concrete_function()
    except (*CONVERTERS_ERRORS, tf.errors.OpError) as error:
        shapes = " and ".join(str(tuple(spec.shape)) for spec in specs)
        raise ConversionError(
            f"the network does not run on inputs of shape {shapes}: {reason_of(error)}"
        ) from error


def to_onnx(concrete: Any, opset: int) -> Any:
    """Convert a traced function from tensors to a dictionary of some, to an ``onnx.ModelProto``.

    The tensors are called as in the function's signature and in its dictionary. What else the
    function holds on to, variables and tensors such as a normalisation's statistics, becomes
    constants.

    Raises
    ------
    ConversionError
        If tf2onnx cannot convert it, or ONNX lacks an operation.
    """
    try:
        with _calm_tf2onnx():
            model = _convert(concrete, opset)
    except (*CONVERTERS_ERRORS, require("tensorflow", "train").errors.OpError) as error:
        raise ConversionError(f"tf2onnx cannot convert the model: {reason_of(error)}") from error
    _refuse_foreign_operations(model)
    return model


def _convert(concrete: Any, opset: int) -> Any:
    tf, tf2onnx = require("tensorflow", "train"), require("tf2onnx", "export")
    # Inputs beyond the signature's are captured tensors, which freezing makes constants too.
    specs, _ = concrete.structured_input_signature
    given = concrete.inputs[: len(specs)]
    results = concrete.structured_outputs
    inputs, outputs = [tensor.name for tensor in given], [one.name for one in results.values()]
    names = {tensor.name: tensor.op.name for tensor in given}
    names |= {tensor.name: name for name, tensor in results.items()}
    with tf.device("/cpu:0"):
        frozen = tf2onnx.tf_loader.from_function(concrete, inputs, outputs)
        if _let_inline(frozen):
            with tf.Graph().as_default():
                frozen = tf2onnx.tf_loader.tf_optimize(inputs, outputs, frozen)

        def convert() -> Any:
            with tf.Graph().as_default() as graph:
                tf.import_graph_def(frozen, name="")
                return tf2onnx.tfonnx.process_tf_graph(
                    graph,
                    opset=opset,
                    custom_op_handlers={"Erfc": (_erfc, [])},
                    input_names=inputs,
                    output_names=outputs,
                    tensors_to_rename=names,
                )

        try:
            graph = _optimised(convert(), catch_errors=False)
        except CONVERTERS_ERRORS:
            # Again, without the pass that failed: tf2onnx then takes a copy of all the weights
            # before each, to go back to. So this is not the first way.
            graph = _optimised(convert(), catch_errors=True)
    return graph.make_model(concrete.name)


def _optimised(graph: Any, *, catch_errors: bool) -> Any:
    """Run tf2onnx's passes over its graph.

    After each it would write all the weights into messages that keep the former ones too, some
    seventy times; they are written once, when the model is made.
    """
    optimizer = require("tf2onnx.optimizer", "export")
    graph.update_proto = lambda: None
    graph = optimizer.optimize_graph(graph, catch_errors=catch_errors)
    del graph.update_proto
    return graph


def _let_inline(graph: Any) -> bool:
    """Strip, in place, what keeps functions out of line; return whether there was any.

    A function that is to be compiled, such as Keras makes of every grouped convolution, stays a
    call, and tf2onnx knows no calls.
    """
    parts = [
        part
        for part in (*graph.node, *graph.library.function)
        if any(name in part.attr for name in _OUT_OF_LINE)
    ]
    for part in parts:
        for name in _OUT_OF_LINE:
            part.attr.pop(name, None)
    return bool(parts)


def _erfc(graph: Any, node: Any, name: str, arguments: Any) -> None:  # noqa: ARG001
    """Rewrite ``erfc(x)``, which ONNX lacks, as ``1 - erf(x)``: a handler for tf2onnx.

    What cancels is float32's rounding of 1, next to the 2 that erfc reaches.
    """
    shape, kind = graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    number = require("tf2onnx", "export").utils.map_onnx_to_numpy_type(kind)
    graph.remove_node(name)
    one = graph.make_const(f"{name}/one", np.ones((), number))
    erf = graph.make_node("Erf", node.input, name=f"{name}/erf", shapes=[shape], dtypes=[kind])
    graph.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        name=name,
        outputs=node.output,
        shapes=[shape],
        dtypes=[kind],
    )


def _refuse_foreign_operations(model: Any) -> None:
    has = require("onnx", "export").defs.has
    foreign = {node.op_type for node in model.graph.node if not has(node.op_type, node.domain)}
    if foreign:
        raise ConversionError(
            "the model has operations that neither tf2onnx nor ONNX has an operator for: "
            f"{', '.join(sorted(foreign))}. Give a model without them, such as one cut off before "
            "or after them."
        )


@contextlib.contextmanager
def _calm_tf2onnx() -> Generator[None]:
    """Silence tf2onnx's log and warnings."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        gc.collect()  # its graphs are full of cycles, and hold all the weights
